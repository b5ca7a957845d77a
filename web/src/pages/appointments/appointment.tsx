import { useQuery } from '@tanstack/react-query';
import { ArrowLeft, Headphones } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { Link, useParams } from 'wouter';
import { useSession } from '~/api/session';
import { useAct } from '~/appointments/act';
import { Files } from '~/appointments/files';
import { Messages } from '~/appointments/messages';
import { Notes } from '~/appointments/notes';
import css from '~/appointments/page.module.css';
import { People } from '~/appointments/people';
import { appointmentQuery, calendarFile, serviceQuery } from '~/appointments/queries';
import { Rating } from '~/appointments/rating';
import { Report } from '~/appointments/report';
import { Times } from '~/appointments/times';
import { Trail } from '~/appointments/trail';
import { type Appointment, partnersOf, sideOf, stands } from '~/appointments/view';
import { WhyNot } from '~/appointments/why';
import { RoomOpen } from '~/appointments/window';
import { AppointmentCard } from '~/components/appointment-card';
import { useTitle } from '~/lib/title';
import { useServerNow } from '~/live/clock';
import { ButtonLink } from '~/ui/button';
import { Card, Soft } from '~/ui/layout';
import { Loading, ProblemState, Skeleton } from '~/ui/states';

/** All there is to one appointment. One that is not there and one of others look the same. */
export default function Page() {
  const { t } = useTranslation(['appointments', 'common']);
  const { id = '' } = useParams<{ id: string }>();
  const { data, error, isPending, refetch } = useQuery(appointmentQuery(id));
  // An account sees more than a guest: parts that come later would push down what is being read.
  const { pending } = useSession();
  useTitle(data ? `${data.title}, ${partnersOf(data).join(', ')}` : t('common:appointment'));
  if (isPending || (data && pending)) {
    return (
      <Loading>
        <Skeleton width="18rem" height="2.25rem" />
        <Skeleton height="18rem" radius="var(--radius-l)" />
        <Skeleton height="10rem" radius="var(--radius-m)" />
      </Loading>
    );
  }
  if (error) return <ProblemState error={error} level={1} retry={() => void refetch()} />;
  return <Whole appointment={data} />;
}

function Whole({ appointment }: { appointment: Appointment }) {
  const { t } = useTranslation(['appointments', 'common']);
  const { user } = useSession();
  const now = useServerNow();
  const act = useAct();
  const { id, status } = appointment;
  const side = sideOf(appointment);
  const over = status === 'completed' || status === 'no_show';
  const seated = side !== 'admin';
  return (
    <div className={css.page}>
      <header>
        {user && (
          <Link href={over ? '/history' : '/appointments'} className={css.crumb}>
            <ArrowLeft size={16} aria-hidden="true" />
            {t(over ? 'common:history' : 'common:appointments')}
          </Link>
        )}
        <h1>{t('details.title', { who: partnersOf(appointment).join(t('and')) })}</h1>
      </header>
      <div className={css.columns}>
        <div className={css.column}>
          <AppointmentCard
            appointment={appointment}
            now={now}
            onAct={(what) => act(appointment, what)}
            Times={Times}
            calendar={calendarFile(id)}
            large
            level={2}
          >
            <RoomOpen appointment={appointment} now={now} />
            {side === 'customer' && <Terms appointment={appointment} now={now} />}
          </AppointmentCard>
          {stands(appointment) && <WhyNot appointment={appointment} now={now} />}
          {over && user && <Rating appointment={appointment} />}
          {(over || status === 'in_progress') && <Report appointment={appointment} />}
          <Messages appointment={appointment} />
          <Files appointment={appointment} />
        </div>
        <div className={css.column}>
          {stands(appointment) && seated && (
            <Card>
              <h2>{t('prepare.title')}</h2>
              <Soft>{t('prepare.text')}</Soft>
              <div className={css.form}>
                <ButtonLink href="/test-call" look="secondary">
                  <Headphones size={18} aria-hidden="true" />
                  {t('deviceCheck')}
                </ButtonLink>
              </div>
            </Card>
          )}
          <People appointment={appointment} />
          <Notes appointment={appointment} />
          {user && <Trail id={id} />}
        </div>
      </div>
    </div>
  );
}

/** Until when it can be moved and called off, in words. */
function Terms({ appointment, now }: { appointment: Appointment; now: number }) {
  const { t } = useTranslation(['appointments', 'common']);
  const { data: service } = useQuery(serviceQuery(appointment.serviceId));
  const start = Date.parse(appointment.startsAt);
  if (!stands(appointment) || now >= start) return null;
  if (!service) {
    return (
      <div className={css.soft} aria-busy="true">
        <p>
          <Skeleton />
        </p>
        <p>
          <Skeleton />
        </p>
      </div>
    );
  }
  const can = (action: 'cancel' | 'reschedule') => appointment.actions.includes(action);
  const hours = (minutes: number) =>
    minutes % 60 === 0 ? t('span.hour', { count: minutes / 60 }) : t('common:minutes', { count: minutes });
  return (
    <div className={css.soft}>
      <p>
        {can('cancel')
          ? service.cancelNoticeMin > 0
            ? t('terms.cancelUntil', { span: hours(service.cancelNoticeMin) })
            : t('terms.cancelAny')
          : t('terms.cancelOver', { span: hours(service.cancelNoticeMin) })}
      </p>
      <p>
        {can('reschedule')
          ? service.rescheduleNoticeMin > 0
            ? t('terms.moveUntil', { span: hours(service.rescheduleNoticeMin) })
            : t('terms.moveAny')
          : t('terms.moveOver', { span: hours(service.rescheduleNoticeMin) })}
        {can('reschedule') && service.reapprove && ` ${t('terms.reapprove')}`}
      </p>
    </div>
  );
}
