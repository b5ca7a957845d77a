import {
  isTrackReference,
  type TrackReferenceOrPlaceholder,
  useConnectionQualityIndicator,
  useIsMuted,
  useIsSpeaking,
  useParticipantAttributes,
  VideoTrack,
} from '@livekit/components-react';
import { ConnectionQuality, Track } from 'livekit-client';
import { Hand, MicOff, MonitorUp, Pin, PinOff, SignalLow } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { Avatar } from '~/ui/layout';
import { handIn, nameOf } from './person';
import css from './stage.module.css';

export function keyOf({ participant, source }: TrackReferenceOrPlaceholder): string {
  return `${participant.identity} ${source}`;
}

/** One person, or one screen that somebody shows. */
export function Tile({
  trackRef,
  main,
  pinned,
  onPin,
  emoji,
}: {
  trackRef: TrackReferenceOrPlaceholder;
  /** It stands large. */
  main?: boolean;
  pinned: boolean;
  onPin?: (() => void) | undefined;
  emoji?: string | undefined;
}) {
  const { t } = useTranslation('call');
  const { participant, source } = trackRef;
  const speaking = useIsSpeaking(participant);
  const silent = useIsMuted({ participant, source: Track.Source.Microphone });
  const dark = useIsMuted(trackRef);
  const { quality } = useConnectionQualityIndicator({ participant });
  const { attributes } = useParticipantAttributes({ participant });
  const screen = source === Track.Source.ScreenShare;
  const name = nameOf(participant);
  const shown = isTrackReference(trackRef) && !dark;
  const weak = quality === ConnectionQuality.Poor || quality === ConnectionQuality.Lost;
  const words = screen ? t('room.screenOf', { name }) : participant.isLocal ? t('room.you', { name }) : name;
  return (
    <li
      className={css.tile}
      data-main={main || undefined}
      data-speaking={(speaking && !screen) || undefined}
      data-screen={screen || undefined}
      data-identity={participant.identity}
      data-source={source}
    >
      {shown ? (
        <VideoTrack
          trackRef={trackRef}
          className={css.video}
          data-own={(participant.isLocal && !screen) || undefined}
          data-main={main || undefined}
          aria-label={words}
        />
      ) : (
        <span className={css.face}>
          <Avatar name={name} size={main ? 120 : 72} />
        </span>
      )}
      {emoji && (
        <span className={css.emoji} aria-hidden="true">
          {emoji}
        </span>
      )}
      <span className={css.marks}>
        {handIn(attributes) && !screen && (
          <span className={css.hand}>
            <Hand size={18} aria-hidden="true" />
            <span className="visually-hidden">{t('room.handUp')}</span>
          </span>
        )}
        {onPin && (
          <button
            type="button"
            className={css.pin}
            aria-pressed={pinned}
            aria-label={pinned ? t('room.unpin', { name: words }) : t('room.pin', { name: words })}
            onClick={onPin}
          >
            {pinned ? <PinOff size={18} /> : <Pin size={18} />}
          </button>
        )}
      </span>
      <span className={css.label}>
        {screen && <MonitorUp size={16} aria-hidden="true" />}
        {!screen && silent && (
          <>
            <MicOff size={16} className={css.off} aria-hidden="true" />
            <span className="visually-hidden">{t('room.muted')}</span>
          </>
        )}
        <span className={css.who}>{words}</span>
        {weak && (
          <>
            <SignalLow size={16} className={css.off} aria-hidden="true" />
            <span className="visually-hidden">{t('room.weakLine')}</span>
          </>
        )}
      </span>
    </li>
  );
}
