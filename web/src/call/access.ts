import { queryOptions } from '@tanstack/react-query';
import { api, ask, type Schemas } from '~/api/client';

export type Appointment = Schemas['Appointment'];
export type SeatRole = Schemas['SeatRole'];

/** What lets somebody into a room. */
export interface Ticket {
  token: string;
  serverUrl: string;
  appointmentId?: string;
  role?: SeatRole;
}

/** Rooms carry the id of their appointment in their names. */
export function appointmentOf(roomName: string): string | undefined {
  return /^appointment-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-/.exec(roomName)?.[1];
}

/** The room that an access token is for; nothing is verified here, the server does that. */
export function roomOfToken(token: string): string | undefined {
  try {
    const [, payload = ''] = token.split('.');
    const claims: unknown = JSON.parse(atob(payload.replaceAll('-', '+').replaceAll('_', '/')));
    const video = (claims as { video?: { room?: unknown } }).video;
    return typeof video?.room === 'string' ? video.room : undefined;
  } catch {
    return undefined;
  }
}

/** Whether the door of a room is open, by what is known of its appointment and the server's time. */
export type Door = 'open' | 'early' | 'closed' | 'unconfirmed' | 'called_off' | 'over';

type Times = Pick<Appointment, 'status'> & { window: Pick<Appointment['window'], 'opensAt' | 'closesAt'> };

export function doorOf({ status, window }: Times, now: number): Door {
  switch (status) {
    case 'hold':
    case 'pending':
      return 'unconfirmed';
    case 'rejected':
    case 'cancelled':
    case 'expired':
      return 'called_off';
    case 'completed':
    case 'no_show':
      return 'over';
    default:
      if (now < Date.parse(window.opensAt)) return 'early';
      return now < Date.parse(window.closesAt) ? 'open' : 'closed';
  }
}

export function callAppointmentQuery(id: string) {
  return queryOptions({
    queryKey: ['appointment', id, 'call'],
    queryFn: () =>
      ask(
        api.GET('/api/appointments/{appointment_id}', {
          params: { path: { appointment_id: id as Appointment['id'] } },
        }),
      ),
  });
}

/** Asks to be let in; throws `lobby_waiting` with the place in the queue while the expert has not said yes. */
export async function askForTicket(roomName: string, identity: string | undefined): Promise<Ticket> {
  return await ask(
    api.POST('/api/livekit/token', { body: { roomName, participantIdentity: identity ?? null } }),
  );
}

/** Those who were told where the server is by a link find it where the page came from. */
export function ownServer(): string {
  return `${location.protocol === 'https:' ? 'wss:' : 'ws:'}//${location.host}`;
}
