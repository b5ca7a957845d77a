import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { Send } from 'lucide-react';
import { type FormEvent, useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask } from '~/api/client';
import * as format from '~/lib/format';
import { Button } from '~/ui/button';
import { TextArea } from '~/ui/field';
import { Card, Soft } from '~/ui/layout';
import { Loading, ProblemNote, Skeleton } from '~/ui/states';
import css from './page.module.css';
import { messagesQuery } from './queries';
import { type Appointment, sideOf } from './view';

/** As long as the server takes them. */
const LONGEST = 32_768;

/** The chat as it is kept: before the call, what was written in it, and afterwards. */
export function Messages({ appointment }: { appointment: Appointment }) {
  const { t } = useTranslation(['appointments', 'common']);
  const { id, ownSeatId, keepChat } = appointment;
  const client = useQueryClient();
  const [text, setText] = useState('');
  const seated = sideOf(appointment) !== 'admin';
  const query = useInfiniteQuery({ ...messagesQuery(id), enabled: keepChat && seated });
  const writing = useMutation({
    mutationFn: (body: string) =>
      ask(
        api.POST('/api/appointments/{appointment_id}/messages', {
          params: { path: { appointment_id: id } },
          body: { body },
        }),
      ),
    onSuccess: () => setText(''),
    onSettled: () => client.invalidateQueries({ queryKey: ['content', id, 'messages'] }),
  });
  const list = useRef<HTMLElement>(null);
  const latest = query.data?.pages[0]?.items[0]?.id;
  // The latest is in sight; whoever reads further up turns the pages there.
  useEffect(() => {
    if (latest && list.current) list.current.scrollTop = list.current.scrollHeight;
  }, [latest]);
  if (!seated) return null;
  if (!keepChat) {
    return (
      <Card>
        <h2>{t('messages.title')}</h2>
        <Soft>{t('messages.notKept')}</Soft>
      </Card>
    );
  }
  // They come the newest first.
  const messages = query.data?.pages.flatMap(({ items }) => items).reverse() ?? [];
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (text.trim()) writing.mutate(text.trim());
  };
  return (
    <Card>
      <h2>{t('messages.title')}</h2>
      {query.isPending ? (
        <Loading>
          <Skeleton height="4rem" />
        </Loading>
      ) : query.error ? (
        <ProblemNote error={query.error} />
      ) : messages.length === 0 ? (
        <Soft>{t('messages.none')}</Soft>
      ) : (
        <section
          ref={list}
          className={css.bubbles}
          aria-label={t('messages.title')}
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
          tabIndex={0}
        >
          {query.hasNextPage && (
            <Button
              look="quiet"
              size="small"
              busy={query.isFetchingNextPage}
              onClick={() => void query.fetchNextPage()}
            >
              {t('messages.earlier')}
            </Button>
          )}
          {messages.map((message) => (
            <div
              key={message.id}
              className={css.bubble}
              data-own={(ownSeatId && message.seatId === ownSeatId) || undefined}
            >
              <p className={css.soft}>
                {message.name} · {format.dateTime(message.sentAt)}
                {message.editedAt && ` · ${t('messages.edited')}`}
              </p>
              {message.body == null ? (
                <p className={css.gone}>{t('messages.takenBack')}</p>
              ) : (
                <p className={css.text}>{message.body}</p>
              )}
            </div>
          ))}
        </section>
      )}
      <form className={css.form} onSubmit={submit}>
        <TextArea
          label={t('messages.write')}
          rows={2}
          maxLength={LONGEST}
          value={text}
          onChange={({ target }) => setText(target.value)}
        />
        {writing.error && <ProblemNote error={writing.error} />}
        <Button type="submit" look="secondary" busy={writing.isPending} disabled={!text.trim()}>
          <Send size={18} aria-hidden="true" />
          {t('messages.send')}
        </Button>
      </form>
    </Card>
  );
}
