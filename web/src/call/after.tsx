import { useQuery } from '@tanstack/react-query';
import { PhoneOff } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { api, ask, type Schemas } from '~/api/client';
import { Rating } from '~/appointments/rating';
import { milliseconds, percent } from '~/lib/figures';
import { clock } from '~/lib/format';
import { serverNow } from '~/live/clock';
import { Button, ButtonLink } from '~/ui/button';
import { Badge, Card, Note, Row } from '~/ui/layout';
import { ProblemNote, Skeleton } from '~/ui/states';
import { callAppointmentQuery, doorOf } from './access';
import css from './after.module.css';

/** How the call ended for this side. */
export type Ending = 'left' | 'window_closed' | 'cancelled' | 'ended';

/** After a call: how long it was, how it went, what one thinks of it, and where to go from here. */
export function After({
  appointmentId,
  ending,
  seconds,
  rejoin,
}: {
  appointmentId: string | undefined;
  ending: Ending;
  /** How long this side was in, where the server does not say. */
  seconds: number;
  rejoin: () => void;
}) {
  const { t } = useTranslation('call');
  const appointment = useQuery({
    ...callAppointmentQuery(appointmentId ?? ''),
    enabled: appointmentId !== undefined,
    // What has just ended is completed a moment later.
    refetchInterval: ({ state }) => (state.data?.status === 'in_progress' ? 5000 : false),
  });
  const it = appointment.data;
  const open = ending === 'left' && (!it || doorOf(it, serverNow()) === 'open');
  return (
    <div className={css.after} data-state="after" data-ending={ending}>
      <div className={css.top}>
        <span className={css.mark}>
          <PhoneOff size={28} aria-hidden="true" />
        </span>
        <h1>{t(`after.${ending}`)}</h1>
        {it && <p className={css.soft}>{it.title}</p>}
      </div>
      <Row className={css.actions}>
        {open && <Button onClick={rejoin}>{t('after.rejoin')}</Button>}
        {appointmentId && (
          <ButtonLink href={`/appointments/${appointmentId}`} look={open ? 'secondary' : 'primary'}>
            {t('toAppointment')}
          </ButtonLink>
        )}
      </Row>
      {appointmentId ? (
        <>
          <Report appointmentId={appointmentId} seconds={seconds} />
          {it && <Rating appointment={it} />}
        </>
      ) : (
        <p className={css.soft}>{t('after.duration', { time: clock(seconds * 1000) })}</p>
      )}
    </div>
  );
}

const CAUSES = {
  loss_up: 'loss_up',
  loss_down: 'loss_down',
  delay: 'delay',
  jitter: 'jitter',
  layer: 'layer',
} as const;

function Report({ appointmentId, seconds }: { appointmentId: string; seconds: number }) {
  const { t } = useTranslation('call');
  const path = { appointment_id: appointmentId as Schemas['AppointmentId'] };
  const report = useQuery({
    queryKey: ['calls', appointmentId, 'report'],
    queryFn: () => ask(api.GET('/api/appointments/{appointment_id}/report', { params: { path } })),
    refetchInterval: 10_000,
  });
  const summary = report.data?.summary;
  const cells: [string, string][] = [
    [t('after.length'), clock(Math.max(seconds, report.data?.callSeconds ?? 0) * 1000)],
    [t('after.goodMinutes'), percent(summary?.goodShare, 0)],
    [t('quality.rtt'), milliseconds(summary?.rttMsMean)],
    [t('quality.lossDown'), percent(summary?.lossDownMean)],
  ];
  const worst = summary?.causes[0];
  return (
    <Card aria-label={t('after.report')}>
      <h2>{t('after.report')}</h2>
      <dl className={css.cells}>
        {cells.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{report.isPending ? <Skeleton width="4rem" height="1.4rem" /> : value}</dd>
          </div>
        ))}
      </dl>
      {worst ? (
        <Note tone="warn">
          {t('after.cause', { count: worst.minutes, cause: t(`quality.cause.${CAUSES[worst.cause]}`) })}
        </Note>
      ) : (
        summary && summary.minutes > 0 && <Badge tone="good">{t('after.allGood')}</Badge>
      )}
      {report.error && <ProblemNote error={report.error} />}
    </Card>
  );
}
