import { describe, expect, test } from 'vitest';
import type { OfferedSlot } from './queries';
import { byDay, byPart, fewer } from './times';

const slot = (date: string, time: string): OfferedSlot => ({
  startsAt: `${date}T${time}:00Z`,
  endsAt: `${date}T${time}:30Z`,
  seatsLeft: 1,
  shared: false,
  local: { date, time, offset: '+00:00', ambiguous: false },
});

/** All day long, every five minutes from eight to eighteen. */
const crowded = Array.from({ length: 120 }, (_, i) => {
  const minutes = 8 * 60 + 5 + i * 5;
  const two = (n: number) => String(n).padStart(2, '0');
  return slot('2026-11-26', `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`);
});

test('slots lie under the days of their own zone', () => {
  const days = byDay([slot('2026-11-26', '23:30'), slot('2026-11-27', '00:30'), slot('2026-11-27', '09:00')]);
  expect([...days].map(([day, found]) => [day, found.length])).toEqual([
    ['2026-11-26', 1],
    ['2026-11-27', 2],
  ]);
});

describe('a crowded day', () => {
  test('shows the first time, and the full and half hours', () => {
    const some = fewer(crowded);
    expect(some.map((it) => it.local.time).slice(0, 3)).toEqual(['08:05', '08:30', '09:00']);
    expect(some.length).toBeLessThan(24);
  });

  test('never hides the time that is chosen', () => {
    expect(fewer(crowded, '2026-11-26T08:50:00Z').some((it) => it.local.time === '08:50')).toBe(true);
  });

  test('is shown whole where hardly any time would be left', () => {
    const odd = crowded.filter((it) => !/:(00|30)$/.test(it.local.time));
    expect(fewer(odd)).toBe(odd);
  });
});

test('a quiet day is shown whole', () => {
  const quiet = crowded.slice(0, 10);
  expect(fewer(quiet)).toBe(quiet);
});

test('parts of the day without a time are left out', () => {
  const parts = byPart([slot('2026-11-26', '11:59'), slot('2026-11-26', '17:00')]);
  expect(parts.map(([name, found]) => [name, found.length])).toEqual([
    ['morning', 1],
    ['evening', 1],
  ]);
});
