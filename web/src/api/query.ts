import { MutationCache, QueryCache, QueryClient } from '@tanstack/react-query';
import { Problem } from './client';

/** Told of every session that has ended, so that the page can offer to sign in again. */
let onExpired: () => void = () => {};
export function whenSessionExpires(act: () => void): void {
  onExpired = act;
}

function expired(error: unknown): void {
  if (error instanceof Problem && error.code === 'session_expired') onExpired();
}

export const queries = new QueryClient({
  queryCache: new QueryCache({ onError: expired }),
  mutationCache: new MutationCache({ onError: expired }),
  defaultOptions: {
    queries: {
      // Events say when something is out of date; this is for what they do not tell of.
      staleTime: 30_000,
      retry: (failures, error) => failures < 2 && Problem.of(error).status >= 500,
      networkMode: 'always',
    },
    mutations: { networkMode: 'always' },
  },
});
