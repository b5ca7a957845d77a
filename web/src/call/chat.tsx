import { SendHorizontal } from 'lucide-react';
import { type FormEvent, useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Problem } from '~/api/client';
import { time } from '~/lib/format';
import { Button } from '~/ui/button';
import { Note } from '~/ui/layout';
import { fit, MAX_MESSAGE, type useChatLog } from './chat-log';
import { Linked } from './linked';
import css from './panel.module.css';

/** From here on one is told how much room is left. */
const NEARLY = MAX_MESSAGE - 2000;

export function Chat({ log, mayWrite }: { log: ReturnType<typeof useChatLog>; mayWrite: boolean }) {
  const { t } = useTranslation('call');
  const { lines, send, loadOlder, trouble } = log;
  const [text, setText] = useState('');
  const list = useRef<HTMLDivElement>(null);
  const field = useRef<HTMLTextAreaElement>(null);
  const last = lines.at(-1)?.streamId;
  // biome-ignore lint/correctness/useExhaustiveDependencies: down to what has just come
  useEffect(() => {
    const element = list.current;
    if (element) element.scrollTop = element.scrollHeight;
  }, [last]);
  const bytes = text.length > NEARLY / 4 ? new TextEncoder().encode(text).length : 0;
  const submit = (event?: FormEvent) => {
    event?.preventDefault();
    if (!text.trim()) return;
    void send(text);
    setText('');
    field.current?.focus();
  };
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <div ref={list} className={css.lines} role="log" aria-label={t('chat.log')} tabIndex={0}>
        {loadOlder && (
          <Button look="quiet" size="small" onClick={loadOlder}>
            {t('chat.older')}
          </Button>
        )}
        {trouble !== undefined && (
          <Note tone="warn">
            {t(Problem.of(trouble).code === 'chat_not_kept' ? 'chat.notKept' : 'chat.noHistory')}
          </Note>
        )}
        {lines.length === 0 && trouble === undefined && <p className={css.nothing}>{t('chat.empty')}</p>}
        {lines.map((line, index) => {
          const before = lines[index - 1];
          const follows =
            before?.name === line.name && before.own === line.own && line.at - before.at < 120_000;
          return (
            <article
              key={line.streamId}
              className={css.line}
              data-own={line.own || undefined}
              data-state={line.state}
            >
              {!follows && (
                <header>
                  <strong>{line.own ? t('chat.you') : line.name}</strong> <time>{time(line.at)}</time>
                </header>
              )}
              <p>
                <Linked text={line.body} />
              </p>
              {line.state === 'failed' && (
                <button type="button" className={css.again} onClick={() => void send(line.body, line)}>
                  {t('chat.failed')}
                </button>
              )}
            </article>
          );
        })}
      </div>
      {mayWrite ? (
        <form className={css.write} onSubmit={submit}>
          <textarea
            ref={field}
            aria-label={t('chat.write')}
            placeholder={t('chat.write')}
            rows={2}
            value={text}
            onChange={({ target }) => setText(fit(target.value))}
            onKeyDown={(event) => {
              if (event.key === 'Enter' && !event.shiftKey && !event.nativeEvent.isComposing) {
                event.preventDefault();
                submit();
              }
            }}
          />
          <Button type="submit" disabled={!text.trim()} aria-label={t('chat.send')}>
            <SendHorizontal size={20} aria-hidden="true" />
          </Button>
          {bytes > NEARLY && (
            <p className={css.room} role="status">
              {t('chat.left', { count: MAX_MESSAGE - bytes })}
            </p>
          )}
        </form>
      ) : (
        <p className={css.nothing}>{t('chat.mayNot')}</p>
      )}
    </>
  );
}
