import type { Room } from 'livekit-client';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { nameOf } from './person';
import css from './room.module.css';

/** Topic of the text streams that are what people say, written down. */
const TOPIC = 'lk.transcription';
/** Lines shown at a time. */
const LINES = 2;
/** A line that nothing follows goes. */
const SHOWN_MS = 8000;

interface Said {
  id: string;
  name: string;
  text: string;
  at: number;
}

/** What is being said, as far as somebody writes it down; nothing until then. */
export function useCaptions(room: Room): readonly Said[] {
  const [said, setSaid] = useState<readonly Said[]>([]);
  useEffect(() => {
    const add = (line: Said) =>
      setSaid((list) => [...list.filter(({ id }) => id !== line.id), line].slice(-LINES));
    room.registerTextStreamHandler(TOPIC, async (reader, { identity }) => {
      // A segment is said again while it grows, each time as a stream of its own.
      const id = reader.info.attributes?.['lk.segment_id'] ?? reader.info.id;
      const from = room.getParticipantByIdentity(identity);
      const name = from ? nameOf(from) : identity;
      let text = '';
      try {
        for await (const piece of reader) {
          text = (text + piece).slice(-400);
          add({ id, name, text, at: Date.now() });
        }
      } catch {
        // Its sender went away; what has come stays for its time.
      }
    });
    const timer = setInterval(
      () => setSaid((list) => (list.some(old) ? list.filter((line) => !old(line)) : list)),
      1000,
    );
    return () => {
      room.unregisterTextStreamHandler(TOPIC);
      clearInterval(timer);
    };
  }, [room]);
  return said;
}

const old = ({ at }: Said) => Date.now() - at > SHOWN_MS;

export function CaptionArea({ said }: { said: readonly Said[] }) {
  const { t } = useTranslation('call');
  if (said.length === 0) return null;
  return (
    <section className={css.captions} aria-label={t('bar.captions')}>
      {said.map(({ id, name, text }) => (
        <p key={id}>
          <strong>{name}:</strong> {text}
        </p>
      ))}
    </section>
  );
}
