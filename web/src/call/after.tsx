import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { PhoneOff, Star } from 'lucide-react';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask, Problem, type Schemas } from '~/api/client';
import { clock } from '~/lib/format';
import { serverNow } from '~/live/clock';
import { Button, ButtonLink } from '~/ui/button';
import { TextArea } from '~/ui/field';
import { Badge, Card, Note, Row, Stack } from '~/ui/layout';
import { ProblemNote, Skeleton } from '~/ui/states';
import { toast } from '~/ui/toast';
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
          {it?.status === 'completed' && <Rating appointmentId={appointmentId} />}
        </>
      ) : (
        <p className={css.soft}>{t('after.duration', { time: clock(seconds * 1000) })}</p>
      )}
    </div>
  );
}

const CAUSES = { loss_up: 'loss_up', loss_down: 'loss_down', delay: 'delay', jitter: 'jitter' } as const;

function Report({ appointmentId, seconds }: { appointmentId: string; seconds: number }) {
  const { t } = useTranslation('call');
  const path = { appointment_id: appointmentId as Schemas['AppointmentId'] };
  const report = useQuery({
    queryKey: ['calls', appointmentId, 'report'],
    queryFn: () => ask(api.GET('/api/appointments/{appointment_id}/report', { params: { path } })),
    refetchInterval: 10_000,
  });
  const summary = report.data?.summary;
  const percent = (share: number | null | undefined) =>
    share === null || share === undefined ? '–' : `${(share * 100).toFixed(1)} %`;
  const good = summary?.goodShare;
  const cells: [string, string][] = [
    [t('after.length'), clock(Math.max(seconds, report.data?.callSeconds ?? 0) * 1000)],
    [t('after.goodMinutes'), good === null || good === undefined ? '–' : `${Math.round(good * 100)} %`],
    [t('quality.rtt'), summary?.rttMsMean ? `${Math.round(summary.rttMsMean)} ms` : '–'],
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

function Rating({ appointmentId }: { appointmentId: string }) {
  const { t } = useTranslation('call');
  const client = useQueryClient();
  const path = { appointment_id: appointmentId as Schemas['AppointmentId'] };
  const queryKey = ['content', appointmentId, 'rating'];
  const rating = useQuery({
    queryKey,
    queryFn: () => ask(api.GET('/api/appointments/{appointment_id}/rating', { params: { path } })),
  });
  const [stars, setStars] = useState(0);
  const [comment, setComment] = useState('');
  const rate = useMutation({
    mutationFn: () =>
      ask(
        api.POST('/api/appointments/{appointment_id}/rating', { params: { path }, body: { stars, comment } }),
      ),
    onSuccess: (made) => {
      client.setQueryData(queryKey, made);
      toast.success(t('rating.thanks'));
    },
  });
  const session = client.getQueryData<Schemas['WhoAmI']>(['session']);
  // Whom it was for rates it; others have nothing to say here.
  if (session?.user?.role !== 'customer' || rating.isPending || rating.error) return null;
  if (rating.data) return <Note tone="good">{t('rating.done', { count: rating.data.stars })}</Note>;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (stars > 0) rate.mutate();
  };
  return (
    <Card aria-label={t('rating.title')}>
      <h2>{t('rating.title')}</h2>
      <form onSubmit={submit}>
        <Stack>
          <fieldset className={css.stars}>
            <legend className="visually-hidden">{t('rating.stars')}</legend>
            {[1, 2, 3, 4, 5].map((value) => (
              <label key={value} data-on={value <= stars || undefined}>
                <input
                  type="radio"
                  name="stars"
                  className="visually-hidden"
                  checked={value === stars}
                  onChange={() => setStars(value)}
                />
                <Star size={30} fill={value <= stars ? 'currentColor' : 'none'} aria-hidden="true" />
                <span className="visually-hidden">{t('rating.count', { count: value })}</span>
              </label>
            ))}
          </fieldset>
          <TextArea
            label={t('rating.comment')}
            value={comment}
            maxLength={2000}
            onChange={({ target }) => setComment(target.value)}
          />
          {rate.error && <ProblemNote error={Problem.of(rate.error)} />}
          <Button type="submit" disabled={stars === 0} busy={rate.isPending}>
            {t('rating.send')}
          </Button>
        </Stack>
      </form>
    </Card>
  );
}
