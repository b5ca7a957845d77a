import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { api, ask, type Schemas } from '~/api/client';

export type FoundExpert = Schemas['FoundExpert'];
export type ExpertPage = Schemas['ExpertPage'];
export type Service = Schemas['Service'];
export type OfferedSlot = Schemas['OfferedSlot'];

/** What an expert is looked for by; as the address of the page has it. */
export interface Search {
  q: string;
  language: string;
  speciality: string;
}

const AT_ONCE = 24;

export const expertsQuery = (search: Search) =>
  infiniteQueryOptions({
    queryKey: ['experts', 'list', search],
    queryFn: ({ pageParam }) => {
      const given = Object.entries({ ...search, cursor: pageParam }).filter(([, value]) => value !== '');
      return ask(
        api.GET('/api/experts', { params: { query: { ...Object.fromEntries(given), limit: AT_ONCE } } }),
      );
    },
    initialPageParam: '',
    getNextPageParam: (last) => last.nextCursor ?? undefined,
  });

/** What there is to choose from. */
export const choicesQuery = queryOptions({
  queryKey: ['experts', 'choices'],
  queryFn: () => ask(api.GET('/api/expert-choices')),
  staleTime: 10 * 60_000,
});

export const expertQuery = (slug: string) =>
  queryOptions({
    queryKey: ['experts', 'page', slug],
    queryFn: () => ask(api.GET('/api/experts/{slug}', { params: { path: { slug } } })),
  });

export const figuresQuery = (expertId: string) =>
  queryOptions({
    queryKey: ['ratings', 'figures', expertId],
    queryFn: () => ask(api.GET('/api/ratings/figures', { params: { query: { expertId } } })),
  });

export interface SlotRange {
  service: string;
  /** As ISO 8601, at most 62 days apart. */
  from: string;
  to: string;
  zone: string;
  /** An appointment that is to be moved. */
  moving?: string | undefined;
}

export const slotsQuery = ({ service, from, to, zone, moving }: SlotRange) =>
  queryOptions({
    queryKey: ['slots', service, from, to, zone, moving ?? ''],
    queryFn: () =>
      ask(
        api.GET('/api/services/{service_id}/slots', {
          params: { path: { service_id: service }, query: { from, to, tz: zone, ...(moving && { moving }) } },
        }),
      ),
    // Others book as well, and visitors hear of no events.
    refetchInterval: 60_000,
  });
