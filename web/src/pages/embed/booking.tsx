import { useMutation, useQuery } from '@tanstack/react-query';
import { CalendarCheck, ExternalLink } from 'lucide-react';
import { lazy, Suspense, useCallback, useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useParams, useSearchParams } from 'wouter';
import { api, ask, Problem, type Schemas } from '~/api/client';
import { useSession } from '~/api/session';
import { When } from '~/appointments/words';
import { tellHost, useHeight, useHost } from '~/lib/embedded';
import * as format from '~/lib/format';
import { setTheme } from '~/lib/theme';
import { useTitle } from '~/lib/title';
import { serverNow } from '~/live/clock';
import type { HostMessage } from '~/parts/vocabulary';
import { Button, ButtonLink } from '~/ui/button';
import { TextArea } from '~/ui/field';
import { Avatar, Soft } from '~/ui/layout';
import { Loading, ProblemNote, ProblemState, State } from '~/ui/states';
import css from './booking.module.css';

const SlotPicker = lazy(() => import('~/pages/booking/picker'));

/** Booking inside another site: short, and handed on to the full page in a tab of its own where it must be. */
export default function EmbeddedBooking() {
  const { t } = useTranslation('demo');
  const { id } = useParams<{ id?: string }>();
  useTitle(t('embed.title'));
  useHeight();
  useHost(useCallback(obey, []));
  return <div className={css.frame}>{id ? <OfExpert slug={id} /> : <Experts />}</div>;
}

function obey(message: HostMessage): void {
  if (message.type === 'theme') setTheme(message.theme);
}

/** What does not work is known to the page around as well. */
function Broken({ error, level }: { error: unknown; level?: 1 | 2 }) {
  const { code } = Problem.of(error);
  useEffect(() => tellHost({ type: 'problem', code }), [code]);
  return level ? <ProblemState error={error} level={level} /> : <ProblemNote error={error} />;
}

function Experts() {
  const { t } = useTranslation('demo');
  const { data, error, isPending } = useQuery({
    queryKey: ['experts', 'embed'],
    queryFn: () => ask(api.GET('/api/experts', { params: { query: { limit: 50 } } })),
  });
  if (isPending) return <Loading />;
  if (error) return <Broken error={error} level={1} />;
  return (
    <>
      <h1 className={css.title}>{t('embed.experts')}</h1>
      <ul className={css.experts}>
        {data.items.map(({ id, slug, name, headline }) => (
          <li key={id} className={css.expert}>
            <Avatar name={name} size={44} />
            <div className={css.grow}>
              <strong>{name}</strong>
              <Soft small>{headline}</Soft>
            </div>
            <ButtonLink look="secondary" href={`/embed/booking/${slug}${location.search}`}>
              {t('embed.choose')}
            </ButtonLink>
          </li>
        ))}
      </ul>
    </>
  );
}

function OfExpert({ slug }: { slug: string }) {
  const { t } = useTranslation('demo');
  const [params] = useSearchParams();
  const { data, error, isPending } = useQuery({
    queryKey: ['experts', slug],
    queryFn: () => ask(api.GET('/api/experts/{slug}', { params: { path: { slug } } })),
  });
  const [picked, pick] = useState<string>();
  if (isPending) return <Loading />;
  if (error) return <Broken error={error} level={1} />;
  const wanted = params.get('service');
  const services = data.services.filter(({ active }) => active);
  const service = services.find(({ id }) => id === (picked ?? wanted)) ?? services[0];
  return (
    <>
      <header className={css.expert}>
        <Avatar name={data.name} size={52} />
        <div>
          <h1 className={css.title}>{data.name}</h1>
          <Soft small>{data.headline}</Soft>
        </div>
      </header>
      {!service ? (
        <State title={t('embed.nothing')} />
      ) : (
        <>
          {!wanted && services.length > 1 && (
            <fieldset className={css.services}>
              <legend>{t('embed.service')}</legend>
              {services.map(({ id, title, durationMin }) => (
                <label key={id}>
                  <input
                    type="radio"
                    name="service"
                    className="visually-hidden"
                    checked={service.id === id}
                    onChange={() => pick(id)}
                  />
                  <span>
                    {title}
                    <small>{t('embed.length', { count: durationMin })}</small>
                  </span>
                </label>
              ))}
            </fieldset>
          )}
          <Slots key={service.id} slug={slug} service={service} />
        </>
      )}
    </>
  );
}

function Slots({ slug, service }: { slug: string; service: Schemas['Service'] }) {
  const { t } = useTranslation(['demo', 'appointments']);
  const { user } = useSession();
  const [chosen, choose] = useState<string>();
  const tz = format.ownZone();
  const full = `/experts/${encodeURIComponent(slug)}/book?${new URLSearchParams({
    service: service.id,
    ...(chosen ? { at: chosen, step: 'details' } : {}),
  })}`;
  return (
    <>
      <Suspense fallback={<Loading />}>
        <SlotPicker
          service={service}
          zone={tz}
          chosen={chosen}
          onChoose={({ startsAt }) => choose(startsAt)}
        />
      </Suspense>
      <Soft small>{t('embed.zone', { zone: format.zoneName(serverNow(), tz) })}</Soft>
      {user?.role === 'customer' && chosen ? (
        <Request key={chosen} service={service} startsAt={chosen} tz={tz} />
      ) : (
        // The browser keeps cookies from frames of other sites: signing in takes a tab of its own.
        <a className={css.out} href={full} target="_blank" rel="noopener">
          {t(chosen ? 'embed.continue' : 'embed.all')}
          <ExternalLink size={18} aria-hidden="true" />
        </a>
      )}
    </>
  );
}

/** Who is signed in here too books in place. */
function Request({ service, startsAt, tz }: { service: Schemas['Service']; startsAt: string; tz: string }) {
  const { t } = useTranslation(['demo', 'appointments']);
  const [note, setNote] = useState('');
  const booking = useMutation({
    mutationFn: () =>
      ask(
        api.POST('/api/appointments', {
          body: { serviceId: service.id, startsAt, tz, ...(note.trim() ? { note: note.trim() } : {}) },
        }),
      ),
    onSuccess: ({ id, status, startsAt }) =>
      tellHost({ type: 'booked', appointmentId: id, status, startsAt }),
  });
  if (booking.data) {
    return (
      <State
        icon={<CalendarCheck size={40} />}
        title={t(booking.data.status === 'approved' ? 'embed.confirmed' : 'embed.asked')}
        actions={
          <a className={css.out} href={`/appointments/${booking.data.id}`} target="_blank" rel="noopener">
            {t('embed.toAppointment')}
            <ExternalLink size={18} aria-hidden="true" />
          </a>
        }
      >
        <When {...booking.data} />
      </State>
    );
  }
  return (
    <form
      className={css.form}
      onSubmit={(event) => {
        event.preventDefault();
        booking.mutate();
      }}
    >
      <TextArea
        label={t('embed.note')}
        maxLength={5000}
        rows={3}
        value={note}
        onChange={({ target }) => setNote(target.value)}
      />
      {booking.error && <Broken error={booking.error} />}
      <Button type="submit" busy={booking.isPending}>
        {t('embed.book', { time: format.time(startsAt, tz) })}
      </Button>
    </form>
  );
}
