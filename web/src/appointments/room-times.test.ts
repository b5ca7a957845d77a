import { expect, test } from 'vitest';
import { marginsOf, timesWith, wrongIn } from './room-times';
import type { Appointment } from './view';

const at = (clock: string) => Date.parse(`2026-11-26T${clock}:00Z`);
const iso = (clock: string) => `2026-11-26T${clock}:00Z`;

function appointment(window: Partial<Appointment['window']> = {}) {
  return {
    startsAt: iso('14:00'),
    endsAt: iso('15:00'),
    window: {
      opensAt: iso('13:45'),
      closesAt: iso('15:30'),
      state: 'not_open',
      openBeforeMin: 15,
      closeAfterMin: 30,
      closeAnchor: 'end',
      own: {},
      ...window,
    } as Appointment['window'],
  };
}

test('margins that are as they were give the times that are', () => {
  const it = appointment();
  expect(timesWith(it, marginsOf(it))).toEqual({
    opens: at('13:45'),
    lastJoin: at('15:30'),
    closes: at('15:30'),
  });
});

test('extensions stay added, and a room that was opened early stays open', () => {
  const it = appointment({ opensAt: iso('12:00'), closesAt: iso('15:45') });
  const times = timesWith(it, { before: 5, after: 60, anchor: 'end' });
  expect(times).toEqual({ opens: at('12:00'), lastJoin: at('16:15'), closes: at('16:15') });
});

test('counted from the start, nobody new comes in long before it closes', () => {
  const times = timesWith(appointment(), { before: 15, after: 30, anchor: 'start' });
  expect(times.lastJoin).toBe(at('14:30'));
  expect(times.closes).toBe(at('15:30'));
});

test('nobody is shut out of an open room, and minutes are minutes', () => {
  const wrong = (before: number, after: number, clock: string) =>
    wrongIn(appointment(), { before, after, anchor: 'end' }, at(clock));
  expect(wrong(15, 30, '13:50')).toEqual({});
  expect(wrong(5, 30, '13:50')).toEqual({ before: 'openAlready' });
  expect(wrong(5, 30, '13:40')).toEqual({});
  expect(wrong(15, 10, '15:10')).toEqual({ after: 'closedAlready' });
  expect(wrong(15, 11, '15:10')).toEqual({});
  expect(wrong(Number.NaN, 1.5, '13:00')).toEqual({ before: 'number', after: 'number' });
  expect(wrong(-1, 1441, '13:00')).toEqual({ before: 'number', after: 'number' });
});
