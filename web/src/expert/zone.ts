import { CalendarDate, parseDate, parseDateTime, toZoned } from '@internationalized/date';

/** The moment at which a date ("2026-11-26") begins in a zone, in milliseconds. */
export function dayStart(date: string, zone: string): number {
  return parseDate(date).toDate(zone).getTime();
}

/** The date some days later or earlier. */
export function addDays(date: string, days: number): string {
  return parseDate(date).add({ days }).toString();
}

/** Monday of the date's week. */
export function monday(date: string): string {
  const { year, month, day } = parseDate(date);
  const weekday = (new Date(Date.UTC(year, month - 1, day)).getUTCDay() + 6) % 7;
  return new CalendarDate(year, month, day).subtract({ days: weekday }).toString();
}

/** The moment at which the clocks of a zone show "2026-11-26T09:30"; nothing where that is not a time. */
export function moment(local: string, zone: string): number | undefined {
  try {
    return toZoned(parseDateTime(local), zone, 'compatible').toDate().getTime();
  } catch {
    return undefined;
  }
}
