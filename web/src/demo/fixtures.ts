import { type Act, type Action, type Appointment, foreseen } from '~/appointments/view';

/** Who looks at the cards of the demo. */
export type Viewer = 'customer' | 'expert';

const MINUTE = 60_000;
const DAY = 1440 * MINUTE;
const OPENS = 15 * MINUTE;
const CLOSES = 30 * MINUTE;

const ADA = { id: 'd0000000-0000-4000-8000-0000000000a1', name: 'Ada Amato' };
const ELENA = { id: 'd0000000-0000-4000-8000-0000000000e1', name: 'Elena Esposito' };
const MAY_ALL = { audio: true, video: true, screen: true, data: true };
const iso = (ms: number) => new Date(ms).toISOString();

/** What differs from one card to the next. */
interface Sketch {
  title: string;
  /** From the moment that the demo was opened at, in minutes. */
  startsIn: number;
  minutes: number;
  status: Appointment['status'];
  note?: string;
  message?: string;
  /** Another time that the customer proposes, as many minutes later. */
  proposed?: number;
}

/** Titles and texts in the language spoken. */
export interface Words {
  quick: string;
  thorough: string;
  review: string;
  note: string;
  message: string;
}

/** The appointments of the demo, relative to a moment. They are nowhere but here. */
export function fixtures(moment: number, words: Words): Appointment[] {
  // On the next five minutes, as appointments are.
  const base = Math.ceil(moment / (5 * MINUTE)) * 5 * MINUTE;
  const sketches: Sketch[] = [
    { title: words.quick, startsIn: 30, minutes: 30, status: 'approved', message: words.message },
    { title: words.thorough, startsIn: 1440 + 60, minutes: 60, status: 'pending', note: words.note },
    { title: words.review, startsIn: 2 * 1440, minutes: 30, status: 'approved', proposed: 180 },
    { title: words.quick, startsIn: -1440, minutes: 30, status: 'completed' },
  ];
  return sketches.map((sketch, index) => drawn(sketch, base, index));
}

function drawn(sketch: Sketch, base: number, index: number): Appointment {
  const id = `d0000000-0000-4000-8000-00000000000${index + 1}`;
  const starts = base + sketch.startsIn * MINUTE;
  const ends = starts + sketch.minutes * MINUTE;
  const room = sketch.status === 'pending' ? null : `appointment-${id}-demo`;
  return {
    id,
    title: sketch.title,
    status: sketch.status,
    startsAt: iso(starts),
    endsAt: iso(ends),
    tz: Intl.DateTimeFormat().resolvedOptions().timeZone,
    serviceId: 'd0000000-0000-4000-8000-0000000000f1',
    expertId: ELENA.id,
    expertName: ELENA.name,
    customerId: ADA.id,
    customerName: ADA.name,
    capacity: 1,
    meetingRoomName: room,
    meetingUrl: room && `${location.origin}/call-demo?room=${room}`,
    window: {
      opensAt: iso(starts - OPENS),
      closesAt: iso(ends + CLOSES),
      state: 'not_open',
      openBeforeMin: OPENS / MINUTE,
      closeAfterMin: CLOSES / MINUTE,
      closeAnchor: 'end',
      own: {},
    },
    lobby: 'on',
    keepChat: true,
    note: sketch.note ?? '',
    decisionMessage: sketch.message ?? '',
    proposal: sketch.proposed
      ? {
          startsAt: iso(starts + sketch.proposed * MINUTE),
          endsAt: iso(ends + sketch.proposed * MINUTE),
          byCustomer: true,
          message: '',
        }
      : null,
    seats: [],
    actions: [],
    version: 1,
    createdAt: iso(base - DAY),
    updatedAt: iso(base - DAY),
  };
}

/** An appointment as one of the two sees it at a moment: the seats, and what can be done. */
export function seenBy(appointment: Appointment, viewer: Viewer, now: number): Appointment {
  const seat = (person: typeof ADA, role: 'host' | 'client', own: boolean) => ({
    id: person.id,
    name: person.name,
    role,
    own,
    guest: false,
    permissions: MAY_ALL,
  });
  return {
    ...appointment,
    seats: [seat(ELENA, 'host', viewer === 'expert'), seat(ADA, 'client', viewer === 'customer')],
    actions: possible(appointment, viewer, now),
  };
}

/** The main lines of what the server lets each side do. */
export function possible(appointment: Appointment, viewer: Viewer, now: number): Action[] {
  const { status, proposal } = appointment;
  const starts = Date.parse(appointment.startsAt);
  const open = now >= Date.parse(appointment.window.opensAt) && now < Date.parse(appointment.window.closesAt);
  const live = status === 'approved' || status === 'in_progress';
  const negotiable = (status === 'pending' || status === 'approved') && now < starts;
  const expert = viewer === 'expert';
  const can: [Action, boolean][] = [
    ['approve', expert && status === 'pending' && now < starts],
    ['reject', expert && status === 'pending'],
    ['complete', expert && live && now >= starts],
    ['correct', expert && (status === 'completed' || status === 'no_show')],
    ['extend', expert && live && open],
    ['cancel', negotiable],
    ['reschedule', negotiable],
    ['propose', negotiable],
    ['accept_proposal', negotiable && proposal != null && proposal.byCustomer === expert],
    ['decline_proposal', negotiable && proposal != null],
    ['join', live && open],
  ];
  return can.filter(([, may]) => may).map(([action]) => action);
}

/** What comes of an act, here and nowhere else. */
export function after(appointment: Appointment, act: Act, viewer: Viewer): Appointment {
  const done = foreseen(appointment, act);
  const moved = act.kind === 'reschedule' ? act.startsAt : done.startsAt;
  const starts = Date.parse(moved);
  const ends = starts + Date.parse(appointment.endsAt) - Date.parse(appointment.startsAt);
  const longer = act.kind === 'extend' ? 15 * MINUTE : 0;
  const margin = Date.parse(appointment.window.closesAt) - Date.parse(appointment.endsAt) + longer;
  const room = done.status === 'approved' ? `appointment-${done.id}-demo` : done.meetingRoomName;
  return {
    ...done,
    startsAt: iso(starts),
    endsAt: iso(ends),
    window: { ...done.window, opensAt: iso(starts - OPENS), closesAt: iso(ends + margin) },
    meetingRoomName: room ?? null,
    meetingUrl: room ? `${location.origin}/call-demo?room=${room}` : null,
    proposal:
      done.proposal && act.kind === 'propose'
        ? { ...done.proposal, byCustomer: viewer === 'customer' }
        : (done.proposal ?? null),
    version: done.version + 1,
  };
}

/** Times that are "free" in the demo: some of each of the days that follow. */
export function freeTimes(appointment: Appointment): { startsAt: string }[] {
  const starts = Date.parse(appointment.startsAt);
  return [1, 2, 3].flatMap((day) =>
    [0, 60, 120, 150].map((minutes) => ({ startsAt: iso(starts + day * DAY + minutes * MINUTE) })),
  );
}
