import { type Room, RoomEvent } from 'livekit-client';
import { useEffect, useState } from 'react';

/** Topic of what the server says to a room; see rooms/notice.rs. */
export const NOTICE_TOPIC = 'visavis.notice';

export type Notice =
  | { type: 'closing'; closesAt: string; minutesLeft: number }
  | { type: 'overtime'; endsAt: string; closesAt: string | null }
  | { type: 'extended'; closesAt: string | null }
  /** Whom the host sees after this. */
  | { type: 'next_waits'; startsAt: string }
  | { type: 'closed'; reason: string };

/** A notice out of a packet. What this version does not know is none. */
export function parse(payload: Uint8Array): Notice | undefined {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(payload));
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { type, closesAt, endsAt, startsAt, minutesLeft, reason } = value as Record<string, unknown>;
  const isTime = (text: unknown): text is string =>
    typeof text === 'string' && !Number.isNaN(Date.parse(text));
  const close = isTime(closesAt) ? closesAt : null;
  switch (type) {
    case 'closing':
      return close && typeof minutesLeft === 'number' ? { type, closesAt: close, minutesLeft } : undefined;
    case 'overtime':
      return isTime(endsAt) ? { type, endsAt, closesAt: close } : undefined;
    case 'extended':
      return { type, closesAt: close };
    case 'next_waits':
      return isTime(startsAt) ? { type, startsAt } : undefined;
    case 'closed':
      return { type, reason: typeof reason === 'string' ? reason : 'deleted' };
    default:
      return undefined;
  }
}

/** The latest notice of a room. Only the server's count: packets of people carry who sent them. */
export function useNotice(room: Room, told: (notice: Notice) => void) {
  const [notice, setNotice] = useState<Notice>();
  useEffect(() => {
    const hear = (payload: Uint8Array, participant?: unknown, _kind?: unknown, topic?: string) => {
      if (topic !== NOTICE_TOPIC || participant) return;
      const heard = parse(payload);
      if (!heard) return;
      // Of the room's own end; the others are said by whoever is told of them.
      if (heard.type !== 'next_waits') setNotice(heard);
      told(heard);
    };
    room.on(RoomEvent.DataReceived, hear);
    return () => void room.off(RoomEvent.DataReceived, hear);
  }, [room, told]);
  return [notice, () => setNotice(undefined)] as const;
}
