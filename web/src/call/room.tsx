import {
  RoomAudioRenderer,
  RoomContext,
  useConnectionState,
  useLocalParticipant,
} from '@livekit/components-react';
import { ConnectionState, type Room } from 'livekit-client';
import { lazy, Suspense, useCallback, useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { time } from '~/lib/format';
import { Button } from '~/ui/button';
import { Dialog } from '~/ui/dialog';
import { toast } from '~/ui/toast';
import type { Appointment, SeatRole } from './access';
import { Banners } from './banners';
import { CaptionArea, useCaptions } from './captions';
import { useChatLog } from './chat-log';
import { Controls, type Panel } from './controls';
import { Header } from './header';
import { useHost, useLobby } from './host';
import { LAYOUTS, type Layout } from './layout';
import { type Notice, useNotice } from './notices';
import { PipView, usePip } from './pip';
import { useReactions } from './reactions';
import css from './room.module.css';
import { DevicesDialog, HelpDialog, useBlur } from './settings';
import { SidePanel } from './side-panel';
import { Stage } from './stage';
import { useWakeLock } from './wake';

/** Wanted by few, and by hosts alone. */
const RoomWindow = lazy(() => import('./room-window'));

interface Props {
  room: Room;
  role: SeatRole | undefined;
  appointment: Appointment | undefined;
  /** It is said why the room ended before the connection ends. */
  onNotice: (notice: Notice) => void;
  onLeave: () => void;
}

/** The call itself, around a room that is connected or about to be. */
export function CallRoom(props: Props) {
  return (
    <RoomContext.Provider value={props.room}>
      <Inside {...props} />
      <RoomAudioRenderer room={props.room} />
    </RoomContext.Provider>
  );
}

function Inside({ room, role, appointment, onNotice, onLeave }: Props) {
  const { t } = useTranslation('call');
  const isHost = role === 'host';
  const [layout, setLayout] = useState<Layout>('auto');
  const [pinned, setPinned] = useState<string>();
  const [panel, setPanel] = useState<Panel>();
  const [dialog, setDialog] = useState<'devices' | 'help' | 'end' | 'window'>();
  const [captionsOn, setCaptionsOn] = useState(true);
  const host = useHost(appointment);
  const told = useCallback(
    (heard: Notice) => {
      if (heard.type === 'next_waits' && isHost) toast.info(t('host.nextAt', { time: time(heard.startsAt) }));
      onNotice(heard);
    },
    [isHost, onNotice, t],
  );
  const [notice, dismiss] = useNotice(room, told);
  const lobby = useLobby(isHost);
  const log = useChatLog(room, appointment?.id, panel === 'chat');
  const reactions = useReactions(room);
  const said = useCaptions(room);
  const [anySaid, setAnySaid] = useState(false);
  useEffect(() => {
    if (said.length > 0) setAnySaid(true);
  }, [said]);
  const pip = usePip();
  useBlur();
  useWakeLock();
  const back = useRef<HTMLElement | null>(null);
  const open = useCallback((next: Panel) => {
    back.current = document.activeElement instanceof HTMLElement ? document.activeElement : null;
    setPanel((shown) => (shown === next ? undefined : next));
  }, []);
  const close = () => {
    setPanel(undefined);
    back.current?.focus();
  };
  const nextLayout = () => {
    const next = LAYOUTS[(LAYOUTS.indexOf(layout) + 1) % LAYOUTS.length] ?? 'auto';
    setLayout(next);
    setPinned(undefined);
    toast.info(t(`layout.${next}`));
  };
  return (
    <div className={css.call} data-call={room.state} data-layout={layout}>
      <Header title={appointment?.title ?? t('title')} appointment={appointment} />
      <Banners
        notice={notice}
        onDismiss={dismiss}
        host={host}
        waiting={isHost ? lobby.waiting : []}
        admit={lobby.admit}
      />
      <div className={css.middle}>
        <div className={css.scene}>
          <Stage
            layout={layout}
            pinned={pinned}
            onPin={setPinned}
            reactions={reactions.shown}
            empty={<Alone appointment={appointment} host={isHost} />}
          />
          {captionsOn && <CaptionArea said={said} />}
        </div>
        {panel && (
          <SidePanel
            panel={panel}
            onPanel={setPanel}
            onClose={close}
            log={log}
            appointmentId={appointment?.id}
            host={isHost}
            lobby={lobby}
          />
        )}
      </div>
      <Controls
        unread={log.unread}
        waiting={isHost ? lobby.waiting.length : 0}
        panel={panel}
        onPanel={open}
        onLayout={nextLayout}
        onReaction={reactions.send}
        onDevices={() => setDialog('devices')}
        onHelp={() => setDialog('help')}
        onPip={pip.toggle}
        captions={anySaid ? { on: captionsOn, toggle: () => setCaptionsOn((on) => !on) } : undefined}
        onExtend={host.mayExtend ? host.extend : undefined}
        onWindow={host.mayChangeWindow ? () => setDialog('window') : undefined}
        onEnd={isHost && host.mayEnd ? () => setDialog('end') : undefined}
        onLeave={onLeave}
      />
      <DevicesDialog open={dialog === 'devices'} onClose={() => setDialog(undefined)} />
      <HelpDialog open={dialog === 'help'} onClose={() => setDialog(undefined)} />
      <Dialog
        open={dialog === 'end'}
        onClose={() => setDialog(undefined)}
        title={t('host.endTitle')}
        actions={
          <>
            <Button look="secondary" onClick={() => setDialog(undefined)}>
              {t('host.goOn')}
            </Button>
            <Button
              look="danger"
              busy={host.ending}
              onClick={() => void host.end().then(onLeave, () => setDialog(undefined))}
            >
              {t('bar.end')}
            </Button>
          </>
        }
      >
        <p>{t('host.endWords')}</p>
      </Dialog>
      {dialog === 'window' && appointment && (
        <Suspense>
          <RoomWindow appointment={appointment} onClose={() => setDialog(undefined)} />
        </Suspense>
      )}
      {pip.small && <PipView small={pip.small} />}
      <Announcer />
    </div>
  );
}

/** Nobody else is there yet. */
function Alone({ appointment, host }: { appointment: Appointment | undefined; host: boolean }) {
  const { t } = useTranslation('call');
  const state = useConnectionState();
  if (state === ConnectionState.Connecting) return <p role="status">{t('room.connecting')}</p>;
  const other = host ? appointment?.customerName : appointment?.expertName;
  return (
    <p role="status">
      {other ? t('room.waitingFor', { name: other }) : t('room.alone')}
      {appointment && <small>{t('room.startsAt', { time: time(appointment.startsAt) })}</small>}
    </p>
  );
}

/** Says to screen readers what the switches have become: keys change them without being on them. */
function Announcer() {
  const { t } = useTranslation('call');
  const { isMicrophoneEnabled, isCameraEnabled } = useLocalParticipant();
  return (
    <p className="visually-hidden" role="status">
      {isMicrophoneEnabled ? t('room.youTalk') : t('room.youAreMuted')}.{' '}
      {isCameraEnabled ? t('room.youAreSeen') : t('room.youAreNotSeen')}.
    </p>
  );
}
