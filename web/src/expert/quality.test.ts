import { expect, it, vi } from 'vitest';
import { columns, measured, type Report, tone } from './quality';

vi.mock('~/i18n', () => ({ language: () => 'en' }));

const minute = (callLogId: string, clock: string, more: object = {}) => ({
  callLogId,
  minute: `2026-11-26T${clock}:00Z`,
  ...more,
});
const report = {
  calls: [
    { callLogId: 'a1', participantName: 'Ada' },
    { callLogId: 'b', participantName: 'Elena' },
    { callLogId: 'a2', participantName: 'Ada' },
  ],
  minutes: [
    minute('a1', '10:00', { rttMs: 20, lossUp: 0.01, lossDown: 0.02 }),
    minute('a2', '10:02', { rttMs: 40 }),
    minute('b', '10:00', { rttMs: 30 }),
    minute('b', '10:01', {}),
  ],
} as unknown as Report;

it('draws people in columns of minutes, with holes where nothing was measured', () => {
  const { at, series } = columns(report, 'rttMs');
  expect(at.map((second) => new Date(second * 1000).toISOString().slice(11, 16))).toEqual([
    '10:00',
    '10:01',
    '10:02',
  ]);
  expect(series).toEqual([
    { name: 'Ada', values: [20, null, 40] },
    { name: 'Elena', values: [30, null, null] },
  ]);
});

it('tells the worse of the two losses, in per cent', () => {
  const [first, second] = report.minutes;
  if (!first || !second) throw new Error('two');
  expect([measured(first, 'loss'), measured(second, 'loss')]).toEqual([2, null]);
});

it('says how a score sounds', () => {
  expect([4.2, 3.4, 2, null].map(tone)).toEqual(['good', 'warn', 'bad', 'neutral']);
});
