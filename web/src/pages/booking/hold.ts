import { queryOptions } from '@tanstack/react-query';
import { api, ask, Problem, type Schemas } from '~/api/client';
import { storage } from '~/lib/storage';
import { serverNow } from '~/live/clock';

const STORED = 'visavis.hold';

/** A time that is kept, or a session's seat that needs no keeping. */
export interface Held {
  serviceId: string;
  startsAt: string;
  endsAt: string;
  /** None for a seat of a session: that is asked for by service and start. */
  holdId?: string;
  expiresAt?: string;
  seatsLeft?: number;
}

export const lapsed = (held: Held, now = serverNow()) =>
  held.expiresAt !== undefined && now >= Date.parse(held.expiresAt);

/** The hold of this tab: a reload finds it again. */
function stored(): Held | undefined {
  try {
    const held = JSON.parse(storage.session.getItem(STORED) ?? 'null') as Held | null;
    return held?.holdId && !lapsed(held) ? held : undefined;
  } catch {
    return undefined;
  }
}

/** Forgets the hold: it has become an appointment, or has lapsed. */
export function forgetHold(): void {
  storage.session.removeItem(STORED);
}

/** Gives the time back, so that others can have it. That it does not work changes nothing: it lapses by itself. */
export async function releaseHold(): Promise<void> {
  const id = stored()?.holdId;
  forgetHold();
  if (id)
    await ask(api.DELETE('/api/holds/{hold_id}', { params: { path: { hold_id: id } } })).catch(() => {});
}

/** Gives back every time that one holds, in other tabs and on other devices, too. */
export async function releaseAll(): Promise<void> {
  forgetHold();
  const { items } = await ask(api.GET('/api/appointments', { params: { query: { status: 'hold' } } }));
  for (const { id } of items) {
    await ask(api.DELETE('/api/holds/{hold_id}', { params: { path: { hold_id: id } } })).catch(() => {});
  }
}

/** The same time, held by the same person in another tab or on another device: that one serves here as well. */
async function heldElsewhere(serviceId: string, startsAt: string): Promise<Held | undefined> {
  const { items } = await ask(api.GET('/api/appointments', { params: { query: { status: 'hold' } } }));
  const same = items.find(
    (it) => it.serviceId === serviceId && Date.parse(it.startsAt) === Date.parse(startsAt),
  );
  return (
    same && {
      serviceId,
      startsAt,
      endsAt: same.endsAt,
      holdId: same.id,
      ...(same.holdExpiresAt && { expiresAt: same.holdExpiresAt }),
    }
  );
}

async function hold(serviceId: string, startsAt: string, tz: string): Promise<Held> {
  const before = stored();
  if (before?.serviceId === serviceId && before.startsAt === startsAt) return before;
  const replaces = before?.holdId;
  let answer: Schemas['Hold'] | Schemas['Slot'];
  try {
    answer = await ask(
      api.POST('/api/holds', { body: { serviceId, startsAt, tz, ...(replaces && { replaces }) } }),
    );
  } catch (thrown) {
    const taken = ['slot_taken', 'customer_overlap'].includes(Problem.of(thrown).code);
    const own = taken && (await heldElsewhere(serviceId, startsAt).catch(() => undefined));
    if (own) return own;
    throw thrown;
  }
  forgetHold();
  const { startsAt: from, endsAt } = answer;
  if (!('id' in answer)) return { serviceId, startsAt: from, endsAt, seatsLeft: answer.seatsLeft };
  const held: Held = {
    serviceId,
    startsAt,
    endsAt,
    holdId: answer.id,
    ...(answer.expiresAt && { expiresAt: answer.expiresAt }),
  };
  storage.session.setItem(STORED, JSON.stringify(held));
  return held;
}

/** Holds a time as long as the page needs it. A query, so that two renderings do not hold it twice. */
export const holdQuery = (service: string, startsAt: string, tz: string, user: string) =>
  queryOptions({
    queryKey: ['hold', service, startsAt, user],
    queryFn: () => hold(service, startsAt, tz),
    retry: false,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
  });
