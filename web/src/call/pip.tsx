import { type TrackReference, useTracks, VideoTrack } from '@livekit/components-react';
import { Track } from 'livekit-client';
import { useCallback, useEffect, useState } from 'react';
import { createPortal } from 'react-dom';
import { useTranslation } from 'react-i18next';
import { nameOf } from './person';
import css from './room.module.css';
import stage from './stage.module.css';

interface DocumentPip extends EventTarget {
  requestWindow: (size: { width: number; height: number }) => Promise<Window>;
}

function documentPip(): DocumentPip | undefined {
  return (window as Window & { documentPictureInPicture?: DocumentPip }).documentPictureInPicture;
}

/** The small window that stays in front of others: the browser's for documents where it has one, else for a video. */
export function usePip() {
  const [small, setSmall] = useState<Window>();
  useEffect(() => () => small?.close(), [small]);
  const toggle = useCallback(async () => {
    if (small) {
      small.close();
      return;
    }
    const api = documentPip();
    if (api) {
      const opened = await api.requestWindow({ width: 400, height: 225 });
      // It begins empty: what the page looks like, it looks like.
      for (const sheet of document.querySelectorAll('link[rel="stylesheet"], style')) {
        opened.document.head.append(sheet.cloneNode(true));
      }
      opened.document.documentElement.dataset.theme = document.documentElement.dataset.theme ?? 'light';
      opened.addEventListener('pagehide', () => setSmall(undefined), { once: true });
      setSmall(opened);
      return;
    }
    if (document.pictureInPictureElement) {
      await document.exitPictureInPicture();
      return;
    }
    const video =
      document.querySelector<HTMLVideoElement>('video[data-main]') ??
      document.querySelector<HTMLVideoElement>('main li video:not([data-own])');
    await video?.requestPictureInPicture?.();
  }, [small]);
  const possible = documentPip() !== undefined || document.pictureInPictureEnabled === true;
  return { small, toggle: possible ? () => void toggle().catch(() => {}) : undefined };
}

/** What is in the small window: whoever spoke last, or the screen that is shown. */
export function PipView({ small }: { small: Window }) {
  const { t } = useTranslation('call');
  const tracks = useTracks([Track.Source.ScreenShare, Track.Source.Camera]).filter(
    ({ participant }) => !participant.isLocal,
  );
  const shown = latest(tracks);
  return createPortal(
    <div className={css.pip}>
      {shown ? (
        <>
          <VideoTrack trackRef={shown} />
          <span className={stage.label}>{nameOf(shown.participant)}</span>
        </>
      ) : (
        <p>{t('room.nobodySeen')}</p>
      )}
    </div>,
    small.document.body,
  );
}

function latest(tracks: readonly TrackReference[]): TrackReference | undefined {
  const spoke = ({ participant }: TrackReference) => participant.lastSpokeAt?.getTime() ?? 0;
  return (
    tracks.find(({ source }) => source === Track.Source.ScreenShare) ??
    [...tracks].sort((a, b) => spoke(b) - spoke(a))[0]
  );
}
