import { queryOptions } from '@tanstack/react-query';
import { api, ask } from '~/api/client';
import { askTagged } from '~/api/etag';

/** What the expert sees of one stretch of time. */
export function dayQuery(from: number, to: number) {
  return queryOptions({
    queryKey: ['appointments', 'expert', 'day', from, to],
    queryFn: () =>
      ask(
        api.GET('/api/appointments', {
          params: {
            query: {
              role: 'expert',
              from: new Date(from).toISOString(),
              to: new Date(to).toISOString(),
              status: 'pending,approved,in_progress,completed,no_show',
              limit: 100,
            },
          },
        }),
      ),
  });
}

export const requestsQuery = queryOptions({
  queryKey: ['appointments', 'expert', 'pending'],
  queryFn: () =>
    ask(
      api.GET('/api/appointments', { params: { query: { role: 'expert', status: 'pending', limit: 100 } } }),
    ),
});

export const lobbyQuery = queryOptions({
  queryKey: ['lobby', 'own'],
  queryFn: () => ask(api.GET('/api/lobby')),
});

export const servicesQuery = queryOptions({
  queryKey: ['services', 'own'],
  queryFn: () => ask(api.GET('/api/services')),
});

export const hoursQuery = queryOptions({
  queryKey: ['hours', 'own'],
  queryFn: () => askTagged(api.GET('/api/me/availability')),
  // What is being written is not to be changed underneath; who saves what is old is told so.
  staleTime: Number.POSITIVE_INFINITY,
  refetchOnWindowFocus: false,
});
