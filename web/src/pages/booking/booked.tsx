import { useQuery } from '@tanstack/react-query';
import { CalendarPlus, CircleCheck, CircleX, Hourglass } from 'lucide-react';
import { useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask, type Schemas } from '~/api/client';
import { day, timeRange, zoneName } from '~/lib/format';
import { useTitle } from '~/lib/title';
import { ButtonAnchor, ButtonLink } from '~/ui/button';
import { Badge, Card, Note, Row } from '~/ui/layout';
import { Loading, ProblemState } from '~/ui/states';
import css from './book.module.css';
import type { ExpertPage } from './queries';
import { useWay } from './way';

type Appointment = Schemas['Appointment'];

/** What has come of the booking. It is alive: an expert's yes shows here by itself. */
export function Booked({ id, expert }: { id: string; expert: ExpertPage }) {
  const { data, error, refetch } = useQuery({
    queryKey: ['appointment', id],
    queryFn: () =>
      ask(api.GET('/api/appointments/{appointment_id}', { params: { path: { appointment_id: id } } })),
  });
  if (error && !data) return <ProblemState error={error} level={1} retry={() => void refetch()} />;
  if (!data) return <Loading />;
  return <Confirmation appointment={data} expert={expert} />;
}

function useVerdict(appointment: Appointment) {
  const { t } = useTranslation('booking');
  switch (appointment.status) {
    case 'pending':
      return {
        tone: 'warn',
        icon: <Hourglass size={28} />,
        title: t('requested'),
        text: t('requestedNext'),
        badge: t('statusPending'),
      } as const;
    case 'approved':
    case 'in_progress':
    case 'completed':
      return {
        tone: 'good',
        icon: <CircleCheck size={28} />,
        title: t('confirmed'),
        text: t('confirmedNext'),
        badge: t('statusApproved'),
      } as const;
    default:
      return {
        tone: 'bad',
        icon: <CircleX size={28} />,
        title: t('cameToNothing'),
        text: t('cameToNothingNext'),
        badge: t('statusOver'),
      } as const;
  }
}

function Confirmation({ appointment, expert }: { appointment: Appointment; expert: ExpertPage }) {
  const { t } = useTranslation('booking');
  const { zone } = useWay();
  const state = useVerdict(appointment);
  const heading = useRef<HTMLHeadingElement>(null);
  useTitle(state.title);
  // What was pressed is gone: whoever listens goes on here.
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  return (
    <div className={css.done}>
      <div className={css.verdict} data-tone={state.tone}>
        {state.icon}
        <h1 ref={heading} tabIndex={-1}>
          {state.title}
        </h1>
        <p role="status">{state.text}</p>
      </div>
      <Card>
        <Row spread>
          <h2>{appointment.title}</h2>
          <Badge tone={state.tone}>{state.badge}</Badge>
        </Row>
        <dl className={css.data}>
          <dt>{t('when')}</dt>
          <dd>
            <strong>{day(appointment.startsAt, zone)}</strong>
            <br />
            {timeRange(appointment.startsAt, appointment.endsAt, zone)} (
            {zoneName(appointment.startsAt, zone)})
          </dd>
          <dt>{t('with')}</dt>
          <dd>{appointment.expertName}</dd>
          {appointment.note && (
            <>
              <dt>{t('yourNote')}</dt>
              <dd className={css.prose}>{appointment.note}</dd>
            </>
          )}
          {appointment.decisionMessage && (
            <>
              <dt>{t('messageFrom', { name: appointment.expertName })}</dt>
              <dd className={css.prose}>{appointment.decisionMessage}</dd>
            </>
          )}
        </dl>
        <div className={css.actions}>
          <ButtonLink href={`/appointments/${appointment.id}`}>{t('manage')}</ButtonLink>
          {state.tone !== 'bad' && (
            <ButtonAnchor look="secondary" href={`/api/appointments/${appointment.id}/invite.ics`} download>
              <CalendarPlus size={18} aria-hidden="true" />
              {t('addToCalendar')}
            </ButtonAnchor>
          )}
          {state.tone === 'bad' && (
            <ButtonLink look="secondary" href={`/experts/${encodeURIComponent(expert.slug)}/book`}>
              {t('bookAnother')}
            </ButtonLink>
          )}
        </div>
      </Card>
      <Note>
        {t('prepare')} <a href="/test-call">{t('prepareLink')}</a>
      </Note>
    </div>
  );
}
