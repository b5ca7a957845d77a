import type { Schemas } from '~/api/client';

export type Appointment = Schemas['Appointment'];

/** What takes the expert's time. What was rejected, cancelled or has expired does not. */
const TAKES_TIME: readonly Appointment['status'][] = [
  'pending',
  'approved',
  'in_progress',
  'completed',
  'no_show',
];

const MINUTE = 60_000;
/** Less than this between two appointments is a breath, not a gap. */
const SHORTEST_GAP = 5 * MINUTE;

export type Entry =
  | { kind: 'appointment'; key: string; appointment: Appointment; when: 'past' | 'now' | 'next' }
  | { kind: 'gap'; key: string; from: number; to: number }
  | { kind: 'now'; key: 'now'; at: number };

const start = (appointment: Appointment) => Date.parse(appointment.startsAt);
const end = (appointment: Appointment) => Date.parse(appointment.endsAt);

/** A day as a line: appointments, the gaps between them, and where the present moment lies if it is that day. */
export function agenda(appointments: readonly Appointment[], now: number, day: [number, number]): Entry[] {
  const entries: Entry[] = [];
  let nowToCome = now >= day[0] && now < day[1];
  const tellNow = () => {
    if (nowToCome) entries.push({ kind: 'now', key: 'now', at: now });
    nowToCome = false;
  };
  const gap = (from: number, to: number) => {
    if (nowToCome && now < to) {
      if (now - from >= SHORTEST_GAP) entries.push({ kind: 'gap', key: `${from}`, from, to: now });
      const rest = Math.max(from, now);
      tellNow();
      if (to - rest >= SHORTEST_GAP) entries.push({ kind: 'gap', key: `${rest}-rest`, from: rest, to });
    } else if (to - from >= SHORTEST_GAP) entries.push({ kind: 'gap', key: `${from}`, from, to });
  };
  let until: number | undefined;
  for (const appointment of sorted(appointments)) {
    const begins = start(appointment);
    if (until === undefined) {
      if (now < begins) tellNow();
    } else if (begins > until) gap(until, begins);
    if (nowToCome && now < begins) tellNow();
    const running = now >= begins && now < end(appointment);
    if (running) tellNow();
    entries.push({
      kind: 'appointment',
      key: appointment.id,
      appointment,
      when: running ? 'now' : begins > now ? 'next' : 'past',
    });
    until = Math.max(until ?? 0, end(appointment));
  }
  tellNow();
  return entries;
}

function sorted(appointments: readonly Appointment[]): Appointment[] {
  return appointments
    .filter(({ status }) => TAKES_TIME.includes(status))
    .sort((a, b) => start(a) - start(b) || a.id.localeCompare(b.id));
}

/** The one that goes on or comes next. */
export function nextUp(appointments: readonly Appointment[], now: number): Appointment | undefined {
  return sorted(appointments).find(
    (appointment) =>
      (appointment.status === 'approved' || appointment.status === 'in_progress') &&
      Date.parse(appointment.window.closesAt) > now,
  );
}

/** What would be at the same time. */
export function conflicts(
  wanted: { from: number; to: number; not: string },
  appointments: readonly Appointment[],
): Appointment[] {
  return sorted(appointments).filter(
    (other) => other.id !== wanted.not && start(other) < wanted.to && end(other) > wanted.from,
  );
}
