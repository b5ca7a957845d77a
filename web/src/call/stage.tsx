import { useSpeakingParticipants, useTracks } from '@livekit/components-react';
import { Track } from 'livekit-client';
import { type CSSProperties, type ReactNode, useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { cells, focusOf, type Layout } from './layout';
import type { Shown } from './reactions';
import css from './stage.module.css';
import { keyOf, Tile } from './tile';

/** Between tiles, as the style sheet has it. */
const GAP = 8;

/** Everybody and what they show. */
export function Stage({
  layout,
  pinned,
  onPin,
  reactions,
  empty,
}: {
  layout: Layout;
  pinned: string | undefined;
  onPin: (key: string | undefined) => void;
  reactions: readonly Shown[];
  /** What is said while nobody else is there. */
  empty: ReactNode;
}) {
  const { t } = useTranslation('call');
  const all = useTracks(
    [
      { source: Track.Source.Camera, withPlaceholder: true },
      { source: Track.Source.ScreenShare, withPlaceholder: false },
    ],
    { onlySubscribed: false },
  );
  // One's own screen is seen already.
  const tracks = all.filter(
    ({ participant, source }) => !(participant.isLocal && source === Track.Source.ScreenShare),
  );
  const [speaking] = useSpeakingParticipants();
  const [speaker, setSpeaker] = useState<string>();
  const now = speaking?.isLocal ? undefined : speaking?.identity;
  useEffect(() => {
    if (now) setSpeaker(now);
  }, [now]);
  const tiles = tracks.map((track) => ({
    key: keyOf(track),
    screen: track.source === Track.Source.ScreenShare,
    local: track.participant.isLocal,
    identity: track.participant.identity,
    track,
  }));
  // The others first, oneself last; otherwise as they came.
  tiles.sort((a, b) => Number(a.local) - Number(b.local) || Number(b.screen) - Number(a.screen));
  const focus = focusOf(tiles, layout, pinned, speaker);
  const [ref, size] = useSize();
  const cell = cells(tiles.length, size.width, size.height, GAP);
  const latest = new Map(reactions.map((it) => [it.identity, it.emoji]));
  const alone = !tiles.some(({ local }) => !local);
  return (
    <div ref={ref} className={css.stage} data-focus={focus ? true : undefined}>
      <ul
        className={css.tiles}
        style={
          focus
            ? ({ '--others': tiles.length - 1 } as CSSProperties)
            : cell.width === 0
              ? undefined
              : { gridTemplateColumns: `repeat(${cell.cols}, ${cell.width}px)`, gridAutoRows: cell.height }
        }
        aria-label={t('room.people')}
      >
        {tiles.map(({ key, identity, screen, track }) => (
          <Tile
            key={key}
            trackRef={track}
            main={key === focus}
            pinned={key === pinned}
            onPin={tiles.length > 1 ? () => onPin(key === pinned ? undefined : key) : undefined}
            emoji={screen ? undefined : latest.get(identity)}
          />
        ))}
      </ul>
      {alone && <div className={css.alone}>{empty}</div>}
    </div>
  );
}

function useSize() {
  const ref = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  useEffect(() => {
    const element = ref.current;
    if (!element) return;
    const observer = new ResizeObserver(([entry]) => {
      if (entry) setSize({ width: entry.contentRect.width, height: entry.contentRect.height });
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return [ref, size] as const;
}
