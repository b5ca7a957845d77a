import {
  useAudioPlayback,
  useConnectionState,
  useLocalParticipant,
  useRoomContext,
} from '@livekit/components-react';
import { ConnectionState } from 'livekit-client';
import { DoorOpen, MonitorUp, RefreshCw, Timer, Volume2, X } from 'lucide-react';
import { type ReactNode, useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Schemas } from '~/api/client';
import { time } from '~/lib/format';
import { useServerNow } from '~/live/clock';
import { Button } from '~/ui/button';
import css from './banners.module.css';
import type { useHost } from './host';
import type { Notice } from './notices';

/** What everybody in the room must know now: the line, the end, who knocks. */
export function Banners({
  notice,
  onDismiss,
  host,
  waiting,
  admit,
}: {
  notice: Notice | undefined;
  onDismiss: () => void;
  host: ReturnType<typeof useHost>;
  waiting: readonly Schemas['Waiting'][];
  admit: (seat: Schemas['SeatId']) => void;
}) {
  const { t } = useTranslation('call');
  const room = useRoomContext();
  const { localParticipant, isScreenShareEnabled } = useLocalParticipant();
  const { canPlayAudio, startAudio } = useAudioPlayback(room);
  const next = waiting[0];
  return (
    <div className={css.banners}>
      <Reconnecting />
      {notice && <Closing notice={notice} onDismiss={onDismiss} host={host} />}
      {next && (
        <Banner icon={<DoorOpen size={20} />} tone="accent" name="lobby">
          <span>{t('host.knocks', { name: next.name })}</span>
          <Button size="small" onClick={() => admit(next.seatId)}>
            {t('host.admit')}
          </Button>
        </Banner>
      )}
      {!canPlayAudio && (
        <Banner icon={<Volume2 size={20} />} tone="warn" name="audio">
          <span>{t('room.noSound')}</span>
          <Button size="small" onClick={() => void startAudio()}>
            {t('room.startSound')}
          </Button>
        </Banner>
      )}
      {isScreenShareEnabled && (
        <Banner icon={<MonitorUp size={20} />} tone="accent" name="screen">
          <span>{t('room.youShow')}</span>
          <Button
            size="small"
            look="secondary"
            onClick={() => void localParticipant.setScreenShareEnabled(false)}
          >
            {t('bar.stopScreen')}
          </Button>
        </Banner>
      )}
    </div>
  );
}

function Banner({
  icon,
  tone,
  name,
  alert,
  children,
}: {
  icon: ReactNode;
  tone: 'accent' | 'warn' | 'bad';
  name: string;
  alert?: boolean;
  children: ReactNode;
}) {
  return (
    <div className={css.banner} data-tone={tone} data-banner={name} role={alert ? 'alert' : 'status'}>
      <span aria-hidden="true">{icon}</span>
      {children}
    </div>
  );
}

function Reconnecting() {
  const { t } = useTranslation('call');
  const state = useConnectionState();
  const away = state === ConnectionState.Reconnecting || state === ConnectionState.SignalReconnecting;
  const [seconds, setSeconds] = useState(0);
  useEffect(() => {
    if (!away) return;
    const began = performance.now();
    setSeconds(0);
    const timer = setInterval(() => setSeconds(Math.floor((performance.now() - began) / 1000)), 1000);
    return () => clearInterval(timer);
  }, [away]);
  if (!away) return null;
  return (
    <Banner icon={<RefreshCw size={20} />} tone="warn" name="reconnecting" alert>
      <span>{t('room.reconnecting')}</span>
      <span aria-hidden="true" className={css.seconds}>
        {seconds} s
      </span>
    </Banner>
  );
}

function Closing({
  notice,
  onDismiss,
  host,
}: {
  notice: Notice;
  onDismiss: () => void;
  host: ReturnType<typeof useHost>;
}) {
  const { t } = useTranslation('call');
  const now = useServerNow();
  if (notice.type === 'closed' || notice.type === 'next_waits') return null;
  const closesAt = notice.closesAt;
  const minutes = closesAt ? Math.max(0, Math.ceil((Date.parse(closesAt) - now) / 60_000)) : 0;
  const words =
    notice.type === 'closing'
      ? t('notice.closing', { count: minutes })
      : notice.type === 'overtime'
        ? closesAt
          ? t('notice.overtime', { time: time(closesAt) })
          : t('notice.overtimeOpen')
        : closesAt
          ? t('notice.extended', { time: time(closesAt) })
          : t('notice.open');
  return (
    <Banner
      icon={<Timer size={20} />}
      tone={notice.type === 'closing' ? 'warn' : 'accent'}
      name={notice.type}
      alert={notice.type === 'closing'}
    >
      <span>{words}</span>
      {host.mayExtend && notice.type !== 'extended' && (
        <Button size="small" busy={host.extending} onClick={host.extend}>
          {t('bar.extend')}
        </Button>
      )}
      <button type="button" className={css.dismiss} aria-label={t('dismiss')} onClick={onDismiss}>
        <X size={18} />
      </button>
    </Banner>
  );
}
