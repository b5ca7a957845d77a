import { useLocalParticipant, useParticipantAttributes, useRoomContext } from '@livekit/components-react';
import { Track } from 'livekit-client';
import {
  CalendarClock,
  Captions,
  CircleStop,
  Ellipsis,
  Hand,
  Keyboard,
  LayoutGrid,
  Maximize2,
  MessageSquare,
  Mic,
  MicOff,
  MonitorUp,
  MonitorX,
  Paperclip,
  PhoneOff,
  PictureInPicture2,
  Settings2,
  SmilePlus,
  Timer,
  Users,
  Video,
  VideoOff,
} from 'lucide-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { serverNow } from '~/live/clock';
import { toast } from '~/ui/toast';
import css from './controls.module.css';
import { troubleOf, useChoices } from './devices';
import { Menu, MenuItem } from './menu';
import { HAND, handIn } from './person';
import { REACTIONS, type Reaction } from './reactions';
import { type Key, useShortcuts } from './shortcuts';

export type Panel = 'chat' | 'people' | 'files';

export interface Extras {
  unread: number;
  waiting: number;
  panel: Panel | undefined;
  onPanel: (panel: Panel) => void;
  onLayout: () => void;
  onReaction: (emoji: Reaction) => void;
  onDevices: () => void;
  onHelp: () => void;
  onPip?: (() => void) | undefined;
  captions?: { on: boolean; toggle: () => void } | undefined;
  onExtend?: (() => void) | undefined;
  onWindow?: (() => void) | undefined;
  onEnd?: (() => void) | undefined;
  onLeave: () => void;
}

/** Microphone, camera, screen and hand: what one does to oneself in a room. */
export function useSelf() {
  const { t } = useTranslation('call');
  const room = useRoomContext();
  const choices = useChoices();
  const { localParticipant, isMicrophoneEnabled, isCameraEnabled, isScreenShareEnabled } =
    useLocalParticipant();
  const { attributes } = useParticipantAttributes({ participant: localParticipant });
  const handUp = handIn(attributes);
  const say = (kind: 'camera' | 'microphone') => (error: unknown) =>
    void toast.error(t(`trouble.${troubleOf(error)}.${kind}`));
  return {
    room,
    isMicrophoneEnabled,
    isCameraEnabled,
    isScreenShareEnabled,
    handUp,
    microphone: () =>
      void localParticipant
        .setMicrophoneEnabled(
          !isMicrophoneEnabled,
          choices.audioinput ? { deviceId: choices.audioinput } : {},
        )
        .catch(say('microphone')),
    camera: () =>
      void localParticipant
        .setCameraEnabled(!isCameraEnabled, choices.videoinput ? { deviceId: choices.videoinput } : {})
        .catch(say('camera')),
    screen: () =>
      void localParticipant
        .setScreenShareEnabled(!isScreenShareEnabled, { audio: true })
        .catch((error: unknown) => {
          // Whoever closes the browser's question has changed their mind.
          if (troubleOf(error) !== 'denied') toast.error(t('room.noScreen'));
        }),
    hand: () =>
      void localParticipant
        .setAttributes({ [HAND]: handUp ? '' : String(Math.round(serverNow())) })
        .catch(() => toast.error(t('room.notDone'))),
  };
}

/** Whether the seat may publish this; the browser may still not be able to. */
export function useMay(source: Track.Source): boolean {
  const { localParticipant } = useLocalParticipant();
  const may = localParticipant.permissions;
  if (!may) return true;
  if (!may.canPublish) return false;
  return may.canPublishSources.length === 0 || may.canPublishSources.includes(NUMBERS[source] ?? -1);
}

/** LiveKit's numbers of what is published. */
const NUMBERS: Partial<Record<Track.Source, number>> = {
  [Track.Source.Camera]: 1,
  [Track.Source.Microphone]: 2,
  [Track.Source.ScreenShare]: 3,
};

