import { type QueryKey, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { useSession } from '~/api/session';
import { measureClock } from '~/live/clock';
import { type LiveEvent, onLiveEvent, startLiveEvents, stopLiveEvents } from '~/live/events';

/** First words of the query keys that an event of a kind puts out of date. */
function stale(event: LiveEvent): string[] {
  const [subject] = event.kind.split('.');
  // A message, a file or a note: the appointment itself is as it was.
  if (event.kind === 'appointment.content') return ['content'];
  switch (subject) {
    case 'appointment':
    case 'hold':
    case 'seat':
    case 'call':
      return ['appointments', 'appointment', 'slots', 'calls', 'lobby', 'rooms'];
    case 'lobby':
      return ['lobby', 'appointment', 'appointments'];
    default:
      return [subject ?? ''];
  }
}

/** While somebody is signed in, what changes on the server changes on the page. */
export function useLiveQueries(): void {
  const client = useQueryClient();
  const { user, guest } = useSession();
  const who = user?.id ?? guest?.seatId;
  useEffect(() => {
    if (!who) return;
    startLiveEvents();
    const refresh = (words: readonly string[]) =>
      void client.invalidateQueries({
        predicate: ({ queryKey }: { queryKey: QueryKey }) => words.includes(String(queryKey[0])),
      });
    const stop = onLiveEvent(
      (event) => {
        if (event.kind !== 'server.clock') return refresh(stale(event));
        // It is another time: what is open, and what can be done, is told anew once that is known.
        void measureClock()
          .catch(() => {})
          .then(() => client.invalidateQueries());
      },
      () => {
        void measureClock().catch(() => {});
        void client.invalidateQueries();
      },
    );
    return () => {
      stop();
      stopLiveEvents();
    };
  }, [client, who]);
}
