import { QueryClient } from '@tanstack/react-query';
import { Problem } from './client';

export const queries = new QueryClient({
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
