import { DoorClosed } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import * as format from '~/lib/format';
import { marginsOf, timesWith } from './room-times';
import { type Appointment, stands } from './view';
import css from './window.module.css';

/** From when to when the room is open: for everybody who takes part. */
export function RoomOpen({ appointment, now }: { appointment: Appointment; now: number }) {
  const { t } = useTranslation('appointments');
  if (!stands(appointment)) return null;
  const { opensAt, closesAt } = appointment.window;
  const { lastJoin, closes } = timesWith(appointment, marginsOf(appointment));
  const late = lastJoin < closes && now < closes;
  const sameDay = format.isoDay(opensAt) === format.isoDay(closesAt);
  const times = sameDay
    ? format.timeRange(opensAt, closesAt)
    : `${format.dateTime(opensAt)} – ${format.dateTime(closesAt)}`;
  return (
    <p className={css.open}>
      <DoorClosed size={16} aria-hidden="true" />
      <span>
        {t('window.open', { times })}
        {late && ` ${t('window.newUntil', { time: format.time(lastJoin) })}`}
      </span>
    </p>
  );
}