/** The bar at the foot of a call. On a narrow screen what is used less moves into the menu. */
export function Controls(props: Extras) {
  const { t } = useTranslation('call');
  const self = useSelf();
  const mayTalk = useMay(Track.Source.Microphone);
  const mayFilm = useMay(Track.Source.Camera);
  const mayShow = useMay(Track.Source.ScreenShare) && 'getDisplayMedia' in (navigator.mediaDevices ?? {});
  const { panel, onPanel } = props;
  useShortcuts((key: Key) => {
    if (key === 'm' && mayTalk) self.microphone();
    if (key === 'v' && mayFilm) self.camera();
    if (key === 's' && mayShow) self.screen();
    if (key === 'h') self.hand();
    if (key === 'c') onPanel('chat');
    if (key === 'p') onPanel('people');
    if (key === 'l') props.onLayout();
    if (key === '?') props.onHelp();
  });
  const shareWords = self.isScreenShareEnabled ? t('bar.stopScreen') : t('bar.screen');
  const handWords = self.handUp ? t('bar.handDown') : t('bar.hand');
  const shareIcon = self.isScreenShareEnabled ? <MonitorX size={22} /> : <MonitorUp size={22} />;
  return (
    <div className={css.bar} role="toolbar" aria-label={t('bar.name')}>
      {mayTalk && (
        <Control
          label={self.isMicrophoneEnabled ? t('bar.mute') : t('bar.unmute')}
          hint="M"
          off={!self.isMicrophoneEnabled}
          onClick={self.microphone}
          icon={self.isMicrophoneEnabled ? <Mic size={22} /> : <MicOff size={22} />}
        />
      )}
      {mayFilm && (
        <Control
          label={self.isCameraEnabled ? t('bar.cameraOff') : t('bar.cameraOn')}
          hint="V"
          off={!self.isCameraEnabled}
          onClick={self.camera}
          icon={self.isCameraEnabled ? <Video size={22} /> : <VideoOff size={22} />}
        />
      )}
      {mayShow && (
        <Control
          label={shareWords}
          hint="S"
          on={self.isScreenShareEnabled}
          onClick={self.screen}
          icon={shareIcon}
          roomy
        />
      )}
      <Control
        label={handWords}
        hint="H"
        on={self.handUp}
        onClick={self.hand}
        icon={<Hand size={22} />}
        roomy
      />
      <Menu icon={<SmilePlus size={22} />} label={t('bar.react')}>
        {(close) => (
          <div className={css.emojis}>
            {REACTIONS.map((emoji) => (
              <button
                key={emoji}
                type="button"
                aria-label={t('bar.reactWith', { emoji })}
                onClick={() => {
                  props.onReaction(emoji);
                  close();
                }}
              >
                {emoji}
              </button>
            ))}
          </div>
        )}
      </Menu>
      <Control
        label={t('bar.chat')}
        hint="C"
        on={panel === 'chat'}
        onClick={() => onPanel('chat')}
        icon={<MessageSquare size={22} />}
        count={props.unread}
        countWords={t('bar.unread', { count: props.unread })}
      />
      <Control
        label={t('bar.people')}
        hint="P"
        on={panel === 'people'}
        onClick={() => onPanel('people')}
        icon={<Users size={22} />}
        count={props.waiting}
        countWords={t('bar.waiting', { count: props.waiting })}
        roomy
      />
      <Control
        label={t('bar.layout')}
        hint="L"
        onClick={props.onLayout}
        icon={<LayoutGrid size={22} />}
        roomy
      />
      <Menu icon={<Ellipsis size={22} />} label={t('bar.more')} badge={props.waiting > 0}>
        {(close) => {
          const item = (icon: ReactNode, words: string, act: () => void, more = {}) => (
            <MenuItem
              icon={icon}
              onClick={() => {
                close();
                act();
              }}
              {...more}
            >
              {words}
            </MenuItem>
          );
          const small = { className: css.tucked };
          return (
            <>
              {mayShow && item(shareIcon, shareWords, self.screen, { ...small, hint: 'S' })}
              {item(<Hand size={22} />, handWords, self.hand, { ...small, hint: 'H' })}
              {item(<Users size={22} />, t('bar.people'), () => onPanel('people'), { ...small, hint: 'P' })}
              {item(<LayoutGrid size={22} />, t('bar.layout'), props.onLayout, { ...small, hint: 'L' })}
              {item(<Paperclip size={22} />, t('bar.files'), () => onPanel('files'))}
              {item(<Settings2 size={22} />, t('bar.devices'), props.onDevices)}
              {props.onPip && item(<PictureInPicture2 size={22} />, t('bar.pip'), props.onPip)}
              {props.captions &&
                item(<Captions size={22} />, t('bar.captions'), props.captions.toggle, {
                  pressed: props.captions.on,
                })}
              {document.fullscreenEnabled &&
                item(<Maximize2 size={22} />, t('bar.fullscreen'), () => {
                  if (document.fullscreenElement) void document.exitFullscreen();
                  else void document.documentElement.requestFullscreen().catch(() => {});
                })}
              {item(<Keyboard size={22} />, t('bar.help'), props.onHelp, { hint: '?' })}
              {props.onExtend && item(<Timer size={22} />, t('bar.extend'), props.onExtend)}
              {props.onWindow && item(<CalendarClock size={22} />, t('bar.window'), props.onWindow)}
              {props.onEnd && item(<CircleStop size={22} />, t('bar.end'), props.onEnd, { danger: true })}
            </>
          );
        }}
      </Menu>
      <button type="button" className={css.leave} onClick={props.onLeave}>
        <PhoneOff size={22} aria-hidden="true" />
        <span>{t('bar.leave')}</span>
      </button>
    </div>
  );
}

function Control({
  label,
  hint,
  icon,
  on,
  off,
  onClick,
  count = 0,
  countWords,
  roomy,
}: {
  label: string;
  hint: string;
  icon: ReactNode;
  on?: boolean;
  off?: boolean;
  onClick: () => void;
  count?: number;
  countWords?: string;
  /** Only where there is room; on a phone it is in the menu. */
  roomy?: boolean;
}) {
  return (
    <button
      type="button"
      className={[css.control, roomy && css.roomy].filter(Boolean).join(' ')}
      data-on={on || undefined}
      data-off={off || undefined}
      aria-pressed={on}
      aria-label={count > 0 && countWords ? `${label}, ${countWords}` : label}
      aria-keyshortcuts={hint}
      title={`${label} (${hint})`}
      onClick={onClick}
    >
      {icon}
      {count > 0 && (
        <span className={css.count} aria-hidden="true">
          {count > 9 ? '9+' : count}
        </span>
      )}
    </button>
  );
}
