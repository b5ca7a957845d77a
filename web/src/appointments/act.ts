import { type QueryKey, useMutation, useQueryClient } from '@tanstack/react-query';
import { api, ask, ifMatch, Problem, type Schemas } from '~/api/client';
import { type Act, type Appointment, changedIn, foreseen } from './view';

/** Sends it; whoever has seen an older version is refused. */
async function send({ id, version }: Appointment, act: Act): Promise<Appointment | undefined> {
  const at = { params: { path: { appointment_id: id }, header: ifMatch(version) } };
  const plain = { params: { path: { appointment_id: id } } };
  switch (act.kind) {
    case 'approve':
      return ask(api.POST('/api/appointments/{appointment_id}/approve', { ...at, body: words(act.message) }));
    case 'reject':
      return ask(api.POST('/api/appointments/{appointment_id}/reject', { ...at, body: words(act.message) }));
    case 'cancel':
      // Without an answer where only the own seat in a session was given up.
      return ask(api.POST('/api/appointments/{appointment_id}/cancel', { ...at, body: words(act.message) }));
    case 'propose':
      return ask(api.POST('/api/appointments/{appointment_id}/propose', { ...at, body: time(act) }));
    case 'reschedule':
      return ask(api.POST('/api/appointments/{appointment_id}/reschedule', { ...at, body: time(act) }));
    case 'accept':
      return ask(api.POST('/api/appointments/{appointment_id}/accept', at));
    case 'decline':
      return ask(api.POST('/api/appointments/{appointment_id}/decline', { ...at, body: {} }));
    case 'complete':
      return ask(api.POST('/api/appointments/{appointment_id}/complete', at));
    case 'outcome': {
      const { kind: _, ...body } = act;
      return ask(api.POST('/api/appointments/{appointment_id}/outcome', { ...at, body }));
    }
    case 'window':
      return ask(api.PATCH('/api/appointments/{appointment_id}/window', { ...at, body: act.body }));
    case 'open':
      await ask(api.POST('/api/appointments/{appointment_id}/open', plain));
      return undefined;
    case 'extend':
      await ask(api.POST('/api/appointments/{appointment_id}/extend', plain));
      return undefined;
  }
}

const words = (message: string) => (message ? { message } : {});
const time = ({
  startsAt,
  message,
  outsideHours,
}: Extract<Act, { startsAt: string }>): Schemas['OtherTime'] => ({
  startsAt,
  ...words(message),
  ...(outsideHours ? { outsideHours } : {}),
});

const shows = ({ queryKey }: { queryKey: QueryKey }) =>
  queryKey[0] === 'appointment' || queryKey[0] === 'appointments';

/**
 * Does something with an appointment: the page shows at once what will come of it, and goes back where it comes to
 * nothing. Throws the `Problem` then.
 */
export function useAct(): (appointment: Appointment, act: Act) => Promise<void> {
  const client = useQueryClient();
  const { mutateAsync } = useMutation({
    mutationFn: ({ appointment, act }: { appointment: Appointment; act: Act }) => send(appointment, act),
    onMutate: async ({ appointment, act }) => {
      await client.cancelQueries({ predicate: shows });
      const before = client.getQueriesData({ predicate: shows });
      client.setQueriesData({ predicate: shows }, (data: unknown) =>
        changedIn(data, appointment.id, (it) => foreseen(it, act)),
      );
      return before;
    },
    onError: (_error, _variables, before) => {
      for (const [key, data] of before ?? []) client.setQueryData(key, data);
    },
    onSuccess: (after) => {
      if (!after) return;
      client.setQueriesData({ predicate: shows }, (data: unknown) => changedIn(data, after.id, () => after));
    },
    // Also after a refusal: another version, most likely, is there by now.
    onSettled: () => client.invalidateQueries({ predicate: shows }),
  });
  return async (appointment, act) => {
    await mutateAsync({ appointment, act });
  };
}

/** Whether what somebody saw was out of date when they decided. */
export function outOfDate(error: unknown): boolean {
  const { code } = Problem.of(error);
  return code === 'precondition_failed' || code === 'illegal_transition';
}
