import { parseDate, parseDateTime, toZoned } from '@internationalized/date';

/** The moment at which a date ("2026-11-26") begins in a zone, in milliseconds. */
export function dayStart(date: string, zone: string): number {
  return parseDate(date).toDate(zone).getTime();
}

/** The date some days later or earlier. */
export function addDays(date: string, days: number): string {
  return parseDate(date).add({ days }).toString();
}

/** The moment at which the clocks of a zone show "2026-11-26T09:30"; nothing where that is not a time. */
export function moment(local: string, zone: string): number | undefined {
  try {
    return toZoned(parseDateTime(local), zone, 'compatible').toDate().getTime();
  } catch {
    return undefined;
  }
}
