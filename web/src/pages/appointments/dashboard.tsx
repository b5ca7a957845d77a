import { useQuery } from '@tanstack/react-query';
import { CalendarSearch, Headphones } from 'lucide-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { useSession } from '~/api/session';
import { useAct } from '~/appointments/act';
import css from '~/appointments/page.module.css';
import { calendarFile, upcomingQuery } from '~/appointments/queries';
import { Times } from '~/appointments/times';
import { type Appointment, stands } from '~/appointments/view';
import { AppointmentCard } from '~/components/appointment-card';
import { useTitle } from '~/lib/title';
import { useServerNow } from '~/live/clock';
import { ButtonLink } from '~/ui/button';
import { Soft } from '~/ui/layout';
import { Loading, ProblemState, Skeleton, State } from '~/ui/states';

/** What is next, what waits for an answer, and what comes after. */
export default function Dashboard() {
  const { t } = useTranslation(['appointments', 'common']);
  useTitle(t('common:appointments'));
  const { user } = useSession();
  const { data, error, isPending } = useQuery(upcomingQuery);
  const customer = user?.role === 'customer';
  return (
    <div className={css.page}>
      <header className={css.top}>
        <h1>{t('dashboard.title')}</h1>
        <div className={css.tools}>
          <ButtonLink href="/test-call" look="secondary">
            <Headphones size={18} aria-hidden="true" />
            {t('deviceCheck')}
          </ButtonLink>
          {customer && (
            <ButtonLink href="/experts" look="secondary">
              <CalendarSearch size={18} aria-hidden="true" />
              {t('book')}
            </ButtonLink>
          )}
        </div>
      </header>
      {isPending ? (
        <Loading>
          <Skeleton height="18rem" radius="var(--radius-l)" />
          <Skeleton width="12rem" height="1.5rem" />
          <Skeleton height="12rem" radius="var(--radius-m)" />
        </Loading>
      ) : error ? (
        <ProblemState error={error} />
      ) : (
        <Lists items={data.items} />
      )}
    </div>
  );
}

function Lists({ items }: { items: readonly Appointment[] }) {
  const { t } = useTranslation(['appointments', 'common']);
  const now = useServerNow();
  const act = useAct();
  const { user } = useSession();
  const customer = user?.role === 'customer';
  const next = items.find((it) => stands(it) && now < Date.parse(it.window.closesAt));
  // Those that wait for whoever looks come before those that wait for somebody else.
  const requests = items.filter(({ status }) => status === 'pending');
  const later = items.filter((it) => it !== next && stands(it) && now < Date.parse(it.window.closesAt));
  const ended = items.filter((it) => stands(it) && Date.parse(it.window.closesAt) <= now);
  const card = (appointment: Appointment, large = false) => (
    <AppointmentCard
      key={appointment.id}
      appointment={appointment}
      now={now}
      onAct={(what) => act(appointment, what)}
      Times={Times}
      href={`/appointments/${appointment.id}`}
      calendar={calendarFile(appointment.id)}
      large={large}
      level={large ? 2 : 3}
    />
  );
  if (items.length === 0) {
    return (
      <State
        icon={<CalendarSearch size={48} />}
        title={t(customer ? 'dashboard.empty' : 'dashboard.emptyExpert')}
        actions={
          customer ? (
            <ButtonLink href="/experts">{t('book')}</ButtonLink>
          ) : user?.role === 'expert' ? (
            <ButtonLink href="/expert/availability">{t('dashboard.toHours')}</ButtonLink>
          ) : undefined
        }
      >
        <p>{t(customer ? 'dashboard.emptyHint' : 'dashboard.emptyExpertHint')}</p>
      </State>
    );
  }
  return (
    <>
      {next && (
        <section aria-label={t('dashboard.next')} className={css.section}>
          <p className={css.eyebrow}>{t('dashboard.next')}</p>
          {card(next, true)}
        </section>
      )}
      <Section
        title={t(customer ? 'dashboard.asked' : 'dashboard.requests')}
        hint={t(customer ? 'dashboard.askedHint' : 'dashboard.requestsHint')}
        count={requests.length}
      >
        {requests.map((it) => card(it))}
      </Section>
      <Section title={t('dashboard.later')} count={later.length}>
        {later.map((it) => card(it))}
      </Section>
      <Section title={t('dashboard.justEnded')} count={ended.length}>
        {ended.map((it) => card(it))}
      </Section>
    </>
  );
}

function Section({
  title,
  hint,
  count,
  children,
}: {
  title: string;
  hint?: string;
  count: number;
  children: ReactNode;
}) {
  if (count === 0) return null;
  return (
    <section className={css.section}>
      <div>
        <h2>
          {title} <span className={css.count}>{count}</span>
        </h2>
        {hint && <Soft small>{hint}</Soft>}
      </div>
      <div className={css.grid}>{children}</div>
    </section>
  );
}
