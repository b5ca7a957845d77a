import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import * as format from '~/lib/format';
import { Card } from '~/ui/layout';
import { Loading, ProblemNote, Skeleton } from '~/ui/states';
import css from './page.module.css';
import { historyQuery } from './queries';

/** The words that the catalogue has; a newer server may tell of more. */
const KNOWN = [
  'requested',
  'approved',
  'rejected',
  'proposed',
  'proposal_declined',
  'rescheduled',
  'cancelled',
  'expired',
  'started',
  'completed',
  'no_show',
  'corrected',
  'opened_early',
  'extended',
  'window_changed',
  'joined',
  'left',
  'seat_added',
  'seat_changed',
  'seat_removed',
  'lobby_admitted',
] as const;

/** What has happened to an appointment, the latest first. */
export function Trail({ id }: { id: string }) {
  const { t } = useTranslation('appointments');
  const { data, error, isPending } = useQuery(historyQuery(id));
  const rows = [...(data ?? [])].reverse();
  return (
    <Card>
      <h2>{t('trail.title')}</h2>
      {isPending && (
        <Loading>
          <Skeleton height="4rem" />
        </Loading>
      )}
      {error && <ProblemNote error={error} />}
      <ol className={css.timeline}>
        {rows.map(({ at, what, by, name }, index) => {
          const known = KNOWN.find((word) => word === what);
          return (
            <li key={rows.length - index}>
              <p>{known ? t(`trail.${known}`) : what}</p>
              <p className={css.soft}>
                <time dateTime={at}>{format.dateTime(at)}</time>
                {' · '}
                {name ?? t(`trail.by.${by}`)}
              </p>
            </li>
          );
        })}
      </ol>
    </Card>
  );
}
