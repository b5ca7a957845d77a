import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask, type Schemas } from '~/api/client';
import { lobbyQuery } from '~/expert/queries';
import { clock, time } from '~/lib/format';
import { storage } from '~/lib/storage';
import { useServerNow } from '~/live/clock';
import { Button } from '~/ui/button';
import { Checkbox } from '~/ui/field';
import { Avatar, Badge, Card, Row, Soft, Stack } from '~/ui/layout';
import { ProblemNote, Skeleton } from '~/ui/states';
import { toast } from '~/ui/toast';
import css from './expert.module.css';

type Waiting = Schemas['Waiting'];

const STORED = 'visavis.admit-key';
const KEY = 'n';

/** Who waits in the lobby now, with letting in: one of them, or whoever has waited longest. */
export function WaitingNow() {
  const { t } = useTranslation('expert');
  const now = useServerNow();
  const client = useQueryClient();
  const { data, error, isPending } = useQuery(lobbyQuery);
  const list = data ?? [];
  const [hasKey, setKey] = useState(() => storage.local.getItem(STORED) !== 'off');

  const admit = useMutation({
    mutationFn: (seatId: string | undefined): Promise<unknown> =>
      seatId
        ? ask(api.POST('/api/seats/{seat_id}/admit', { params: { path: { seat_id: seatId } } }))
        : ask(api.POST('/api/lobby/admit-next')),
    onMutate: async (seatId) => {
      await client.cancelQueries({ queryKey: lobbyQuery.queryKey });
      const before = client.getQueryData(lobbyQuery.queryKey);
      const gone = seatId ?? before?.[0]?.seatId;
      client.setQueryData(lobbyQuery.queryKey, (waiting: Waiting[] | undefined) =>
        waiting?.filter((one) => one.seatId !== gone),
      );
      return { before, name: before?.find((one) => one.seatId === gone)?.name };
    },
    onSuccess: (_done, _seat, { name }) => toast.success(t('lobby.admitted', { name: name ?? t('someone') })),
    onError: (problem, _seat, context) => {
      if (context) client.setQueryData(lobbyQuery.queryKey, context.before);
      toast.problem(problem);
    },
    onSettled: () => client.invalidateQueries({ queryKey: ['lobby'] }),
  });
  const { mutate, isPending: busy } = admit;
  const next = useCallback(() => mutate(undefined), [mutate]);
  const can = list.length > 0 && !busy;

  useEffect(() => {
    if (!hasKey || !can) return;
    const press = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== KEY || event.ctrlKey || event.metaKey || event.altKey || event.repeat)
        return;
      const at = event.target;
      if (at instanceof Element && at.closest('input, textarea, select, dialog, [contenteditable]')) return;
      event.preventDefault();
      next();
    };
    window.addEventListener('keydown', press);
    return () => window.removeEventListener('keydown', press);
  }, [hasKey, can, next]);

  return (
    <Card data-waiting={list.length}>
      <Row spread>
        <h2 className={css.head}>{t('lobby.title')}</h2>
        {list.length > 0 && <Badge tone="accent">{list.length}</Badge>}
      </Row>
      <Announce waiting={data} />
      {isPending && <Skeleton height="6rem" radius="var(--radius-s)" />}
      {error && !data && <ProblemNote error={error} />}
      {data && list.length === 0 && <Soft>{t('lobby.nobody')}</Soft>}
      {list.length > 0 && (
        <Stack>
          <ol className={css.waiting}>
            {list.map((one) => (
              <li key={one.seatId}>
                <Avatar name={one.name} size={40} />
                <div className={css.who}>
                  <strong>{one.name}</strong>
                  <Soft small>
                    {t('lobby.since', { time: clock(now - Date.parse(one.since)) })} ·{' '}
                    {t('lobby.for', { title: one.title, time: time(one.startsAt) })}
                    {one.role !== 'client' && ` · ${t(`role.${one.role}`)}`}
                  </Soft>
                </div>
                <Button look="secondary" size="small" onClick={() => mutate(one.seatId)}>
                  {t('lobby.admit')}
                  <span className="visually-hidden"> {one.name}</span>
                </Button>
              </li>
            ))}
          </ol>
          <Button
            size="large"
            wide
            busy={busy}
            onClick={next}
            aria-keyshortcuts={hasKey ? KEY.toUpperCase() : undefined}
          >
            {t('lobby.admitNext')}
            {hasKey && (
              <span className={css.key} aria-hidden="true">
                {KEY.toUpperCase()}
              </span>
            )}
          </Button>
        </Stack>
      )}
      <Checkbox
        label={t('lobby.key', { key: KEY.toUpperCase() })}
        checked={hasKey}
        onChange={(event) => {
          setKey(event.target.checked);
          storage.local.setItem(STORED, event.target.checked ? 'on' : 'off');
        }}
      />
    </Card>
  );
}

/** Says who has begun to wait, once. */
function Announce({ waiting }: { waiting: Waiting[] | undefined }) {
  const { t } = useTranslation('expert');
  const known = useRef<Set<string>>(undefined);
  const [said, say] = useState('');
  useEffect(() => {
    if (!waiting) return;
    const fresh = waiting.filter((one) => !known.current?.has(one.seatId));
    if (fresh.length > 0) say(fresh.map((one) => t('lobby.waits', { name: one.name })).join(' '));
    known.current = new Set(waiting.map((one) => one.seatId));
  }, [waiting, t]);
  return (
    <p role="status" className="visually-hidden">
      {said}
    </p>
  );
}
