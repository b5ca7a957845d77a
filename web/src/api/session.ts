import { queryOptions, useQuery } from '@tanstack/react-query';
import { api, ask, type Schemas } from './client';

export type WhoAmI = Schemas['WhoAmI'];
export type Role = Schemas['Role'];

/** Who is signed in. */
export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: () => ask(api.GET('/api/session')),
  staleTime: 5 * 60_000,
});

/** Who is signed in: an account, a guest, or nobody; `pending` until the server has said so. */
export function useSession() {
  const { data, isPending, error } = useQuery(sessionQuery);
  return { user: data?.user, guest: data?.guest, pending: isPending, error };
}
