import { useCallback, useMemo } from 'react';
import { useSearchParams } from 'wouter';
import { ownZone } from '~/lib/format';

/** How far a booking has come, as the address of the page has it. */
export interface Way {
  service: string | undefined;
  /** The start, as ISO 8601. */
  at: string | undefined;
  /** The zone that times are read in. */
  zone: string;
  /** The time is chosen: it is kept while the rest is filled in. */
  details: boolean;
  /** The appointment that has come of it. */
  booked: string | undefined;
  go: (
    to: Partial<Record<'service' | 'at' | 'zone' | 'step' | 'booked', string | undefined>>,
    replace?: boolean,
  ) => void;
}

function isZone(text: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: text });
    return true;
  } catch {
    return false;
  }
}

/** A start that can be one: anything else in the address is left aside. */
function start(text: string | null): string | undefined {
  const ms = text && /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(ms) ? undefined : (text ?? undefined);
}

export function useWay(): Way {
  const [params, setParams] = useSearchParams();
  const go = useCallback<Way['go']>(
    (to, replace = false) =>
      setParams(
        (before) => {
          const next = new URLSearchParams(before);
          for (const [key, value] of Object.entries(to)) {
            if (value === undefined) next.delete(key);
            else next.set(key, value);
          }
          return next;
        },
        { replace },
      ),
    [setParams],
  );
  return useMemo(() => {
    const zone = params.get('zone');
    return {
      service: params.get('service') ?? undefined,
      at: start(params.get('at')),
      zone: zone && isZone(zone) ? zone : ownZone(),
      details: params.get('step') === 'details',
      booked: params.get('booked') ?? undefined,
      go,
    };
  }, [params, go]);
}
