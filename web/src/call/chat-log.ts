import { type Room, RoomEvent } from 'livekit-client';
import { useCallback, useEffect, useRef, useState } from 'react';
import { api, ask, type Schemas } from '~/api/client';
import { serverNow } from '~/live/clock';
import { nameOf } from './person';

/** Topic of the text streams that are chat; the server keeps a copy of them with the appointment. */
const CHAT_TOPIC = 'lk.chat';
/** As long as the server keeps one, in bytes. */
export const MAX_MESSAGE = 32_768;
const PAGE = 100;

export interface Line {
  streamId: string;
  name: string;
  own: boolean;
  at: number;
  body: string;
  state?: 'sending' | 'failed';
}

/** Every message once, whichever way it came, in the order of time. What is newer about one wins. */
export function merge(known: readonly Line[], more: readonly Line[]): Line[] {
  const lines = new Map(known.map((line) => [line.streamId, line]));
  for (const line of more) lines.set(line.streamId, line);
  return [...lines.values()].sort((a, b) => a.at - b.at || (a.streamId < b.streamId ? -1 : 1));
}

/** Cuts a text to what fits into a message, never inside a letter. */
export function fit(text: string, most = MAX_MESSAGE): string {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= most) return text;
  return new TextDecoder('utf-8', { fatal: false })
    .decode(bytes.subarray(0, most), { stream: true })
    .replace(/\uFFFD$/, '');
}

function kept(message: Schemas['Message'], ownSeat: string | undefined): Line | undefined {
  if (!message.body) return undefined;
  return {
    streamId: message.streamId,
    name: message.name,
    own: ownSeat !== undefined && message.seatId === ownSeat,
    at: Date.parse(message.sentAt),
    body: message.body,
  };
}

/** What is written in a call: live from the room, and from the appointment what was written before. */
export function useChatLog(room: Room, appointmentId: string | undefined, watching: boolean) {
  const [lines, setLines] = useState<readonly Line[]>([]);
  const [unread, setUnread] = useState(0);
  const [older, setOlder] = useState<string>();
  const [trouble, setTrouble] = useState<unknown>();
  const seen = useRef(watching);
  seen.current = watching;
  useEffect(() => {
    if (watching) setUnread(0);
  }, [watching]);

  const load = useCallback(
    async (cursor?: string) => {
      if (!appointmentId) return;
      try {
        const page = await ask(
          api.GET('/api/appointments/{appointment_id}/messages', {
            params: {
              path: { appointment_id: appointmentId as Schemas['AppointmentId'] },
              query: { limit: PAGE, ...(cursor ? { cursor } : {}) },
            },
          }),
        );
        const own = room.localParticipant.identity;
        setLines((known) =>
          merge(
            page.items.flatMap((item) => kept(item, own) ?? []),
            known,
          ),
        );
        setOlder(page.nextCursor ?? undefined);
        setTrouble(undefined);
      } catch (error) {
        setTrouble(error);
      }
    },
    [room, appointmentId],
  );

  useEffect(() => {
    void load();
    // What was written while this side was away came by no stream.
    const again = () => void load();
    room.on(RoomEvent.Reconnected, again);
    return () => void room.off(RoomEvent.Reconnected, again);
  }, [room, load]);

  useEffect(() => {
    room.registerTextStreamHandler(CHAT_TOPIC, (reader, { identity }) => {
      void reader
        .readAll()
        .then((body) => {
          const from = room.getParticipantByIdentity(identity);
          const line: Line = {
            streamId: reader.info.id,
            name: from ? nameOf(from) : identity,
            own: identity === room.localParticipant.identity,
            at: serverNow(),
            body: fit(body),
          };
          setLines((known) => merge(known, [line]));
          if (!seen.current && !line.own) setUnread((count) => count + 1);
        })
        .catch(() => {
          // Its sender went away before it was whole.
        });
    });
    return () => room.unregisterTextStreamHandler(CHAT_TOPIC);
  }, [room]);

  const send = useCallback(
    async (text: string, again?: Line) => {
      const body = fit(text.trim());
      if (!body) return;
      const draft: Line = {
        streamId: again?.streamId ?? `draft-${crypto.randomUUID()}`,
        name: nameOf(room.localParticipant),
        own: true,
        at: serverNow(),
        body,
        state: 'sending',
      };
      setLines((known) => merge(known, [draft]));
      const settle = (line: Line) =>
        setLines((known) =>
          merge(
            known.filter(({ streamId }) => streamId !== draft.streamId),
            [line],
          ),
        );
      try {
        const { id } = await room.localParticipant.sendText(body, { topic: CHAT_TOPIC });
        const { state: _, ...sent } = draft;
        settle({ ...sent, streamId: id });
      } catch {
        settle({ ...draft, state: 'failed' });
      }
    },
    [room],
  );

  return { lines, unread, send, trouble, loadOlder: older ? () => void load(older) : undefined };
}
