import { type SelectHTMLAttributes, useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { ownZone } from '~/lib/format';
import { Select } from './field';

/** Where the browser cannot list them: those of the most people. */
const FEW = [
  'UTC',
  'Africa/Cairo',
  'Africa/Johannesburg',
  'Africa/Lagos',
  'America/Bogota',
  'America/Chicago',
  'America/Denver',
  'America/Los_Angeles',
  'America/Mexico_City',
  'America/New_York',
  'America/Sao_Paulo',
  'Asia/Dubai',
  'Asia/Jakarta',
  'Asia/Karachi',
  'Asia/Kolkata',
  'Asia/Shanghai',
  'Asia/Singapore',
  'Asia/Tokyo',
  'Australia/Sydney',
  'Europe/Athens',
  'Europe/Berlin',
  'Europe/London',
  'Europe/Madrid',
  'Europe/Paris',
  'Europe/Rome',
  'Europe/Vienna',
  'Europe/Zurich',
  'Pacific/Auckland',
];

function everyZone(): string[] {
  const list = (Intl as { supportedValuesOf?: (key: 'timeZone') => string[] }).supportedValuesOf;
  return list ? ['UTC', ...list('timeZone')] : FEW;
}

/** "Europe/Rome" as people write it. */
const written = (zone: string) => zone.replaceAll('_', ' ');

/** Which time zone; those that come first are easy to find. */
export function ZoneSelect({
  label,
  hint,
  error,
  first = [],
  ...rest
}: {
  label: string;
  hint?: string | undefined;
  error?: string | undefined;
  /** Zones that somebody will want, besides one's own. */
  first?: readonly string[];
} & SelectHTMLAttributes<HTMLSelectElement>) {
  const { t } = useTranslation();
  const near = [...new Set([ownZone(), ...first])];
  const all = useMemo(() => [...new Set(everyZone())], []);
  const option = (zone: string) => (
    <option key={zone} value={zone}>
      {written(zone)}
    </option>
  );
  return (
    <Select label={label} hint={hint} error={error} {...rest}>
      <optgroup label={t('zonesNear')}>{near.map(option)}</optgroup>
      <optgroup label={t('zonesAll')}>{all.filter((zone) => !near.includes(zone)).map(option)}</optgroup>
    </Select>
  );
}
