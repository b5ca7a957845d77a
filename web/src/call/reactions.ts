import { type Room, RoomEvent } from 'livekit-client';
import { useCallback, useEffect, useRef, useState } from 'react';

/** Topic of the data packets that carry one. */
export const REACTION_TOPIC = 'visavis.reaction';
export const REACTIONS = ['👍', '👏', '❤️', '😂', '😮', '🎉'] as const;
export type Reaction = (typeof REACTIONS)[number];

export interface Shown {
  id: number;
  identity: string;
  emoji: Reaction;
}

const SHOWN_MS = 4000;
/** As many as are shown at a time, whoever sends how many. */
const MOST = 12;
/** Between two of one's own. */
const PAUSE_MS = 400;

/** A reaction out of a packet; anything else that comes on the topic is none. */
export function parse(payload: Uint8Array): Reaction | undefined {
  if (payload.length > 64) return undefined;
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(payload));
    const emoji = (value as { emoji?: unknown } | null)?.emoji;
    return REACTIONS.find((known) => known === emoji);
  } catch {
    return undefined;
  }
}

export function useReactions(room: Room) {
  const [shown, setShown] = useState<readonly Shown[]>([]);
  const count = useRef(0);
  const last = useRef(0);
  const show = useCallback((identity: string, emoji: Reaction) => {
    count.current += 1;
    const id = count.current;
    setShown((list) => [...list, { id, identity, emoji }].slice(-MOST));
    setTimeout(() => setShown((list) => list.filter((it) => it.id !== id)), SHOWN_MS);
  }, []);
  useEffect(() => {
    const hear = (
      payload: Uint8Array,
      participant?: { identity: string },
      _kind?: unknown,
      topic?: string,
    ) => {
      if (topic !== REACTION_TOPIC || !participant) return;
      const emoji = parse(payload);
      if (emoji) show(participant.identity, emoji);
    };
    room.on(RoomEvent.DataReceived, hear);
    return () => void room.off(RoomEvent.DataReceived, hear);
  }, [room, show]);
  const send = useCallback(
    (emoji: Reaction) => {
      const now = performance.now();
      if (now - last.current < PAUSE_MS) return;
      last.current = now;
      show(room.localParticipant.identity, emoji);
      const data = new TextEncoder().encode(JSON.stringify({ emoji }));
      room.localParticipant.publishData(data, { topic: REACTION_TOPIC, reliable: true }).catch(() => {});
    },
    [room, show],
  );
  return { shown, send };
}
