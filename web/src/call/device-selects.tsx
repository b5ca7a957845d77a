import { useTranslation } from 'react-i18next';
import { Select } from '~/ui/field';
import { choose, useChoices } from './devices';

const KINDS = ['videoinput', 'audioinput', 'audiooutput'] as const;
export type Kind = (typeof KINDS)[number];

/** Camera, microphone and speaker to choose from; what cannot be chosen in this browser is left out. */
export function DeviceSelects({
  devices,
  onChosen,
  kinds = KINDS,
}: {
  devices: MediaDeviceInfo[];
  onChosen?: (kind: Kind, id: string) => void;
  kinds?: readonly Kind[];
}) {
  const { t } = useTranslation('call');
  const choices = useChoices();
  const canChooseSpeaker = 'setSinkId' in HTMLMediaElement.prototype;
  const words: Record<Kind, string> = {
    videoinput: t('pre.camera'),
    audioinput: t('pre.microphone'),
    audiooutput: t('pre.speaker'),
  };
  return kinds
    .filter((kind) => kind !== 'audiooutput' || canChooseSpeaker)
    .map((kind) => {
      const found = devices.filter((device) => device.kind === kind);
      const chosen = found.some(({ deviceId }) => deviceId === choices[kind]) ? choices[kind] : '';
      return (
        <Select
          key={kind}
          label={words[kind]}
          value={chosen}
          disabled={found.length === 0}
          onChange={({ target }) => {
            choose({ [kind]: target.value });
            onChosen?.(kind, target.value);
          }}
        >
          <option value="">{found.length === 0 ? t('pre.noDevice') : t('pre.systemDevice')}</option>
          {found.map(({ deviceId, label }, index) => (
            <option key={deviceId} value={deviceId}>
              {label || `${words[kind]} ${index + 1}`}
            </option>
          ))}
        </Select>
      );
    });
}
