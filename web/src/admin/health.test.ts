import { expect, it } from 'vitest';
import { alarms, cores, type Health, rates } from './health';

const NOW = Date.parse('2026-11-26T12:00:00Z');
const queue = { due: 0, late: 0, scheduled: 0, failed: 0 };
const healthy = {
  failedCommits: 0,
  refusedBusy: 0,
  logBytes: 1000,
  messages: queue,
  deliveries: queue,
  lastBackupAt: '2026-11-26T02:00:00Z',
  uptimeSeconds: 100,
  cpuSeconds: 10,
  processors: 2,
  bytesIn: 1_000_000,
  bytesOut: 5,
} as unknown as Health;

it('nothing sounds where nothing is wrong', () => {
  expect(alarms(healthy, NOW)).toEqual([]);
});

it('what is worst comes first', () => {
  const ill = {
    ...healthy,
    deliveries: { ...queue, late: 2 },
    failedCommits: 1,
    lastBackupAt: null,
  } as Health;
  expect(alarms(ill, NOW).map(({ alarm }) => alarm)).toEqual(['failedCommits', 'deliveriesLate', 'noBackup']);
});

it('a disk is low at a tenth, and full where a database has no room', () => {
  const disk = (diskFreeBytes: number | null) =>
    alarms({ ...healthy, diskFreeBytes, diskBytes: 100e9 } as Health, NOW).map(({ alarm, count }) => [
      alarm,
      count,
    ]);
  expect(disk(50e9)).toEqual([]);
  expect(disk(9.9e9)).toEqual([['diskLow', 9]]);
  expect(disk(0.4e9)).toEqual([['diskFull', 1]]);
  expect(disk(null)).toEqual([]);
});

it('processors are busy when most of all of them is used', () => {
  expect(alarms(healthy, NOW, 1.6)).toEqual([]);
  expect(alarms(healthy, NOW, 1.8)).toMatchObject([{ alarm: 'cpuBusy', count: 90 }]);
});

it('media is told in bits per second between two looks at one and the same run', () => {
  const later = { ...healthy, uptimeSeconds: 110, cpuSeconds: 15, bytesIn: 2_000_000, bytesOut: 0 } as Health;
  expect(rates(healthy, later)).toEqual({ cores: 0.5, bitsIn: 800_000, bitsOut: undefined });
  expect(rates(undefined, later)).toEqual({ cores: undefined });
});

it('a backup grows old after two days', () => {
  const old = { ...healthy, lastBackupAt: '2026-11-23T11:00:00Z' } as Health;
  expect(alarms(old, NOW)).toMatchObject([{ alarm: 'oldBackup', count: 2 }]);
});

it('processor time is told between two looks at one and the same run', () => {
  const later = { ...healthy, uptimeSeconds: 110, cpuSeconds: 15 } as Health;
  expect(cores(healthy, later)).toBe(0.5);
  expect(cores(undefined, later)).toBeUndefined();
  expect(cores(later, { ...healthy, uptimeSeconds: 3, cpuSeconds: 1 } as Health)).toBeUndefined();
});
