import type { Schemas } from '~/api/client';

export type Hours = Schemas['Hours'];
type Rule = Schemas['WeeklyRule'];
type Exception = Schemas['DateException'];

/** The server's bounds. */
export const MOST_RULES = 200;
export const MOST_EXCEPTIONS = 1000;
export const LONGEST_NOTE = 200;

const DAY = 1440;

/** One interval as it is being written: what the inputs show, which need not be right yet. */
export interface Span {
  key: number;
  weekday: number;
  from: string;
  to: string;
  tz: string;
  validFrom: string | null;
  validTo: string | null;
}

export interface Except {
  key: number;
  date: string;
  kind: Exception['kind'];
  /** Otherwise the hours count. */
  wholeDay: boolean;
  from: string;
  to: string;
  note: string;
  tz: string;
}

export interface Draft {
  spans: readonly Span[];
  excepts: readonly Except[];
}

/** What is wrong, by what it is wrong with; words for it are in the catalogue under `availability.wrong`. */
export type Wrong =
  | 'missing'
  | 'endBeforeStart'
  | 'overlap'
  | 'noDate'
  | 'validOrder'
  | 'noteTooLong'
  | 'tooManyRules'
  | 'tooManyExceptions';

let count = 0;
export function newKey(): number {
  count += 1;
  return count;
}

/** "09:30" of 570; the day's end is "00:00", as clocks show it. */
export function clockOf(minute: number): string {
  const shown = minute % DAY;
  return [Math.floor(shown / 60), shown % 60].map((part) => String(part).padStart(2, '0')).join(':');
}

export function minuteOf(clock: string): number | undefined {
  const parts = /^([01]\d|2[0-3]):([0-5]\d)(?::\d\d)?$/.exec(clock);
  return parts ? Number(parts[1]) * 60 + Number(parts[2]) : undefined;
}

/** The end of an interval: midnight at its end is the day's. */
export function endOf(clock: string): number | undefined {
  const minute = minuteOf(clock);
  return minute === 0 ? DAY : minute;
}

export function draftOf(hours: Hours, zone: string): Draft {
  return {
    spans: hours.weekly.map((rule) => ({
      key: newKey(),
      weekday: rule.weekday,
      from: clockOf(rule.fromMin),
      to: clockOf(rule.toMin),
      tz: rule.tz || zone,
      validFrom: rule.validFrom ?? null,
      validTo: rule.validTo ?? null,
    })),
    excepts: (hours.exceptions ?? []).map((exception) => ({
      key: newKey(),
      date: exception.date,
      kind: exception.kind,
      wholeDay: (exception.fromMin ?? 0) === 0 && (exception.toMin ?? DAY) === DAY,
      from: clockOf(exception.fromMin ?? 0),
      to: clockOf(exception.toMin ?? DAY),
      note: exception.note ?? '',
      tz: exception.tz || zone,
    })),
  };
}

/** What the server takes. Only of a draft with which nothing is wrong. */
export function hoursOf({ spans, excepts }: Draft): Hours {
  const weekly: Rule[] = spans
    .map((span) => ({
      weekday: span.weekday,
      fromMin: minuteOf(span.from) ?? 0,
      toMin: endOf(span.to) ?? DAY,
      tz: span.tz,
      ...(span.validFrom && { validFrom: span.validFrom }),
      ...(span.validTo && { validTo: span.validTo }),
    }))
    .sort((a, b) => a.weekday - b.weekday || a.fromMin - b.fromMin);
  const exceptions: Exception[] = excepts
    .map((except) => ({
      date: except.date,
      kind: except.kind,
      fromMin: except.wholeDay ? 0 : (minuteOf(except.from) ?? 0),
      toMin: except.wholeDay ? DAY : (endOf(except.to) ?? DAY),
      tz: except.tz,
      ...(except.note.trim() && { note: except.note.trim() }),
    }))
    .sort((a, b) => a.date.localeCompare(b.date) || a.fromMin - b.fromMin);
  return { weekly, exceptions };
}

/** Everything that stands in the way of saving, by the key of what it stands beside; 0 is the whole. */
export function wrongs(draft: Draft): ReadonlyMap<number, Wrong> {
  const found = new Map<number, Wrong>();
  for (const span of draft.spans) {
    const wrong = wrongTimes(span.from, span.to);
    if (wrong) found.set(span.key, wrong);
    else if (span.validFrom && span.validTo && span.validTo < span.validFrom)
      found.set(span.key, 'validOrder');
    else if (draft.spans.some((other) => other.key < span.key && overlap(span, other)))
      found.set(span.key, 'overlap');
  }
  for (const except of draft.excepts) {
    const wrong = except.wholeDay ? undefined : wrongTimes(except.from, except.to);
    if (!/^\d{4}-\d\d-\d\d$/.test(except.date)) found.set(except.key, 'noDate');
    else if (wrong) found.set(except.key, wrong);
    else if ([...except.note].length > LONGEST_NOTE) found.set(except.key, 'noteTooLong');
  }
  if (draft.spans.length > MOST_RULES) found.set(0, 'tooManyRules');
  else if (draft.excepts.length > MOST_EXCEPTIONS) found.set(0, 'tooManyExceptions');
  return found;
}

function wrongTimes(from: string, to: string): Wrong | undefined {
  const [start, end] = [minuteOf(from), endOf(to)];
  if (start === undefined || end === undefined) return 'missing';
  return end <= start ? 'endBeforeStart' : undefined;
}

function overlap(a: Span, b: Span): boolean {
  if (a.weekday !== b.weekday || a.tz !== b.tz) return false;
  const dates = (a.validFrom ?? '') <= (b.validTo ?? '9') && (b.validFrom ?? '') <= (a.validTo ?? '9');
  const [aFrom, aTo, bFrom, bTo] = [minuteOf(a.from), endOf(a.to), minuteOf(b.from), endOf(b.to)];
  if (aFrom === undefined || aTo === undefined || bFrom === undefined || bTo === undefined) return false;
  return dates && aFrom < bTo && bFrom < aTo;
}

/** One more interval on a day: after the last one, or the usual hours. */
export function oneMore(spans: readonly Span[], weekday: number, tz: string): Span {
  const ends = spans.filter((span) => span.weekday === weekday).map((span) => endOf(span.to) ?? 0);
  const last = Math.max(0, ...ends);
  const [from, to] =
    ends.length === 0 || last >= DAY - 60 ? [540, 1020] : [last + 60, Math.min(last + 240, DAY)];
  return {
    key: newKey(),
    weekday,
    from: clockOf(from < to ? from : 540),
    to: clockOf(to),
    tz,
    validFrom: null,
    validTo: null,
  };
}

/** The intervals of one day on other days as well, in place of what was there. */
export function copied(spans: readonly Span[], from: number, to: readonly number[]): Span[] {
  const source = spans.filter((span) => span.weekday === from);
  return [
    ...spans.filter((span) => !to.includes(span.weekday)),
    ...to.flatMap((weekday) => source.map((span) => ({ ...span, key: newKey(), weekday }))),
  ];
}
