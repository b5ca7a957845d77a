import type { Schemas } from '~/api/client';

export type Health = Schemas['ServerHealth'];

/** Something that is wrong, worst first; words and the next step are in the catalogue under `alarm`. */
export type Alarm =
  | 'failedCommits'
  | 'refusedBusy'
  | 'messagesLate'
  | 'deliveriesLate'
  | 'messagesFailed'
  | 'deliveriesFailed'
  | 'log'
  | 'noBackup'
  | 'oldBackup';

export interface Sounded {
  alarm: Alarm;
  tone: 'bad' | 'warn';
  count: number;
}

const DAY = 86_400_000;
/** After this the log of the database should long have been worked in. */
const LARGE_LOG = 256_000_000;

/** Processor time between two looks, in cores: 1 is one of them fully busy. */
export function cores(before: Health | undefined, after: Health): number | undefined {
  if (before?.cpuSeconds == null || after.cpuSeconds == null) return undefined;
  const passed = after.uptimeSeconds - before.uptimeSeconds;
  // Started anew in between, or looked at twice in a second.
  if (passed <= 0 || after.cpuSeconds < before.cpuSeconds) return undefined;
  return (after.cpuSeconds - before.cpuSeconds) / passed;
}

export function alarms(health: Health, now: number): Sounded[] {
  const found: Sounded[] = [];
  const sound = (alarm: Alarm, tone: Sounded['tone'], count: number) => {
    if (count > 0) found.push({ alarm, tone, count });
  };
  sound('failedCommits', 'bad', health.failedCommits);
  sound('messagesLate', 'bad', health.messages.late);
  sound('deliveriesLate', 'warn', health.deliveries.late);
  sound('refusedBusy', 'warn', health.refusedBusy);
  sound('messagesFailed', 'warn', health.messages.failed);
  sound('deliveriesFailed', 'warn', health.deliveries.failed);
  if (health.logBytes > LARGE_LOG) sound('log', 'warn', 1);
  if (!health.lastBackupAt) sound('noBackup', 'warn', 1);
  else sound('oldBackup', 'warn', Math.max(0, Math.floor((now - Date.parse(health.lastBackupAt)) / DAY) - 1));
  return found.sort((a, b) => Number(a.tone === 'warn') - Number(b.tone === 'warn'));
}
