import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { ArrowLeft } from 'lucide-react';
import { lazy, Suspense, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask, ifMatch, type Schemas } from '~/api/client';
import { useSession } from '~/api/session';
import type { Appointment } from '~/expert/agenda';
import { METRICS, type Metric, type Report, tone } from '~/expert/quality';
import { bitrate, figure, milliseconds, percent } from '~/lib/figures';
import { clock, dateTime, day, ownZone, time, timeRange } from '~/lib/format';
import { Button, ButtonLink } from '~/ui/button';
import { Dialog } from '~/ui/dialog';
import { Select } from '~/ui/field';
import { Facts } from '~/ui/figures';
import { Badge, Card, Note, Row, Soft, Stack, Table } from '~/ui/layout';
import { Loading, ProblemNote, ProblemState, Skeleton } from '~/ui/states';
import { toast } from '~/ui/toast';
import css from './expert.module.css';
import { StatusBadge } from './parts';

const Chart = lazy(() => import('./chart'));

/** How one appointment's call went, and what it is put down as. */
export function QualityReport({ id }: { id: string }) {
  const { t } = useTranslation('expert');
  const { user } = useSession();
  const zone = user?.tz ?? ownZone();
  const path = { params: { path: { appointment_id: id } } };
  const appointment = useQuery({
    queryKey: ['appointment', id],
    queryFn: () => ask(api.GET('/api/appointments/{appointment_id}', path)),
  });
  const report = useQuery({
    queryKey: ['calls', 'report', id],
    queryFn: () => ask(api.GET('/api/appointments/{appointment_id}/report', path)),
  });
  const problem = appointment.error ?? report.error;
  if (problem) return <ProblemState error={problem} level={1} />;
  if (!appointment.data || !report.data) return <Loading />;
  const about = appointment.data;
  return (
    <Stack className={css.page}>
      <div>
        <ButtonLink href="/expert/calls" look="quiet" size="small">
          <ArrowLeft size={18} aria-hidden="true" />
          {t('calls.all')}
        </ButtonLink>
        <h1>{about.customerName ?? t('someone')}</h1>
        <Soft>
          {about.title} · {day(about.startsAt, zone)}, {timeRange(about.startsAt, about.endsAt, zone)}
        </Soft>
      </div>
      <Outcome appointment={about} />
      <Figures report={report.data} />
      <Minutes report={report.data} zone={zone} />
      <Stays report={report.data} zone={zone} />
    </Stack>
  );
}

type NoShow = NonNullable<Schemas['CameAbout']['noShow']>;

const CAME: readonly ('completed' | NoShow)[] = ['completed', 'customer', 'expert', 'both'];

function Outcome({ appointment }: { appointment: Appointment }) {
  const { t } = useTranslation('expert');
  const { t: common } = useTranslation();
  const client = useQueryClient();
  const [open, setOpen] = useState(false);
  const is = appointment.status === 'no_show' ? (appointment.noShow ?? 'customer') : 'completed';
  const [chosen, choose] = useState<(typeof CAME)[number]>(is);
  const correct = useMutation({
    mutationFn: () =>
      ask(
        api.POST('/api/appointments/{appointment_id}/outcome', {
          params: { path: { appointment_id: appointment.id }, header: ifMatch(appointment.version) },
          body: chosen === 'completed' ? { outcome: 'completed' } : { outcome: 'no_show', noShow: chosen },
        }),
      ),
    onSuccess: (fresh) => {
      client.setQueryData(['appointment', appointment.id], fresh);
      void client.invalidateQueries({ queryKey: ['calls'] });
      void client.invalidateQueries({ queryKey: ['appointments'] });
      toast.success(t('calls.corrected'));
      setOpen(false);
    },
  });
  return (
    <Card>
      <Row spread>
        <Row>
          <h2>{t('calls.outcome')}</h2>
          <StatusBadge status={appointment.status} />
          {appointment.status === 'no_show' && <span>{t(`calls.came.${is}`)}</span>}
        </Row>
        {appointment.actions.includes('correct') && (
          <Button
            look="secondary"
            onClick={() => {
              choose(is);
              setOpen(true);
            }}
          >
            {t('calls.correct')}
          </Button>
        )}
      </Row>
      <Dialog
        open={open}
        onClose={() => setOpen(false)}
        title={t('calls.correctTitle')}
        actions={
          <>
            <Button look="secondary" onClick={() => setOpen(false)}>
              {common('cancel')}
            </Button>
            <Button disabled={chosen === is} busy={correct.isPending} onClick={() => correct.mutate()}>
              {common('save')}
            </Button>
          </>
        }
      >
        <Stack>
          <Select
            label={t('calls.cameAbout')}
            hint={t('calls.correctHint')}
            value={chosen}
            onChange={(event) => choose(event.target.value as typeof chosen)}
          >
            {CAME.map((came) => (
              <option key={came} value={came}>
                {t(`calls.came.${came}`)}
              </option>
            ))}
          </Select>
          {correct.error && <ProblemNote error={correct.error} />}
        </Stack>
      </Dialog>
    </Card>
  );
}

