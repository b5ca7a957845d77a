import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { figure } from '~/lib/figures';
import * as format from '~/lib/format';
import { Facts } from '~/ui/figures';
import { Card, Soft } from '~/ui/layout';
import { ProblemNote, Skeleton } from '~/ui/states';
import css from './page.module.css';
import { reportQuery } from './queries';
import { type Appointment, sideOf } from './view';

/** How the call went, in a few figures, and who was in it when. */
export function Report({ appointment }: { appointment: Appointment }) {
  const { t } = useTranslation('appointments');
  const { data, error } = useQuery(reportQuery(appointment.id));
  if (error) return <ProblemNote error={error} />;
  if (!data) {
    return (
      <Card aria-busy="true">
        <h2>{t('report.title')}</h2>
        <Skeleton height="12rem" radius="var(--radius-m)" />
      </Card>
    );
  }
  // Of others' calls somebody who only attends learns nothing, and nobody of a call that has just begun.
  const side = sideOf(appointment);
  if (data.calls.length === 0 && (appointment.status === 'in_progress' || side === 'attendee')) return null;
  const { summary } = data;
  const figures: [string, string][] = [[t('report.length'), format.clock(data.callSeconds * 1000)]];
  if (data.togetherSeconds != null)
    figures.push([t('report.together'), format.clock(data.togetherSeconds * 1000)]);
  if (summary.mosMean != null)
    figures.push([t('report.quality'), t('report.ofFive', { score: figure(summary.mosMean) })]);
  if (summary.goodShare != null)
    figures.push([t('report.good'), t('report.percent', { share: Math.round(summary.goodShare * 100) })]);
  if (summary.rttMsMean != null)
    figures.push([t('report.delay'), t('report.ms', { ms: Math.round(summary.rttMsMean) })]);
  return (
    <Card>
      <h2>{t('report.title')}</h2>
      {data.calls.length === 0 ? (
        <Soft>{t('report.none')}</Soft>
      ) : (
        <>
          <Facts facts={figures} />
          {summary.causes.map(({ cause, minutes }) => (
            <p key={cause} className={css.soft}>
              {t(`report.cause.${cause}`, { count: minutes })}
            </p>
          ))}
          <ul className={css.list}>
            {data.calls.map((stay) => (
              <li key={stay.callLogId} className={css.item}>
                <div className={css.grow}>
                  <strong>{stay.participantName}</strong>
                  <p className={css.soft}>
                    {format.dateTime(stay.startedAt)}
                    {' · '}
                    {stay.durationSeconds == null
                      ? t('report.stillIn')
                      : format.clock(stay.durationSeconds * 1000)}
                  </p>
                </div>
              </li>
            ))}
          </ul>
        </>
      )}
    </Card>
  );
}
