import type { Participant } from 'livekit-client';
import type { SeatRole } from './access';

/** What the people in a room say of themselves beside their tracks. */
export const ROLE = 'visavis.role';
/** When the hand was raised, in milliseconds of the server's clock; empty when it is down. */
export const HAND = 'visavis.hand';

const ROLES: readonly SeatRole[] = ['host', 'client', 'observer', 'interpreter'];

type Attributes = Readonly<Record<string, string | undefined>> | undefined;

export function roleIn(attributes: Attributes): SeatRole | undefined {
  return ROLES.find((role) => role === attributes?.[ROLE]);
}

export function handIn(attributes: Attributes): boolean {
  return Number(attributes?.[HAND] ?? 0) > 0;
}

export function nameOf(participant: Participant): string {
  return participant.name || participant.identity;
}
