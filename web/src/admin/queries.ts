import { queryOptions } from '@tanstack/react-query';
import { api, ask } from '~/api/client';

/** No event tells of these: they are looked at again and again while somebody sees them. */
export const LOOK_AGAIN_MS = 5000;

export const healthQuery = queryOptions({
  queryKey: ['health'],
  queryFn: () => ask(api.GET('/api/admin/health')),
  refetchInterval: LOOK_AGAIN_MS,
  staleTime: 0,
});

export const roomsQuery = queryOptions({
  queryKey: ['rooms', 'live'],
  queryFn: () => ask(api.GET('/api/admin/rooms')),
  refetchInterval: LOOK_AGAIN_MS * 2,
});

export const webhooksQuery = queryOptions({
  queryKey: ['webhooks', 'all'],
  queryFn: () => ask(api.GET('/api/admin/webhooks')),
});
