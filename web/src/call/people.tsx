import {
  useConnectionQualityIndicator,
  useIsMuted,
  useParticipantAttributes,
  useParticipants,
  useRoomContext,
} from '@livekit/components-react';
import { ConnectionQuality, type Participant, Track } from 'livekit-client';
import {
  DoorOpen,
  Hand,
  Mic,
  MicOff,
  SignalHigh,
  SignalLow,
  SignalZero,
  UserX,
  Video,
  VideoOff,
} from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Schemas } from '~/api/client';
import { clock } from '~/lib/format';
import { useServerNow } from '~/live/clock';
import { Button } from '~/ui/button';
import { Dialog } from '~/ui/dialog';
import { Avatar } from '~/ui/layout';
import { toast } from '~/ui/toast';
import { mute, removeSeat } from './host';
import css from './panel.module.css';
import { handIn, nameOf, roleIn } from './person';

/** Who is in the call, and for the expert who waits outside. */
export function People({
  host,
  waiting,
  admit,
  appointmentId,
}: {
  host: boolean;
  waiting: readonly Schemas['Waiting'][];
  admit: (seat: Schemas['SeatId']) => void;
  appointmentId: string | undefined;
}) {
  const { t } = useTranslation('call');
  const people = useParticipants();
  const now = useServerNow();
  const [sendOut, setSendOut] = useState<Participant>();
  const next = waiting[0];
  return (
    <div className={css.lines}>
      {host && (
        <section className={css.lobby} aria-label={t('host.lobby')}>
          <h2>{t('host.waiting', { count: waiting.length })}</h2>
          {next && waiting.length > 1 && (
            <Button size="small" onClick={() => admit(next.seatId)}>
              {t('host.admitNext')}
            </Button>
          )}
          <ul className={css.people}>
            {waiting.map((one) => (
              <li key={one.seatId}>
                <Avatar name={one.name} size={36} />
                <div>
                  <strong>{one.name}</strong>
                  <small>
                    {t('host.since', { time: clock(now - Date.parse(one.since)) })}
                    {one.appointmentId !== appointmentId && ` · ${one.title}`}
                  </small>
                </div>
                <Button size="small" onClick={() => admit(one.seatId)}>
                  <DoorOpen size={18} aria-hidden="true" />
                  {t('host.admit')}
                </Button>
              </li>
            ))}
          </ul>
        </section>
      )}
      <h2>{t('room.inCall', { count: people.length })}</h2>
      <ul className={css.people}>
        {people.map((participant) => (
          <Person
            key={participant.identity}
            participant={participant}
            host={host}
            onSendOut={() => setSendOut(participant)}
          />
        ))}
      </ul>
      <Dialog
        open={sendOut !== undefined}
        onClose={() => setSendOut(undefined)}
        title={t('host.removeTitle', { name: sendOut ? nameOf(sendOut) : '' })}
        actions={
          <>
            <Button look="secondary" onClick={() => setSendOut(undefined)}>
              {t('host.keep')}
            </Button>
            <Button
              look="danger"
              onClick={() => {
                if (sendOut) void removeSeat(sendOut.identity).catch(toast.problem);
                setSendOut(undefined);
              }}
            >
              {t('host.remove')}
            </Button>
          </>
        }
      >
        <p>{t('host.removeWords')}</p>
      </Dialog>
    </div>
  );
}

function Person({
  participant,
  host,
  onSendOut,
}: {
  participant: Participant;
  host: boolean;
  onSendOut: () => void;
}) {
  const { t } = useTranslation('call');
  const room = useRoomContext();
  const silent = useIsMuted({ participant, source: Track.Source.Microphone });
  const dark = useIsMuted({ participant, source: Track.Source.Camera });
  const { quality } = useConnectionQualityIndicator({ participant });
  const { attributes } = useParticipantAttributes({ participant });
  const role = roleIn(attributes);
  const name = nameOf(participant);
  const level =
    quality === ConnectionQuality.Lost ? 'lost' : quality === ConnectionQuality.Poor ? 'poor' : 'good';
  const Signal = { lost: SignalZero, poor: SignalLow, good: SignalHigh }[level];
  const others = host && !participant.isLocal;
  const microphone = participant.getTrackPublication(Track.Source.Microphone);
  return (
    <li data-identity={participant.identity} data-muted={silent}>
      <Avatar name={name} size={36} />
      <div>
        <strong>{participant.isLocal ? t('room.you', { name }) : name}</strong>
        <small>{role && t(`role.${role}`)}</small>
      </div>
      <span className={css.states}>
        {handIn(attributes) && <State icon={<Hand size={18} />} words={t('room.handUp')} />}
        {others && !silent && microphone ? (
          <button
            type="button"
            className={css.icon}
            aria-label={t('host.mute', { name })}
            title={t('host.mute', { name })}
            onClick={() =>
              void mute(room.name, participant.identity, microphone.trackSid).catch(() =>
                toast.error(t('room.notDone')),
              )
            }
          >
            <Mic size={18} />
          </button>
        ) : (
          <State
            icon={silent ? <MicOff size={18} /> : <Mic size={18} />}
            words={silent ? t('room.muted') : t('room.talks')}
          />
        )}
        <State
          icon={dark ? <VideoOff size={18} /> : <Video size={18} />}
          words={dark ? t('room.noCamera') : t('room.hasCamera')}
        />
        <State icon={<Signal size={18} />} words={t(`quality.level.${level}`)} />
        {others && (
          <button
            type="button"
            className={css.icon}
            aria-label={t('host.removeWho', { name })}
            title={t('host.removeWho', { name })}
            onClick={onSendOut}
          >
            <UserX size={18} />
          </button>
        )}
      </span>
    </li>
  );
}

function State({ icon, words }: { icon: React.ReactNode; words: string }) {
  return (
    <span className={css.state} title={words}>
      <span aria-hidden="true">{icon}</span>
      <span className="visually-hidden">{words}</span>
    </span>
  );
}
