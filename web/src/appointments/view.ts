import type { Schemas } from '~/api/client';

export type Appointment = Schemas['Appointment'];
export type Action = Schemas['Action'];
export type Status = Schemas['Status'];

/** On which side of an appointment somebody is; who has no seat in it and still sees it administers the place. */
export type Side = 'expert' | 'customer' | 'attendee' | 'admin';

export function sideOf({ seats }: Pick<Appointment, 'seats'>): Side {
  switch (seats.find(({ own }) => own)?.role) {
    case 'host':
      return 'expert';
    case 'client':
      return 'customer';
    case undefined:
      return 'admin';
    default:
      return 'attendee';
  }
}

/** Whom it is with, from that side. */
export function partnersOf(appointment: Appointment): string[] {
  const { expertName, customerName, seats } = appointment;
  switch (sideOf(appointment)) {
    case 'expert': {
      const clients = seats.filter(({ role }) => role === 'client').map(({ name }) => name);
      return clients.length > 0 ? clients : [customerName ?? ''].filter(Boolean);
    }
    case 'admin':
      return [expertName, customerName ?? ''].filter(Boolean);
    default:
      return [expertName];
  }
}

/** It is still to take place or takes place now. */
export function stands({ status }: Pick<Appointment, 'status'>): boolean {
  return status === 'approved' || status === 'in_progress';
}

/** What the door is like at a moment. It is reckoned here, so that it changes without asking the server. */
export type Door =
  | { state: 'none' }
  | { state: 'not_open'; opensIn: number }
  | { state: 'open'; closesIn: number }
  | { state: 'closed' };

export function doorAt(appointment: Appointment, now: number): Door {
  if (!stands(appointment) || !appointment.meetingUrl) return { state: 'none' };
  const opens = Date.parse(appointment.window.opensAt);
  const closes = Date.parse(appointment.window.closesAt);
  if (now < opens) return { state: 'not_open', opensIn: opens - now };
  if (now < closes) return { state: 'open', closesIn: closes - now };
  return { state: 'closed' };
}

/** A stretch of time in at most two units, the larger ones first; the last minute is counted in seconds. */
export type Part = readonly [count: number, unit: 'day' | 'hour' | 'minute' | 'second'];

export function partsOf(ms: number): Part[] {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  if (seconds < 60) return [[seconds, 'second']];
  // Up to the minute: "in 12 minutes" holds until eleven are left.
  const minutes = Math.ceil(seconds / 60);
  const [d, h, m] = [Math.floor(minutes / 1440), Math.floor(minutes / 60) % 24, minutes % 60];
  const parts: Part[] =
    d > 0
      ? [
          [d, 'day'],
          [h, 'hour'],
        ]
      : h > 0
        ? [
            [h, 'hour'],
            [m, 'minute'],
          ]
        : [[m, 'minute']];
  return parts.filter(([count]) => count > 0);
}

/** The address of the call's page in this app. */
export function callPath({ meetingUrl }: Pick<Appointment, 'meetingUrl'>): string | undefined {
  if (!meetingUrl) return undefined;
  const { pathname, search } = new URL(meetingUrl);
  return pathname + search;
}

/** Something that somebody does with an appointment. */
export type Act =
  | { kind: 'approve' | 'reject' | 'cancel'; message: string }
  | { kind: 'propose' | 'reschedule'; startsAt: string; message: string; outsideHours?: boolean }
  | { kind: 'accept' | 'decline' | 'complete' | 'open' | 'extend' }
  | { kind: 'window'; body: Schemas['OtherWindow'] }
  | { kind: 'outcome'; outcome: 'completed' }
  | { kind: 'outcome'; outcome: 'no_show'; noShow: Schemas['NoShow'] };

/** What the appointment will most likely be afterwards; shown until the server has said what it is. */
export function foreseen(appointment: Appointment, act: Act): Appointment {
  const length = Date.parse(appointment.endsAt) - Date.parse(appointment.startsAt);
  const until = (startsAt: string) => new Date(Date.parse(startsAt) + length).toISOString();
  // Only the server knows what can be done next.
  const next = (changes: Partial<Appointment>): Appointment => ({ ...appointment, actions: [], ...changes });
  switch (act.kind) {
    case 'approve':
      return next({ status: 'approved', decisionMessage: act.message });
    case 'reject':
      return next({ status: 'rejected', decisionMessage: act.message });
    case 'cancel':
      return next({ status: 'cancelled', decisionMessage: act.message });
    case 'complete':
      return next({ status: 'completed' });
    case 'outcome':
      return next({ status: act.outcome, noShow: act.outcome === 'no_show' ? act.noShow : null });
    case 'propose':
      return next({
        proposal: {
          startsAt: act.startsAt,
          endsAt: until(act.startsAt),
          message: act.message,
          byCustomer: sideOf(appointment) === 'customer',
        },
      });
    case 'accept':
      return appointment.proposal
        ? next({
            status: 'approved',
            startsAt: appointment.proposal.startsAt,
            endsAt: appointment.proposal.endsAt,
            proposal: null,
          })
        : appointment;
    case 'decline':
      return next({ proposal: null });
    default:
      // Where it moves to, and whether it is approved there, hangs on rules that only the server has.
      return appointment;
  }
}

/** The same change in whatever a query holds: one appointment, a list in pieces, or several pieces. */
export function changedIn(
  data: unknown,
  id: string,
  change: (appointment: Appointment) => Appointment,
): unknown {
  if (Array.isArray(data)) return data.map((item) => changedIn(item, id, change));
  if (typeof data !== 'object' || data === null) return data;
  if ('id' in data && 'startsAt' in data) return data.id === id ? change(data as Appointment) : data;
  if ('pages' in data) return { ...data, pages: changedIn(data.pages, id, change) };
  if ('items' in data) return { ...data, items: changedIn(data.items, id, change) };
  return data;
}
