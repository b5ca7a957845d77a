import { locale } from '~/i18n';

const cache = new Map<string, Intl.DateTimeFormat>();

/** Making a formatter is slow, using it is not. */
function formatter(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${locale()} ${JSON.stringify(options)}`;
  let made = cache.get(key);
  if (!made) {
    made = new Intl.DateTimeFormat(locale(), options);
    cache.set(key, made);
  }
  return made;
}

/** The visitor's time zone. */
export function ownZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}

type Moment = string | number | Date;
const date = (moment: Moment) => new Date(moment);

/** "Thursday, 26 November" */
export function day(moment: Moment, timeZone = ownZone()): string {
  return formatter({ weekday: 'long', day: 'numeric', month: 'long', timeZone }).format(date(moment));
}

/** "Thu, 26 Nov 2026" */
export function shortDay(moment: Moment, timeZone = ownZone()): string {
  return formatter({ weekday: 'short', day: 'numeric', month: 'short', year: 'numeric', timeZone }).format(
    date(moment),
  );
}

/** "14:30" or "2:30 PM", as the language has it. */
export function time(moment: Moment, timeZone = ownZone()): string {
  return formatter({ hour: 'numeric', minute: '2-digit', timeZone }).format(date(moment));
}

/** "14:30 – 15:00" */
export function timeRange(from: Moment, to: Moment, timeZone = ownZone()): string {
  return formatter({ hour: 'numeric', minute: '2-digit', timeZone }).formatRange(date(from), date(to));
}

/** "26 Nov 2026, 14:30" */
export function dateTime(moment: Moment, timeZone = ownZone()): string {
  return formatter({ dateStyle: 'medium', timeStyle: 'short', timeZone }).format(date(moment));
}

/** "Central European Standard Time" and the like. */
export function zoneName(moment: Moment = Date.now(), timeZone = ownZone()): string {
  const parts = formatter({ timeZoneName: 'long', timeZone }).formatToParts(date(moment));
  return parts.find((part) => part.type === 'timeZoneName')?.value ?? timeZone;
}

/** The day in a zone as "2026-11-26". */
export function isoDay(moment: Moment, timeZone = ownZone()): string {
  const parts = new Intl.DateTimeFormat('en-CA', {
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    timeZone,
  });
  return parts.format(date(moment));
}

/** "1:02:03" or "2:03" of a duration in milliseconds. */
export function clock(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (n: number) => String(n).padStart(2, '0');
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** "in 12 minutes", "3 hours ago" */
export function relative(moment: Moment, now: number): string {
  const seconds = Math.round((date(moment).getTime() - now) / 1000);
  const units: [Intl.RelativeTimeFormatUnit, number][] = [
    ['day', 86_400],
    ['hour', 3600],
    ['minute', 60],
  ];
  const words = new Intl.RelativeTimeFormat(locale(), { numeric: 'auto' });
  for (const [unit, length] of units) {
    if (Math.abs(seconds) >= length) return words.format(Math.trunc(seconds / length), unit);
  }
  return words.format(seconds, 'second');
}

/** "1.4 MB" */
export function size(bytes: number): string {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const;
  const power = bytes < 1000 ? 0 : Math.min(4, Math.floor(Math.log10(bytes) / 3));
  const unit = units[power];
  const format = new Intl.NumberFormat(locale(), {
    style: 'unit',
    unit,
    unitDisplay: 'narrow',
    maximumFractionDigits: 1,
  });
  return format.format(bytes / 1000 ** power);
}

/** "Italian" of "it"; the tag where the browser does not know. */
export function languageName(tag: string): string {
  try {
    return new Intl.DisplayNames([locale()], { type: 'language' }).of(tag) ?? tag;
  } catch {
    return tag;
  }
}