function Figures({ report }: { report: Report }) {
  const { t } = useTranslation('expert');
  const { summary } = report;
  const length = (seconds: number | null | undefined) => (seconds ? clock(seconds * 1000) : '–');
  const figures: [string, string][] = [
    [t('calls.together'), length(report.togetherSeconds)],
    [t('calls.inCall'), length(report.callSeconds)],
    [t('calls.score'), `${figure(summary.mosMean)} (${t('calls.worst', { score: figure(summary.mosMin) })})`],
    [t('calls.goodShare'), percent(summary.goodShare)],
    [t('metric.rttMs'), milliseconds(summary.rttMsMean)],
    [t('metric.jitter'), milliseconds(summary.jitterMsMean)],
    [t('metric.lossUp'), percent(summary.lossUpMean)],
    [t('metric.lossDown'), percent(summary.lossDownMean)],
    [t('metric.bitrateUp'), bitrate(summary.bitrateUpMean)],
    [t('metric.bitrateDown'), bitrate(summary.bitrateDownMean)],
  ];
  return (
    <Card>
      <h2>{t('calls.figures')}</h2>
      <Stack>
        <Facts facts={figures} />
        {summary.causes.length > 0 && (
          <Note tone="warn">
            <strong>{t('calls.causes')}</strong>
            <ul>
              {summary.causes.map(({ cause, minutes }) => (
                <li key={cause}>{t(`cause.${cause}`, { count: minutes })}</li>
              ))}
            </ul>
          </Note>
        )}
      </Stack>
    </Card>
  );
}

function Minutes({ report, zone }: { report: Report; zone: string }) {
  const { t } = useTranslation('expert');
  const [metric, choose] = useState<Metric>('mos');
  const names = new Map(report.calls.map((stay) => [stay.callLogId, stay.participantName]));
  return (
    <Card>
      <h2>{t('calls.minutes')}</h2>
      {report.minutes.length === 0 ? (
        <Soft>{t('calls.noMinutes')}</Soft>
      ) : (
        <Stack>
          <Select
            label={t('calls.show')}
            value={metric}
            onChange={(event) => choose(event.target.value as Metric)}
          >
            {METRICS.map((one) => (
              <option key={one} value={one}>
                {t(`metric.${one}`)}
              </option>
            ))}
          </Select>
          <Suspense fallback={<Skeleton height="14rem" radius="var(--radius-s)" />}>
            <Chart report={report} metric={metric} zone={zone} />
          </Suspense>
          {report.truncated && <Note>{t('calls.truncated')}</Note>}
          <details>
            <summary>{t('calls.table')}</summary>
            <Table
              label={t('calls.minutes')}
              head={
                <>
                  <th scope="col">{t('calls.minute')}</th>
                  <th scope="col">{t('calls.who')}</th>
                  <th scope="col">{t('calls.score')}</th>
                  <th scope="col">{t('metric.rttMs')}</th>
                  <th scope="col">{t('metric.lossUp')}</th>
                  <th scope="col">{t('metric.lossDown')}</th>
                  <th scope="col">{t('metric.bitrateUp')}</th>
                  <th scope="col">{t('metric.bitrateDown')}</th>
                  <th scope="col">{t('calls.cause')}</th>
                </>
              }
            >
              {report.minutes.map((minute) => (
                <tr key={`${minute.callLogId}${minute.minute}`}>
                  <td>{time(minute.minute, zone)}</td>
                  <td>{names.get(minute.callLogId)}</td>
                  <td>{figure(minute.mos)}</td>
                  <td>{milliseconds(minute.rttMs)}</td>
                  <td>{percent(minute.lossUp)}</td>
                  <td>{percent(minute.lossDown)}</td>
                  <td>{bitrate(minute.bitrateUp)}</td>
                  <td>{bitrate(minute.bitrateDown)}</td>
                  <td>{minute.cause ? t(`causeShort.${minute.cause}`) : '–'}</td>
                </tr>
              ))}
            </Table>
          </details>
        </Stack>
      )}
    </Card>
  );
}

function Stays({ report, zone }: { report: Report; zone: string }) {
  const { t } = useTranslation('expert');
  return (
    <Card>
      <h2>{t('calls.stays')}</h2>
      {report.calls.length === 0 ? (
        <Soft>{t('calls.noStays')}</Soft>
      ) : (
        <Table
          label={t('calls.stays')}
          head={
            <>
              <th scope="col">{t('calls.who')}</th>
              <th scope="col">{t('calls.came.from')}</th>
              <th scope="col">{t('calls.came.until')}</th>
              <th scope="col">{t('calls.length')}</th>
              <th scope="col">{t('calls.score')}</th>
            </>
          }
        >
          {report.calls.map((stay) => (
            <tr key={stay.callLogId}>
              <td>
                {stay.participantName}
                {stay.role && <Soft small>{t(`role.${stay.role}`)}</Soft>}
              </td>
              <td>{dateTime(stay.startedAt, zone)}</td>
              <td>{stay.endedAt ? time(stay.endedAt, zone) : t('calls.still')}</td>
              <td>{stay.durationSeconds ? clock(stay.durationSeconds * 1000) : '–'}</td>
              <td>
                <Badge tone={tone(stay.summary.mosMean)}>{figure(stay.summary.mosMean)}</Badge>
              </td>
            </tr>
          ))}
        </Table>
      )}
    </Card>
  );
}
