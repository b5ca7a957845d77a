import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { CalendarSync, Check, Inbox, TriangleAlert, X } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask, ifMatch } from '~/api/client';
import { useSession } from '~/api/session';
import { type Appointment, conflicts } from '~/expert/agenda';
import { dayQuery, requestsQuery } from '~/expert/queries';
import { addDays, dayStart } from '~/expert/zone';
import { dateTime, day, isoDay, ownZone, relative, timeRange } from '~/lib/format';
import { useTitle } from '~/lib/title';
import { useServerNow } from '~/live/clock';
import { Button, ButtonLink } from '~/ui/button';
import { Badge, Card, Note, Row, Soft, Stack } from '~/ui/layout';
import { Loading, ProblemState, State } from '~/ui/states';
import { toast } from '~/ui/toast';
import { type Decision, DecisionDialog } from './decision';
import css from './expert.module.css';

/** What customers ask for and nobody has answered yet. */
export default function Requests() {
  const { t } = useTranslation('expert');
  const { data, error, isPending, refetch } = useQuery(requestsQuery);
  useTitle(t('sections.requests'));
  return (
    <Stack className={css.page}>
      <div>
        <h1>{t('requests.title')}</h1>
        <Soft>{t('requests.intro')}</Soft>
      </div>
      {isPending && <Loading />}
      {error && <ProblemState error={error} retry={() => void refetch()} />}
      {data?.items.length === 0 && (
        <State icon={<Inbox size={40} />} title={t('requests.empty')}>
          <p>{t('requests.emptyText')}</p>
        </State>
      )}
      {data?.items.map((request) => (
        <Request key={request.id} request={request} />
      ))}
    </Stack>
  );
}

function Request({ request }: { request: Appointment }) {
  const { t } = useTranslation('expert');
  const { user } = useSession();
  const zone = user?.tz ?? ownZone();
  const now = useServerNow();
  const [open, setOpen] = useState<Decision>();
  const decide = useDecision(request);
  const may = (action: (typeof request.actions)[number]) => request.actions.includes(action);
  return (
    <Card
      aria-label={`${t('requests.of', { name: request.customerName ?? t('someone') })}, ${dateTime(request.startsAt, zone)}`}
    >
      <Stack>
        <Row spread>
          <div>
            <p className={css.big}>{request.customerName ?? t('someone')}</p>
            <Soft>{request.title}</Soft>
          </div>
          <Badge tone="warn">{t('requests.asked', { when: relative(request.createdAt, now) })}</Badge>
        </Row>
        <p>
          <strong>{day(request.startsAt, zone)}</strong>, {timeRange(request.startsAt, request.endsAt, zone)}{' '}
          · {relative(request.startsAt, now)}
        </p>
        {request.note && <blockquote className={css.quote}>{request.note}</blockquote>}
        {request.proposal && (
          <Note tone="accent">
            <strong>
              {t(request.proposal.byCustomer ? 'requests.theyPropose' : 'requests.youPropose', {
                when: `${day(request.proposal.startsAt, zone)}, ${timeRange(request.proposal.startsAt, request.proposal.endsAt, zone)}`,
              })}
            </strong>
            {request.proposal.message && <p className={css.words}>{request.proposal.message}</p>}
          </Note>
        )}
        <Conflicts appointment={request} from={request.startsAt} to={request.endsAt} zone={zone} />
        <Row>
          {may('approve') && (
            <Button
              busy={decide.isPending}
              onClick={() => decide.mutate({ kind: 'approve', message: '' })}
              data-action="approve"
            >
              <Check size={18} aria-hidden="true" />
              {t('requests.approve')}
            </Button>
          )}
          {may('approve') && (
            <Button look="secondary" onClick={() => setOpen('approve')}>
              {t('requests.approveWith')}
            </Button>
          )}
          {may('propose') && (
            <Button look="secondary" onClick={() => setOpen('propose')}>
              <CalendarSync size={18} aria-hidden="true" />
              {t('requests.propose')}
            </Button>
          )}
          {may('reject') && (
            <Button look="secondary" onClick={() => setOpen('reject')}>
              <X size={18} aria-hidden="true" />
              {t('requests.reject')}
            </Button>
          )}
          <ButtonLink href={`/appointments/${request.id}`} look="quiet">
            {t('details')}
            <span className="visually-hidden"> {request.customerName ?? ''}</span>
          </ButtonLink>
        </Row>
      </Stack>
      {open && (
        <DecisionDialog
          kind={open}
          request={request}
          zone={zone}
          error={decide.error}
          busy={decide.isPending}
          onClose={() => {
            decide.reset();
            setOpen(undefined);
          }}
          onDecide={(said) => decide.mutate(said, { onSuccess: () => setOpen(undefined) })}
        />
      )}
    </Card>
  );
}

