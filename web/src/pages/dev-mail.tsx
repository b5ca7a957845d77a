import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { CalendarDays, Inbox, MessageSquare, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask, type Schemas } from '~/api/client';
import * as format from '~/lib/format';
import { useTitle } from '~/lib/title';
import { Button } from '~/ui/button';
import { Badge, Card, Soft } from '~/ui/layout';
import { Loading, ProblemNote, ProblemState, Skeleton, State } from '~/ui/states';
import { toast } from '~/ui/toast';
import css from './dev-mail.module.css';

type Letter = Schemas['DevLetter'];
const VIEWS = ['text', 'html', 'invite', 'raw'] as const;
type View = (typeof VIEWS)[number];
/** Nothing tells of new letters. */
const LOOK_MS = 4000;

/** What would have gone out, in development mode: letters and SMS. */
export default function DevMail() {
  const { t } = useTranslation('demo');
  useTitle(t('mail.title'));
  const client = useQueryClient();
  const [chosen, choose] = useState<number>();
  const letters = useQuery({
    queryKey: ['dev', 'mail'],
    queryFn: () => ask(api.GET('/dev/mail')),
    refetchInterval: LOOK_MS,
  });
  const emptying = useMutation({
    mutationFn: () => ask(api.DELETE('/dev/mail')),
    onSuccess: () => toast.success(t('mail.emptied')),
    onError: toast.problem,
    onSettled: () => client.invalidateQueries({ queryKey: ['dev'] }),
  });
  if (letters.error) return <ProblemState error={letters.error} level={1} />;
  const shown = letters.data?.find(({ number }) => number === chosen) ?? letters.data?.[0];
  return (
    <div className={css.page}>
      <header className={css.head}>
        <div>
          <h1>{t('mail.title')}</h1>
          <Soft>{t('mail.lead')}</Soft>
        </div>
        <Button
          look="secondary"
          busy={emptying.isPending}
          disabled={!letters.data?.length}
          onClick={() => emptying.mutate()}
        >
          <Trash2 size={18} aria-hidden="true" />
          {t('mail.empty')}
        </Button>
      </header>
      {letters.isPending ? (
        <Loading />
      ) : letters.data.length === 0 ? (
        <State icon={<Inbox size={48} />} title={t('mail.none')}>
          <p>{t('mail.noneHint')}</p>
        </State>
      ) : (
        <div className={css.columns}>
          <nav aria-label={t('mail.letters')} className={css.list}>
            <ul className={css.letters}>
              {letters.data.map((letter) => (
                <li key={letter.number}>
                  <LetterButton
                    letter={letter}
                    current={letter.number === shown?.number}
                    onPress={() => choose(letter.number)}
                  />
                </li>
              ))}
            </ul>
          </nav>
          {shown && <Whole key={shown.number} number={shown.number} />}
        </div>
      )}
      <Sms />
    </div>
  );
}

function LetterButton({
  letter,
  current,
  onPress,
}: {
  letter: Letter;
  current: boolean;
  onPress: () => void;
}) {
  const { t } = useTranslation('demo');
  return (
    <button type="button" className={css.letter} aria-current={current || undefined} onClick={onPress}>
      <span className={css.to}>{letter.to}</span>
      <strong>{letter.subject}</strong>
      <span className={css.meta}>
        {format.dateTime(letter.receivedAt)}
        {letter.hasInvite && <CalendarDays size={14} aria-label={t('mail.hasInvite')} role="img" />}
      </span>
    </button>
  );
}

function Whole({ number }: { number: number }) {
  const { t } = useTranslation('demo');
  const [view, look] = useState<View>('text');
  const { data, error } = useQuery({
    queryKey: ['dev', 'mail', number],
    queryFn: () => ask(api.GET('/dev/mail/{number}', { params: { path: { number } } })),
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (error) return <ProblemNote error={error} />;
  if (!data) {
    return (
      <Loading>
        <Skeleton height="24rem" radius="var(--radius-m)" />
      </Loading>
    );
  }
  const views = VIEWS.filter((it) => it !== 'invite' || data.invite);
  return (
    <Card className={css.whole}>
      <h2>{data.subject}</h2>
      <dl className={css.fields}>
        <dt>{t('mail.from')}</dt>
        <dd>{data.from}</dd>
        <dt>{t('mail.to')}</dt>
        <dd>{data.to}</dd>
        <dt>{t('mail.at')}</dt>
        <dd>{format.dateTime(data.receivedAt)}</dd>
      </dl>
      <fieldset className={css.views}>
        <legend className="visually-hidden">{t('mail.view')}</legend>
        {views.map((it) => (
          <label key={it}>
            <input
              type="radio"
              name="view"
              className="visually-hidden"
              checked={view === it}
              onChange={() => look(it)}
            />
            <span>{t(`mail.views.${it}`)}</span>
          </label>
        ))}
      </fieldset>
      {view === 'text' && <Linked text={data.text} />}
      {view === 'html' && (
        // No script runs in it and it has no origin; its links open in other tabs.
        <iframe
          className={css.frame}
          title={data.subject}
          sandbox="allow-popups allow-popups-to-escape-sandbox"
          srcDoc={`<base target="_blank">${data.html}`}
        />
      )}
      {view === 'invite' && data.invite && (
        <div>
          <p>
            <Badge tone={data.invite.method === 'CANCEL' ? 'bad' : 'accent'}>{data.invite.method}</Badge>
          </p>
          <pre className={css.raw}>{data.invite.ics}</pre>
        </div>
      )}
      {view === 'raw' && <pre className={css.raw}>{data.raw}</pre>}
    </Card>
  );
}

/** The text of a letter; what leads somewhere can be pressed. */
function Linked({ text }: { text: string }) {
  const parts = text.split(/(https?:\/\/[^\s<>"]+)/);
  return (
    <div className={css.text}>
      {parts.map((part, index) =>
        index % 2 === 1 ? (
          <a key={index} href={part}>
            {part}
          </a>
        ) : (
          part
        ),
      )}
    </div>
  );
}

function Sms() {
  const { t } = useTranslation('demo');
  const { data } = useQuery({
    queryKey: ['dev', 'sms'],
    queryFn: () => ask(api.GET('/dev/sms')),
    refetchInterval: LOOK_MS,
  });
  return (
    <section className={css.sms} aria-labelledby="sms">
      <h2 id="sms">{t('mail.sms')}</h2>
      {data?.length ? (
        <ul className={css.messages}>
          {data.map(({ number, to, text, sentAt }) => (
            <li key={number}>
              <Card>
                <p className={css.meta}>
                  <MessageSquare size={14} aria-hidden="true" /> {to} · {format.dateTime(sentAt)}
                </p>
                <p className={css.text}>{text}</p>
              </Card>
            </li>
          ))}
        </ul>
      ) : (
        <Soft>{t('mail.noSms')}</Soft>
      )}
    </section>
  );
}
