import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, ask, ifMatch, type Schemas } from '~/api/client';
import { time } from '~/lib/format';
import { toast } from '~/ui/toast';
import { type Appointment, askForTicket } from './access';

type SeatId = Schemas['SeatId'];

/** Who waits for the expert, in this appointment and in others. */
export function useLobby(host: boolean) {
  const client = useQueryClient();
  const lobby = useQuery({
    queryKey: ['lobby'],
    queryFn: () => ask(api.GET('/api/lobby')),
    enabled: host,
    refetchInterval: 10_000,
  });
  const admit = useMutation({
    mutationFn: (seat: SeatId) =>
      ask(api.POST('/api/seats/{seat_id}/admit', { params: { path: { seat_id: seat } } })),
    onMutate: (seat) => {
      const before = lobby.data;
      client.setQueryData<Schemas['Waiting'][]>(['lobby'], (list) =>
        list?.filter(({ seatId }) => seatId !== seat),
      );
      return before;
    },
    onError: (error, _seat, before) => {
      client.setQueryData(['lobby'], before);
      toast.problem(error);
    },
    onSettled: () => void client.invalidateQueries({ queryKey: ['lobby'] }),
  });
  return { waiting: lobby.data ?? [], admit: (seat: SeatId) => admit.mutate(seat) };
}

/** What the expert alone may do to a call. */
export function useHost(appointment: Appointment | undefined) {
  const { t } = useTranslation('call');
  const client = useQueryClient();
  const refresh = () => void client.invalidateQueries({ queryKey: ['appointment'] });
  const path = { appointment_id: appointment?.id ?? '' } as { appointment_id: Schemas['AppointmentId'] };
  const extend = useMutation({
    mutationFn: () => ask(api.POST('/api/appointments/{appointment_id}/extend', { params: { path } })),
    onSuccess: ({ closesAt }) => {
      // Whom that delays the room says itself.
      toast.success(t('host.extended', { time: time(closesAt) }));
      refresh();
    },
    onError: (error) => void toast.problem(error),
  });
  const end = useMutation({
    mutationFn: async () => {
      // As it is now: people coming and going make new versions all the time.
      const { version } = await ask(api.GET('/api/appointments/{appointment_id}', { params: { path } }));
      const params = { path, header: ifMatch(version) };
      return ask(api.POST('/api/appointments/{appointment_id}/complete', { params }));
    },
    onSuccess: refresh,
    onError: (error) => void toast.problem(error),
  });
  const may = (action: Schemas['Action']) => appointment?.actions.includes(action) ?? false;
  return {
    mayExtend: may('extend'),
    extend: () => extend.mutate(),
    extending: extend.isPending,
    mayChangeWindow: may('change_window'),
    mayEnd: may('complete'),
    end: () => end.mutateAsync(),
    ending: end.isPending,
  };
}

/** Takes somebody out for good: the seat is gone with it. */
export async function removeSeat(seat: string): Promise<void> {
  await ask(api.DELETE('/api/seats/{seat_id}', { params: { path: { seat_id: seat as SeatId } } }));
}

/** Mutes another's microphone, with the rights that the expert's token has over the room. */
export async function mute(roomName: string, identity: string, trackSid: string): Promise<void> {
  const { token, serverUrl } = await askForTicket(roomName, undefined);
  const base = serverUrl.replace(/^ws/, 'http').replace(/\/$/, '');
  const answer = await fetch(`${base}/twirp/livekit.RoomService/MutePublishedTrack`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ room: roomName, identity, trackSid, muted: true }),
  });
  if (!answer.ok) throw new Error(String(answer.status));
}
