import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { api, ask } from '~/api/client';

const path = (id: string) => ({ params: { path: { appointment_id: id } } });

/** What is still to come, the next first. */
export const upcomingQuery = queryOptions({
  queryKey: ['appointments', 'upcoming'],
  queryFn: () => ask(api.GET('/api/appointments', { params: { query: { when: 'upcoming', limit: 100 } } })),
});

/** What is over, the latest first. */
export const pastQuery = infiniteQueryOptions({
  queryKey: ['appointments', 'past'],
  queryFn: ({ pageParam }) =>
    ask(
      api.GET('/api/appointments', {
        params: { query: { when: 'past', limit: 20, ...(pageParam ? { cursor: pageParam } : {}) } },
      }),
    ),
  initialPageParam: '',
  getNextPageParam: ({ nextCursor }) => nextCursor,
});

export const appointmentQuery = (id: string) =>
  queryOptions({
    queryKey: ['appointment', id],
    queryFn: () => ask(api.GET('/api/appointments/{appointment_id}', path(id))),
  });

export const joinQuery = (id: string) =>
  queryOptions({
    queryKey: ['appointment', id, 'join'],
    queryFn: () => ask(api.GET('/api/appointments/{appointment_id}/join', path(id))),
  });

export const historyQuery = (id: string) =>
  queryOptions({
    queryKey: ['appointment', id, 'history'],
    queryFn: () => ask(api.GET('/api/appointments/{appointment_id}/history', path(id))),
  });

export const filesQuery = (id: string) =>
  queryOptions({
    queryKey: ['content', id, 'files'],
    queryFn: () => ask(api.GET('/api/appointments/{appointment_id}/files', path(id))),
  });

export const notesQuery = (id: string) =>
  queryOptions({
    queryKey: ['content', id, 'notes'],
    queryFn: () => ask(api.GET('/api/appointments/{appointment_id}/notes', path(id))),
  });

export const messagesQuery = (id: string) =>
  infiniteQueryOptions({
    queryKey: ['content', id, 'messages'],
    queryFn: ({ pageParam }) =>
      ask(
        api.GET('/api/appointments/{appointment_id}/messages', {
          params: {
            path: { appointment_id: id },
            query: { limit: 50, ...(pageParam ? { cursor: pageParam } : {}) },
          },
        }),
      ),
    initialPageParam: '',
    getNextPageParam: ({ nextCursor }) => nextCursor,
  });

export const ratingQuery = (id: string) =>
  queryOptions({
    queryKey: ['rating', id],
    queryFn: () => ask(api.GET('/api/appointments/{appointment_id}/rating', path(id))),
  });

export const reportQuery = (id: string) =>
  queryOptions({
    queryKey: ['calls', id, 'report'],
    queryFn: () => ask(api.GET('/api/appointments/{appointment_id}/report', path(id))),
  });

export const guestLinksQuery = (id: string) =>
  queryOptions({
    queryKey: ['seat', id, 'links'],
    queryFn: () => ask(api.GET('/api/appointments/{appointment_id}/guest-links', path(id))),
  });

export const serviceQuery = (id: string) =>
  queryOptions({
    queryKey: ['service', id],
    queryFn: () => ask(api.GET('/api/services/{service_id}', { params: { path: { service_id: id } } })),
    staleTime: 5 * 60_000,
  });

/** Where an appointment is saved for calendars. */
export const calendarFile = (id: string) => `/api/appointments/${id}/invite.ics`;
