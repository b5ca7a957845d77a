import { queryOptions } from '@tanstack/react-query';
import { api, ask } from './client';

/** How the place is called and what it looks like. */
export const brandingQuery = queryOptions({
  queryKey: ['branding'],
  queryFn: () => ask(api.GET('/api/branding')),
  staleTime: 10 * 60_000,
});
