import { expect, test } from 'vitest';
import { type Appointment, changedIn, doorAt, foreseen, partsOf, sideOf } from './view';

const appointment = {
  id: 'a',
  status: 'approved',
  startsAt: '2026-11-26T10:00:00Z',
  endsAt: '2026-11-26T10:30:00Z',
  meetingUrl: 'https://example.org/call/room?appointmentId=a',
  window: { opensAt: '2026-11-26T09:45:00Z', closesAt: '2026-11-26T11:00:00Z', state: 'not_open' },
  proposal: null,
  actions: ['cancel'],
  seats: [],
} as unknown as Appointment;
const at = (text: string) => Date.parse(text);

test('the door opens and closes to the second', () => {
  expect(doorAt(appointment, at('2026-11-26T09:44:59Z'))).toEqual({ state: 'not_open', opensIn: 1000 });
  expect(doorAt(appointment, at('2026-11-26T09:45:00Z')).state).toBe('open');
  expect(doorAt(appointment, at('2026-11-26T10:59:59Z'))).toEqual({ state: 'open', closesIn: 1000 });
  expect(doorAt(appointment, at('2026-11-26T11:00:00Z')).state).toBe('closed');
});

test('what is not approved has no door', () => {
  expect(doorAt({ ...appointment, status: 'pending' }, at('2026-11-26T10:00:00Z')).state).toBe('none');
  expect(doorAt({ ...appointment, status: 'cancelled' }, at('2026-11-26T10:00:00Z')).state).toBe('none');
});

test('a countdown says two units and ends in seconds', () => {
  expect(partsOf(26 * 3600_000)).toEqual([
    [1, 'day'],
    [2, 'hour'],
  ]);
  expect(partsOf(3600_000)).toEqual([[1, 'hour']]);
  expect(partsOf(12 * 60_000)).toEqual([[12, 'minute']]);
  expect(partsOf(11 * 60_000 + 1)).toEqual([[12, 'minute']]);
  expect(partsOf(59_000)).toEqual([[59, 'second']]);
  expect(partsOf(-5)).toEqual([[0, 'second']]);
});

test('who has no seat administers', () => {
  expect(sideOf(appointment)).toBe('admin');
  const seats = [{ own: true, role: 'interpreter' }] as Appointment['seats'];
  expect(sideOf({ seats })).toBe('attendee');
});

test('a change is foreseen in every shape that queries hold', () => {
  const cancel = (it: Appointment) => foreseen(it, { kind: 'cancel', message: 'ill' });
  const other = { ...appointment, id: 'b' };
  const pages = { pages: [{ items: [other, appointment] }], pageParams: [undefined] };
  const changed = changedIn(pages, 'a', cancel) as { pages: { items: Appointment[] }[] };
  expect(changed.pages[0]?.items.map(({ status }) => status)).toEqual(['approved', 'cancelled']);
  expect(changed.pages[0]?.items[1]?.actions).toEqual([]);
  expect((changedIn(appointment, 'a', cancel) as Appointment).decisionMessage).toBe('ill');
  expect(changedIn(undefined, 'a', cancel)).toBeUndefined();
});

test('taking a proposal moves the appointment there', () => {
  const proposal = {
    startsAt: '2026-11-27T10:00:00Z',
    endsAt: '2026-11-27T10:30:00Z',
    byCustomer: false,
    message: '',
  };
  const after = foreseen({ ...appointment, status: 'pending', proposal }, { kind: 'accept' });
  expect([after.status, after.startsAt, after.proposal]).toEqual(['approved', '2026-11-27T10:00:00Z', null]);
});
