import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query';
import { api, ask, Problem, type Schemas } from '~/api/client';

export type Profile = Schemas['OwnProfile'];
export type Changes = Schemas['Changes'];

export interface Me {
  profile: Profile;
  /** What a change is based on. */
  etag: string;
}

const KEY = ['me'] as const;

interface Answer {
  data?: Profile;
  error?: unknown;
  response: Response;
}

function told({ data, error, response }: Answer): Me {
  if (!response.ok || !data) throw Problem.from(error, response.status);
  return { profile: data, etag: response.headers.get('etag') ?? '*' };
}

/** One's own account, as the settings show it. */
export const meQuery = queryOptions({
  queryKey: KEY,
  queryFn: async () => told(await api.GET('/api/me')),
});

/** Changes one's own account. What is chosen shows at once, and goes back if the server refuses. */
export function useChange() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async (changes: Changes) => {
      const based = client.getQueryData<Me>(KEY)?.etag ?? '*';
      return told(await api.PATCH('/api/me', { body: changes, params: { header: { 'if-match': based } } }));
    },
    onMutate: async (changes) => {
      await client.cancelQueries({ queryKey: KEY });
      const before = client.getQueryData<Me>(KEY);
      if (before) {
        const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
        client.setQueryData<Me>(KEY, { ...before, profile: { ...before.profile, ...given } });
      }
      return before;
    },
    onSuccess: (me) => {
      client.setQueryData<Me>(KEY, me);
      // The name and the zone stand in other places, too.
      void client.invalidateQueries({ queryKey: ['session'] });
    },
    onError: (thrown, _changes, before) => {
      if (before) client.setQueryData<Me>(KEY, before);
      if (Problem.of(thrown).code === 'precondition_failed') void client.invalidateQueries({ queryKey: KEY });
    },
  });
}

/** The devices that one is signed in on. */
export const devicesQuery = queryOptions({
  queryKey: ['devices'],
  queryFn: () => ask(api.GET('/api/sessions')),
});

/** The browsers that are told of things. */
export const pushQuery = queryOptions({
  queryKey: ['push'],
  queryFn: () => ask(api.GET('/api/me/push-subscriptions')),
});