export interface Said {
  kind: Decision;
  message: string;
  startsAt?: string;
  outsideHours?: boolean;
}

/** Tells the server what was decided. What is answered leaves the list at once, and comes back if it was refused. */
function useDecision(request: Appointment) {
  const { t } = useTranslation('expert');
  const client = useQueryClient();
  const { queryKey } = requestsQuery;
  return useMutation({
    mutationFn: ({ kind, message, startsAt, outsideHours }: Said) => {
      const params = { path: { appointment_id: request.id }, header: ifMatch(request.version) };
      const words = message ? { message } : {};
      if (kind === 'approve')
        return ask(api.POST('/api/appointments/{appointment_id}/approve', { params, body: words }));
      if (kind === 'reject')
        return ask(api.POST('/api/appointments/{appointment_id}/reject', { params, body: words }));
      return ask(
        api.POST('/api/appointments/{appointment_id}/propose', {
          params,
          body: { ...words, startsAt: startsAt ?? '', outsideHours: outsideHours ?? false },
        }),
      );
    },
    onMutate: async ({ kind, message }) => {
      // With a dialog open its list stays, so that what was written is not lost when it is refused.
      if (kind === 'propose' || message) return {};
      await client.cancelQueries({ queryKey });
      const before = client.getQueryData(queryKey);
      client.setQueryData(queryKey, (list) =>
        list ? { ...list, items: list.items.filter(({ id }) => id !== request.id) } : list,
      );
      return { before };
    },
    onSuccess: (_done, { kind }) =>
      toast.success(t(`requests.done.${kind}`, { name: request.customerName ?? t('someone') })),
    onError: (problem, _said, context) => {
      // In a dialog that is still open it stands beside what was written.
      if (!context?.before) return;
      client.setQueryData(queryKey, context.before);
      toast.problem(problem);
    },
    onSettled: () => client.invalidateQueries({ queryKey: ['appointments'] }),
  });
}

/** What else the expert has at that time, beside what it concerns. */
export function Conflicts({
  appointment,
  from,
  to,
  zone,
}: {
  appointment: Appointment;
  from: string;
  to: string;
  zone: string;
}) {
  const { t } = useTranslation('expert');
  const date = isoDay(from, zone);
  const { data } = useQuery(dayQuery(dayStart(addDays(date, -1), zone), dayStart(addDays(date, 2), zone)));
  const { data: reasons } = useQuery({
    queryKey: ['slots', 'why', appointment.serviceId, from],
    queryFn: () =>
      ask(
        api.GET('/api/services/{service_id}/explain', {
          params: { path: { service_id: appointment.serviceId }, query: { startsAt: from } },
        }),
      ),
  });
  const outside = reasons?.some((why) =>
    why.reasons.some(({ code }) => code === 'outside_availability' || code === 'closed'),
  );
  const found = conflicts(
    { from: Date.parse(from), to: Date.parse(to), not: appointment.id },
    data?.items ?? [],
  );
  if (!data) return null;
  if (found.length === 0 && !outside) return <Soft small>{t('requests.noConflict')}</Soft>;
  return (
    <Note tone="warn">
      <Row>
        <TriangleAlert size={18} aria-hidden="true" />
        <strong>{t('requests.conflict')}</strong>
      </Row>
      <ul>
        {found.map((other) => (
          <li key={other.id}>
            {timeRange(other.startsAt, other.endsAt, zone)} · {other.customerName ?? t('someone')} ·{' '}
            {t(`status.${other.status}`)}
          </li>
        ))}
        {outside && <li>{t('requests.outside')}</li>}
      </ul>
    </Note>
  );
}
