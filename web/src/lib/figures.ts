import { language } from '~/i18n';

/** What stands where nothing was measured. */
const NOTHING = '–';

type Measured = number | null | undefined;

const cache = new Map<string, Intl.NumberFormat>();

/** "4.3", in German "4,3". */
export function figure(value: Measured, digits = 1): string {
  if (value == null) return NOTHING;
  const key = `${language()} ${digits}`;
  let format = cache.get(key);
  if (!format) {
    format = new Intl.NumberFormat(language(), { maximumFractionDigits: digits });
    cache.set(key, format);
  }
  return format.format(value);
}

const withUnit = (value: Measured, unit: string, digits: number) =>
  value == null ? NOTHING : `${figure(value, digits)} ${unit}`;

/** Of a share between 0 and 1. */
export const percent = (share: Measured, digits = 1) =>
  withUnit(share == null ? share : share * 100, '%', digits);

export const milliseconds = (ms: Measured) => withUnit(ms, 'ms', 0);

/** Of bits per second: "320 kbit/s", "1.7 Mbit/s". */
export function bitrate(bits: Measured): string {
  if (bits == null) return NOTHING;
  return bits >= 1_000_000 ? withUnit(bits / 1_000_000, 'Mbit/s', 1) : withUnit(bits / 1000, 'kbit/s', 0);
}
