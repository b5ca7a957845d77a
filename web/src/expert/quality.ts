import type { Schemas } from '~/api/client';

export type Report = Schemas['Report'];
export type Minute = Report['minutes'][number];
export type Metric = 'mos' | 'rttMs' | 'loss' | 'bitrateUp' | 'bitrateDown';

export const METRICS: readonly Metric[] = ['mos', 'rttMs', 'loss', 'bitrateUp', 'bitrateDown'];

/** What is drawn of a minute; `null` where nothing was measured. Loss in per cent, bitrates in kilobits per second. */
export function measured(minute: Minute, metric: Metric): number | null {
  switch (metric) {
    case 'mos':
      return minute.mos ?? null;
    case 'rttMs':
      return minute.rttMs ?? null;
    case 'loss': {
      const known = [minute.lossUp, minute.lossDown].filter((share) => share != null);
      return known.length > 0 ? Math.max(...known) * 100 : null;
    }
    case 'bitrateUp':
    case 'bitrateDown': {
      const bits = minute[metric];
      return bits == null ? null : bits / 1000;
    }
  }
}

export interface Series {
  name: string;
  values: (number | null)[];
}

/** The minutes as columns: when (in seconds), and per person what was measured. Who came twice is one person. */
export function columns(report: Report, metric: Metric): { at: number[]; series: Series[] } {
  const at = [...new Set(report.minutes.map((minute) => Date.parse(minute.minute) / 1000))].sort(
    (a, b) => a - b,
  );
  const place = new Map(at.map((second, index) => [second, index]));
  const people = new Map<string, Series>();
  const whose = new Map(report.calls.map((stay) => [stay.callLogId, stay.participantName]));
  for (const minute of report.minutes) {
    const name = whose.get(minute.callLogId) ?? '';
    let one = people.get(name);
    if (!one) {
      one = { name, values: at.map(() => null) };
      people.set(name, one);
    }
    const index = place.get(Date.parse(minute.minute) / 1000);
    const value = measured(minute, metric);
    if (index !== undefined && value !== null) one.values[index] = value;
  }
  return { at, series: [...people.values()] };
}

/** How a score sounds: 4 and better is good, below 3 hurts. */
export function tone(mos: number | null | undefined): 'neutral' | 'good' | 'warn' | 'bad' {
  if (mos == null) return 'neutral';
  if (mos >= 4) return 'good';
  return mos >= 3 ? 'warn' : 'bad';
}
