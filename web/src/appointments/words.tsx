import { useTranslation } from 'react-i18next';
import * as format from '~/lib/format';
import { zoneName } from '~/lib/format';
import { Badge, type Tone } from '~/ui/layout';
import css from './appointments.module.css';
import { type Appointment, type Part, partsOf, type Status } from './view';

const TONES: Record<Status, Tone> = {
  hold: 'neutral',
  pending: 'warn',
  approved: 'good',
  in_progress: 'accent',
  completed: 'neutral',
  no_show: 'bad',
  rejected: 'bad',
  cancelled: 'neutral',
  expired: 'neutral',
};

export function StatusBadge({ status }: { status: Status }) {
  const { t } = useTranslation('appointments');
  return <Badge tone={TONES[status]}>{t(`status.${status}`)}</Badge>;
}

/** "1 hour 5 minutes" */
export function useSpan(): (ms: number) => string {
  const { t } = useTranslation('appointments');
  const word = ([count, unit]: Part) => t(`span.${unit}`, { count });
  return (ms) => partsOf(ms).map(word).join(' ');
}

/** Whether the clocks of two zones show the same then. */
function same(moment: string, a: string, b: string): boolean {
  return format.dateTime(moment, a) === format.dateTime(moment, b);
}

/**
 * Day and time on the reader's clock with the zone named; where the customer's clock shows another time, that too.
 */
export function When({
  startsAt,
  endsAt,
  tz,
  zone = format.ownZone(),
}: Pick<Appointment, 'startsAt' | 'endsAt' | 'tz'> & { zone?: string | undefined }) {
  const { t } = useTranslation('appointments');
  return (
    <div className={css.when}>
      <p>
        <time dateTime={startsAt}>
          <strong>{format.day(startsAt, zone)}</strong>
          {' · '}
          <span className={css.clock}>{format.timeRange(startsAt, endsAt, zone)}</span>
        </time>
      </p>
      <p className={css.zone}>{zoneName(startsAt, zone)}</p>
      {!same(startsAt, tz, zone) && (
        <p className={css.zone}>
          {t('otherZone', {
            time: format.timeRange(startsAt, endsAt, tz),
            day: format.shortDay(startsAt, tz),
            zone: zoneName(startsAt, tz),
          })}
        </p>
      )}
    </div>
  );
}
