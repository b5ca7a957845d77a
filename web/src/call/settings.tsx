import { useLocalParticipant, useRoomContext } from '@livekit/components-react';
import { LocalVideoTrack, Track } from 'livekit-client';
import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { Dialog } from '~/ui/dialog';
import { Checkbox } from '~/ui/field';
import { Stack } from '~/ui/layout';
import { toast } from '~/ui/toast';
import { canBlur, setBlur } from './blur';
import css from './controls.module.css';
import { DeviceSelects } from './device-selects';
import { choose, troubleOf, useChoices, useDevices } from './devices';
import { SpeakerTest } from './meter';
import { KEYS } from './shortcuts';

/** Keeps the camera's background as it was chosen, whichever camera it is. */
export function useBlur(): void {
  const { t } = useTranslation('call');
  const { blur } = useChoices();
  const { localParticipant, isCameraEnabled } = useLocalParticipant();
  const track = localParticipant.getTrackPublication(Track.Source.Camera)?.track;
  useEffect(() => {
    if (!(track instanceof LocalVideoTrack) || !isCameraEnabled || !canBlur()) return;
    setBlur(track, blur).catch(() => {
      choose({ blur: false });
      toast.error(t('devices.noBlur'));
    });
  }, [track, blur, isCameraEnabled, t]);
}

export function DevicesDialog({ open, onClose }: { open: boolean; onClose: () => void }) {
  const { t } = useTranslation('call');
  const room = useRoomContext();
  const devices = useDevices(open);
  const choices = useChoices();
  return (
    <Dialog open={open} onClose={onClose} title={t('bar.devices')}>
      <Stack>
        <DeviceSelects
          devices={devices}
          onChosen={(kind, id) =>
            void room.switchActiveDevice(kind, id || 'default', false).catch((error: unknown) => {
              if (kind === 'audiooutput') return toast.error(t('devices.notSwitched'));
              return toast.error(
                t(`trouble.${troubleOf(error)}.${kind === 'videoinput' ? 'camera' : 'microphone'}`),
              );
            })
          }
        />
        <SpeakerTest speaker={choices.audiooutput} />
        {canBlur() && (
          <Checkbox
            label={t('devices.blur')}
            hint={t('devices.blurHint')}
            checked={choices.blur}
            onChange={({ target }) => choose({ blur: target.checked })}
          />
        )}
      </Stack>
    </Dialog>
  );
}

export function HelpDialog({ open, onClose }: { open: boolean; onClose: () => void }) {
  const { t } = useTranslation('call');
  return (
    <Dialog open={open} onClose={onClose} title={t('bar.help')}>
      <dl className={css.keys}>
        {KEYS.map((key) => (
          <div key={key}>
            <dt>
              <kbd>{key.toUpperCase()}</kbd>
            </dt>
            <dd>{t(`keys.${key === '?' ? 'help' : key}`)}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
