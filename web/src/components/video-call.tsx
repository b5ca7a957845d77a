import { type QueryClient, useQuery, useQueryClient } from '@tanstack/react-query';
import { DisconnectReason, Room, RoomEvent } from 'livekit-client';
import { ArrowLeft } from 'lucide-react';
import { type Ref, useCallback, useEffect, useImperativeHandle, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { api, ask, Problem } from '~/api/client';
import { useSession } from '~/api/session';
import {
  appointmentOf,
  askForTicket,
  callAppointmentQuery,
  doorOf,
  ownServer,
  roomOfToken,
  type Ticket,
} from '~/call/access';
import { After, type Ending } from '~/call/after';
import { type Choices, useChoices } from '~/call/devices';
import { About, Countdown, Removed, Shut } from '~/call/gate';
import { Lobby } from '~/call/lobby';
import { Elsewhere, Lost } from '~/call/lost';
import type { Notice } from '~/call/notices';
import { PreJoin } from '~/call/prejoin';
import css from '~/call/prejoin.module.css';
import { CallRoom } from '~/call/room';
import { useTitle } from '~/lib/title';
import { measureClock, serverNow, useServerNow } from '~/live/clock';
import { Button } from '~/ui/button';
import { Loading, ProblemNote, ProblemState } from '~/ui/states';

/** What a page around a call is told. */
export type CallEvent =
  | { type: 'ready' }
  | { type: 'joined' }
  | { type: 'left'; reason: Ending }
  | { type: 'problem'; code: string };

/** What the page around may do to it. */
export interface CallHandle {
  leave: () => void;
}

interface Props {
  ref?: Ref<CallHandle>;
  roomName: string;
  appointmentId?: string | undefined;
  /** An access token that came with the link. */
  token?: string | undefined;
  onEvent?: (event: CallEvent) => void;
  /** Inside another site: without ways out of the call. */
  embedded?: boolean;
}

type Phase =
  | { at: 'door'; refused?: Problem }
  | { at: 'asking' }
  | { at: 'lobby'; problem: Problem }
  | { at: 'room'; room: Room; ticket: Ticket; since: number }
  | { at: 'lost'; attempt: number }
  | { at: 'elsewhere' }
  | { at: 'removed' }
  | { at: 'after'; ending: Ending; seconds: number };

/** A call from the door to what comes after it. */
export function VideoCall({ ref, roomName, appointmentId, token, onEvent, embedded }: Props) {
  // Nothing that is loaded later may take the place of a call that goes on.
  const { t } = useTranslation(['call', 'problems']);
  const client = useQueryClient();
  const choices = useChoices();
  const session = useSession();
  const id = appointmentId ?? appointmentOf(roomName);
  const given = token && roomOfToken(token) === roomName ? token : undefined;
  const known = session.user !== undefined && session.user !== null ? true : Boolean(session.guest);
  const appointment = useQuery({ ...callAppointmentQuery(id ?? ''), enabled: known && id !== undefined });
  const [phase, setPhase] = useState<Phase>({ at: 'door' });
  const inRoom = phase.at === 'room' ? phase.room : undefined;
  const tell = useRef(onEvent);
  tell.current = onEvent;
  const closing = useRef<Notice>(undefined);
  useTitle(appointment.data?.title ?? t('title'));

  useEffect(() => {
    tell.current?.({ type: 'ready' });
    void measureClock().catch(() => {});
  }, []);
  // Whoever has no way in reads so here; the page around is told.
  const nobody = !session.pending && !known && !given;
  const failed = appointment.error
    ? Problem.of(appointment.error).code
    : known && !id
      ? 'not_found'
      : undefined;
  const shut = nobody ? 'sign_in_required' : failed;
  useEffect(() => {
    if (shut) tell.current?.({ type: 'problem', code: shut });
  }, [shut]);
  // Whoever goes to another page leaves; a component that is only begun anew does not.
  useImperativeHandle(ref, () => ({ leave: () => void inRoom?.disconnect() }), [inRoom]);
  const wanted = useRef<Room>(undefined);
  useEffect(() => {
    wanted.current = inRoom;
    return () => {
      wanted.current = undefined;
      setTimeout(() => {
        if (inRoom && wanted.current !== inRoom) void inRoom.disconnect();
      });
    };
  }, [inRoom]);

  // The beginning of the call comes as an event; where there are none, it is asked for.
  const started = appointment.data?.inProgressAt;
  useEffect(() => {
    if (!inRoom || started || !id) return;
    const timer = setInterval(() => void client.invalidateQueries({ queryKey: ['appointment', id] }), 4000);
    return () => clearInterval(timer);
  }, [inRoom, started, id, client]);

  const ended = useCallback(
    (room: Room, since: number, reason: DisconnectReason | undefined) => {
      const seconds = Math.round((performance.now() - since) / 1000);
      void client.invalidateQueries({ queryKey: ['appointment'] });
      const after = (ending: Ending) => {
        tell.current?.({ type: 'left', reason: ending });
        setPhase({ at: 'after', ending, seconds });
      };
      const said = closing.current?.type === 'closed' ? closing.current.reason : undefined;
      room.removeAllListeners();
      switch (reason) {
        case DisconnectReason.CLIENT_INITIATED:
          return after('left');
        case DisconnectReason.DUPLICATE_IDENTITY:
          return setPhase({ at: 'elsewhere' });
        case DisconnectReason.PARTICIPANT_REMOVED:
          tell.current?.({ type: 'problem', code: 'removed' });
          return setPhase({ at: 'removed' });
        case DisconnectReason.ROOM_DELETED:
        case DisconnectReason.ROOM_CLOSED:
          if (said === 'window_closed' || said === 'cancelled') return after(said);
          // The word why travels beside the end and may be overtaken by it.
          return void whyEnded(client, id).then(after);
        default:
          tell.current?.({ type: 'problem', code: 'connection_lost' });
          return setPhase({ at: 'lost', attempt: 0 });
      }
    },
    [client, id],
  );

  /** Attempts to come back since the last connection. */
  const tries = useRef(0);
  const enter = useCallback(
    async (ticket: Ticket) => {
      const room = makeRoom(choices);
      const since = performance.now();
      closing.current = undefined;
      room.on(RoomEvent.Disconnected, (reason) => ended(room, since, reason));
      setPhase({ at: 'room', room, ticket, since });
      try {
        await room.connect(ticket.serverUrl, ticket.token);
        tries.current = 0;
        tell.current?.({ type: 'joined' });
        await publish(room, choices);
      } catch {
        room.removeAllListeners();
        await room.disconnect();
        tries.current += 1;
        setPhase({ at: 'lost', attempt: tries.current });
      }
    },
    [choices, ended],
  );

  const asking = useRef(false);
  const join = useCallback(async () => {
    if (asking.current) return;
    asking.current = true;
    setPhase((now) => (now.at === 'door' ? { at: 'asking' } : now));
    try {
      const ticket =
        given && !known ? { token: given, serverUrl: ownServer() } : await askForTicket(roomName, undefined);
      await enter(ticket);
    } catch (error) {
      const problem = Problem.of(error);
      if (problem.code === 'lobby_waiting') setPhase({ at: 'lobby', problem });
      // A server that is away for a moment throws nobody out of the queue.
      else if (problem.status === 0 || problem.status >= 500)
        setPhase((now) => {
          if (now.at === 'lobby') return now;
          return now.at === 'lost'
            ? { at: 'lost', attempt: now.attempt + 1 }
            : { at: 'door', refused: problem };
        });
      else if (problem.code === 'removed') setPhase({ at: 'removed' });
      else {
        void client.invalidateQueries({ queryKey: ['appointment'] });
        tell.current?.({ type: 'problem', code: problem.code });
        setPhase({ at: 'door', refused: problem });
      }
    } finally {
      asking.current = false;
    }
  }, [roomName, given, known, enter, client]);

  const giveUp = () => {
    setPhase({ at: 'door' });
    if (!id) return;
    const path = { appointment_id: id as NonNullable<typeof appointment.data>['id'] };
    void ask(api.DELETE('/api/appointments/{appointment_id}/lobby', { params: { path } })).catch(() => {});
  };

  if (phase.at === 'room') {
    const own = appointment.data?.seats.find((seat) => seat.own);
    return (
      <CallRoom
        room={phase.room}
        role={phase.ticket.role ?? own?.role}
        appointment={appointment.data}
        onNotice={(notice) => {
          closing.current = notice;
          // It speaks of the server's time: count by that, whatever has become of this machine's clock.
          void measureClock().catch(() => {});
          if (notice.type !== 'closing') void client.invalidateQueries({ queryKey: ['appointment'] });
        }}
        onLeave={() => void phase.room.disconnect()}
      />
    );
  }
  return (
    <div className={css.page}>
      {!embedded && (
        <Link href={id && known ? `/appointments/${id}` : '/'} className={css.back}>
          <ArrowLeft size={20} aria-hidden="true" />
          {id && known ? t('toAppointment') : t('toStart')}
        </Link>
      )}
      <div className={css.middle}>
        {phase.at === 'after' ? (
          <After
            appointmentId={known ? id : undefined}
            ending={phase.ending}
            seconds={phase.seconds}
            rejoin={join}
          />
        ) : phase.at === 'lost' ? (
          <Lost key={phase.attempt} attempt={phase.attempt} rejoin={join} />
        ) : phase.at === 'elsewhere' ? (
          <Elsewhere take={join} />
        ) : phase.at === 'removed' ? (
          <Removed />
        ) : (
          <DoorStep
            phase={phase}
            session={session}
            appointment={appointment}
            roomName={roomName}
            token={given}
            join={join}
            giveUp={giveUp}
          />
        )}
      </div>
    </div>
  );
}

/** Why a room is gone, by what its appointment has become. */
async function whyEnded(client: QueryClient, id: string | undefined): Promise<Ending> {
  if (id === undefined) return 'ended';
  try {
    const query = { ...callAppointmentQuery(id), staleTime: 0 };
    const [{ status, window }] = await Promise.all([client.fetchQuery(query), measureClock()]);
    if (status === 'cancelled') return 'cancelled';
    return serverNow() >= Date.parse(window.closesAt) ? 'window_closed' : 'ended';
  } catch {
    return 'ended';
  }
}

/** In front of the room: the door is open, or there is a reason why it is not. */
function DoorStep({
  phase,
  session,
  appointment,
  roomName,
  token,
  join,
  giveUp,
}: {
  phase: Extract<Phase, { at: 'door' | 'asking' | 'lobby' }>;
  session: ReturnType<typeof useSession>;
  appointment: {
    data: Parameters<typeof About>[0]['appointment'] | undefined;
    error: unknown;
    isLoading: boolean;
  };
  roomName: string;
  token: string | undefined;
  join: () => Promise<void>;
  giveUp: () => void;
}) {
  const { t } = useTranslation('call');
  const now = useServerNow();
  const { user, guest } = session;
  const name = user?.name ?? guest?.name ?? '';
  if (session.pending || appointment.isLoading) return <Loading />;
  if (session.error && !token) return <ProblemState error={session.error} level={1} />;
  if (!user && !guest && !token)
    return <ProblemState error={new Problem('sign_in_required', 401)} level={1} />;
  const it = appointment.data;
  if ((user || guest) && !it) {
    const problem = Problem.of(appointment.error ?? new Problem('not_found', 404));
    return problem.code === 'removed' ? <Removed /> : <ProblemState error={problem} level={1} />;
  }
  // Somebody else's room and one that there is not look the same.
  if (it?.meetingRoomName && it.meetingRoomName !== roomName)
    return <ProblemState error={new Problem('not_found', 404)} level={1} />;
  const door = it ? doorOf(it, now) : 'open';
  if (it && door !== 'open' && door !== 'early') return <Shut door={door} appointment={it} />;
  const own = it?.seats.find((seat) => seat.own);
  if (it && !own) return <ProblemState error={new Problem('not_yours', 403)} level={1} />;
  const waiting = phase.at === 'lobby';
  return (
    <PreJoin
      name={own?.name ?? name}
      may={own?.permissions}
      aside={
        waiting ? (
          <Lobby problem={phase.problem} expert={it?.expertName} ask={() => void join()} onLeave={giveUp} />
        ) : it ? (
          <About appointment={it} />
        ) : (
          <h1>{t('title')}</h1>
        )
      }
      action={
        waiting ? null : it && door === 'early' ? (
          <Countdown appointment={it} />
        ) : (
          <>
            {phase.at === 'door' && phase.refused && <ProblemNote error={phase.refused} />}
            <Button size="large" wide busy={phase.at === 'asking'} onClick={() => void join()}>
              {phase.at === 'asking' ? t('pre.joining') : t('pre.join')}
            </Button>
          </>
        )
      }
    />
  );
}

function makeRoom({ audioinput, videoinput, audiooutput }: Choices): Room {
  return new Room({
    adaptiveStream: true,
    dynacast: true,
    audioCaptureDefaults: { ...(audioinput ? { deviceId: audioinput } : {}) },
    videoCaptureDefaults: {
      ...(videoinput ? { deviceId: videoinput } : {}),
      resolution: { width: 1280, height: 720, frameRate: 30 },
    },
    ...(audiooutput ? { audioOutput: { deviceId: audiooutput } } : {}),
  });
}

/** Sends what was switched on at the door. Whoever has no camera, or refuses it, is in the call all the same. */
async function publish(room: Room, { audio, video }: Choices): Promise<void> {
  const me = room.localParticipant;
  const may = me.permissions;
  if (may && !may.canPublish) return;
  await Promise.allSettled([
    audio ? me.setMicrophoneEnabled(true) : undefined,
    video ? me.setCameraEnabled(true) : undefined,
  ]);
}
