import type { Schemas } from '~/api/client';
import type { Appointment } from './view';

/** The longest margin before and after, in minutes; as the server has it. */
export const MOST_MINUTES = 1440;
const MINUTE = 60_000;

/** What somebody sets for the room of one appointment. */
export interface Margins {
  before: number;
  after: number;
  anchor: Schemas['CloseAnchor'];
}

/** When the room opens, until when somebody new is let in, and when it closes. */
export interface RoomTimes {
  opens: number;
  lastJoin: number;
  closes: number;
}

type Timed = Pick<Appointment, 'startsAt' | 'endsAt' | 'window'>;

export function marginsOf({ window }: Pick<Appointment, 'window'>): Margins {
  return { before: window.openBeforeMin, after: window.closeAfterMin, anchor: window.closeAnchor };
}

/** The same that the server reckons: extensions stay added, and a room that was opened early stays open. */
export function timesWith(
  { startsAt, endsAt, window }: Timed,
  { before, after, anchor }: Margins,
): RoomTimes {
  const [start, end] = [Date.parse(startsAt), Date.parse(endsAt)];
  const extended = Date.parse(window.closesAt) - end - window.closeAfterMin * MINUTE;
  const openedEarly = Date.parse(window.opensAt) < start - window.openBeforeMin * MINUTE;
  const opens = start - before * MINUTE;
  const closes = end + after * MINUTE + extended;
  return {
    opens: openedEarly ? Math.min(Date.parse(window.opensAt), opens) : opens,
    lastJoin: anchor === 'start' ? start + after * MINUTE + extended : closes,
    closes,
  };
}

/** What is wrong with margins, beside which field. */
export type Wrong = 'number' | 'openAlready' | 'closedAlready';

export function wrongIn(
  appointment: Timed,
  margins: Margins,
  now: number,
): { before?: Wrong; after?: Wrong } {
  const whole = (minutes: number) => Number.isInteger(minutes) && minutes >= 0 && minutes <= MOST_MINUTES;
  const wrong: { before?: Wrong; after?: Wrong } = {};
  if (!whole(margins.before)) wrong.before = 'number';
  if (!whole(margins.after)) wrong.after = 'number';
  if (wrong.before || wrong.after) return wrong;
  const [was, will] = [timesWith(appointment, marginsOf(appointment)), timesWith(appointment, margins)];
  if (now >= will.closes) wrong.after = 'closedAlready';
  else if (was.opens <= now && now < will.opens) wrong.before = 'openAlready';
  return wrong;
}
