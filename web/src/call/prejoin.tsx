import { Mic, MicOff, Video, VideoOff } from 'lucide-react';
import { type ReactNode, useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import type { Schemas } from '~/api/client';
import { Button } from '~/ui/button';
import { Avatar, Note, Soft } from '~/ui/layout';
import { DeviceSelects } from './device-selects';
import {
  browserName,
  type Captured,
  choose,
  type Trouble,
  useCapture,
  useChoices,
  useDevices,
} from './devices';
import { Meter, SpeakerTest } from './meter';
import css from './prejoin.module.css';

/** What somebody may let others hear and see; observers nothing. */
export type May = Pick<Schemas['Permissions'], 'audio' | 'video'>;

const ALL: May = { audio: true, video: true };

/** One's own picture as others will see it, mirrored as people are used to, with the two switches on it. */
export function Preview({ camera, name, may = ALL }: { camera: Captured; name: string; may?: May }) {
  const { t } = useTranslation('call');
  const choices = useChoices();
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    if (video.current) video.current.srcObject = camera.stream ?? null;
  }, [camera.stream]);
  return (
    <div className={css.preview}>
      <video ref={video} autoPlay playsInline muted hidden={!camera.stream} aria-label={t('pre.preview')} />
      {!camera.stream && (
        <div className={css.empty}>
          <Avatar name={name || '?'} size={88} />
          <span>
            {choices.video && may.video && !camera.trouble ? t('pre.starting') : t('pre.cameraOff')}
          </span>
        </div>
      )}
      <span className={css.name}>{name}</span>
      <div className={css.switches}>
        {may.audio && (
          <Switch
            on={choices.audio}
            words={choices.audio ? t('bar.mute') : t('bar.unmute')}
            onClick={() => choose({ audio: !choices.audio })}
            icon={choices.audio ? <Mic size={22} /> : <MicOff size={22} />}
          />
        )}
        {may.video && (
          <Switch
            on={choices.video}
            words={choices.video ? t('bar.cameraOff') : t('bar.cameraOn')}
            onClick={() => choose({ video: !choices.video })}
            icon={choices.video ? <Video size={22} /> : <VideoOff size={22} />}
          />
        )}
      </div>
    </div>
  );
}

function Switch({
  on,
  words,
  icon,
  onClick,
}: {
  on: boolean;
  words: string;
  icon: ReactNode;
  onClick: () => void;
}) {
  return (
    <button
      type="button"
      className={css.switch}
      data-on={on}
      aria-label={words}
      title={words}
      onClick={onClick}
    >
      {icon}
    </button>
  );
}

/** What somebody sees before a call: that camera and microphone work, how they look, and the door. */
export function PreJoin({
  name,
  may = ALL,
  aside,
  action,
}: {
  name: string;
  /** Devices that nobody would see or hear are not asked for. */
  may?: May | undefined;
  /** What stands above the devices: which call this is. */
  aside: ReactNode;
  action: ReactNode;
}) {
  const { t } = useTranslation('call');
  const choices = useChoices();
  const [talks, films] = [choices.audio && may.audio, choices.video && may.video];
  const camera = useCapture('video', films, choices.videoinput, talks && films);
  const microphone = useCapture('audio', talks, choices.audioinput, talks && films);
  const watches = !may.audio && !may.video;
  const devices = useDevices(camera.stream ?? microphone.stream);
  const trouble = camera.trouble ?? microphone.trouble;
  return (
    <div className={css.layout}>
      <div className={css.left}>
        <Preview camera={camera} name={name} may={may} />
        {may.audio && (
          <div className={css.level}>
            <Mic size={18} aria-hidden="true" />
            <Meter stream={microphone.stream} />
          </div>
        )}
        <p className={css.seen}>{t(watches ? 'pre.watches' : 'pre.othersSee', { name })}</p>
      </div>
      <div className={css.right}>
        {aside}
        {trouble && (
          <DeviceTrouble
            trouble={trouble}
            which={camera.trouble && microphone.trouble ? 'both' : camera.trouble ? 'camera' : 'microphone'}
            retry={() => {
              camera.retry();
              microphone.retry();
            }}
          />
        )}
        <div className={css.action}>{action}</div>
        <details className={css.devices} open={window.innerWidth >= 900}>
          <summary>{t('pre.devices')}</summary>
          {!watches && <DeviceSelects devices={devices} />}
          <SpeakerTest speaker={choices.audiooutput} />
        </details>
      </div>
    </div>
  );
}

/** Why there is no picture or sound, and what to do: for this browser, in steps. */
export function DeviceTrouble({
  trouble,
  which,
  retry,
}: {
  trouble: Trouble;
  which: 'camera' | 'microphone' | 'both';
  retry: () => void;
}) {
  const { t } = useTranslation('call');
  return (
    <Note tone="warn" alert>
      <div className={css.trouble} data-trouble={trouble}>
        <strong>{t(`trouble.${trouble}.${which}`)}</strong>
        {trouble === 'denied' ? <p>{t(`guide.${browserName()}`)}</p> : <p>{t(`trouble.${trouble}.next`)}</p>}
        <Soft small>{t('trouble.without')}</Soft>
        <Button look="secondary" size="small" onClick={retry}>
          {t('trouble.again')}
        </Button>
      </div>
    </Note>
  );
}
