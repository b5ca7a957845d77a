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
  | 'diskFull'
  | 'diskLow'
  | 'cpuBusy'
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

/** A disk with less than this is full for what a database needs, whatever its size. */
const DISK_FULL = 500_000_000;
/** Of all that the disk holds. */
const DISK_LOW = 0.1;
/** Of all processors: above this a call's packets begin to wait. */
const BUSY = 0.85;

/** What two looks at the server tell together. */
export interface Rates {
  /** 1 is one processor fully busy. */
  cores?: number | undefined;
  /** Of media, in bits per second. */
  bitsIn?: number | undefined;
  bitsOut?: number | undefined;
}

/** What has come of it between two looks. */
export function rates(before: Health | undefined, after: Health): Rates {
  const busy = cores(before, after);
  if (!before) return { cores: busy };
  const passed = after.uptimeSeconds - before.uptimeSeconds;
  const bits = (was: number, is: number) => (passed > 0 && is >= was ? ((is - was) * 8) / passed : undefined);
  return {
    cores: busy,
    bitsIn: bits(before.bytesIn, after.bytesIn),
    bitsOut: bits(before.bytesOut, after.bytesOut),
  };
}

/** Processor time between two looks, in cores: 1 is one of them fully busy. */
export function cores(before: Health | undefined, after: Health): number | undefined {
  if (before?.cpuSeconds == null || after.cpuSeconds == null) return undefined;
  const passed = after.uptimeSeconds - before.uptimeSeconds;
  // Started anew in between, or looked at twice in a second.
  if (passed <= 0 || after.cpuSeconds < before.cpuSeconds) return undefined;
  return (after.cpuSeconds - before.cpuSeconds) / passed;
}

export function alarms(health: Health, now: number, busy?: number): Sounded[] {
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
  const { diskFreeBytes: free, diskBytes: disk } = health;
  if (free != null && disk) {
    const left = Math.floor((free / disk) * 100);
    if (free < DISK_FULL) sound('diskFull', 'bad', 1);
    else if (free < disk * DISK_LOW) sound('diskLow', 'warn', Math.max(1, left));
  }
  if (busy !== undefined && busy > health.processors * BUSY)
    sound('cpuBusy', 'warn', Math.round((busy / health.processors) * 100));
  if (health.logBytes > LARGE_LOG) sound('log', 'warn', 1);
  if (!health.lastBackupAt) sound('noBackup', 'warn', 1);
  else sound('oldBackup', 'warn', Math.max(0, Math.floor((now - Date.parse(health.lastBackupAt)) / DAY) - 1));
  return found.sort((a, b) => Number(a.tone === 'warn') - Number(b.tone === 'warn'));
}
