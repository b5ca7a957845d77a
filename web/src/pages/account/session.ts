import { type QueryClient, queryOptions, useQueryClient } from '@tanstack/react-query';
import { useCallback } from 'react';
import { api, ask, type Schemas } from '~/api/client';
import { sessionQuery } from '~/api/session';

/** What is the same for everybody may stay when somebody else comes. */
const PUBLIC = ['session', 'branding', 'experts', 'slots', 'ratings', 'sign-in-methods'];

/** Forgets what the one before could see. */
function forget(client: QueryClient): void {
  client.removeQueries({ predicate: ({ queryKey }) => !PUBLIC.includes(String(queryKey[0])) });
}

export const methodsQuery = queryOptions({
  queryKey: ['sign-in-methods'],
  queryFn: () => ask(api.GET('/api/sign-in-methods')),
  staleTime: 10 * 60_000,
});

/** What to do when somebody has just signed in: the whole app knows at once. */
export function useWelcome() {
  const client = useQueryClient();
  return useCallback(
    (user: Schemas['SignedInUser']) => {
      forget(client);
      client.setQueryData(sessionQuery.queryKey, { now: new Date().toISOString(), user });
    },
    [client],
  );
}

/** Signs out here, and goes to the start as nobody. */
export function useFarewell() {
  const client = useQueryClient();
  return useCallback(() => {
    client.setQueryData(sessionQuery.queryKey, { now: new Date().toISOString() });
    forget(client);
  }, [client]);
}
