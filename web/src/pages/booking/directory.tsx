import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { CalendarClock, SearchX } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useSearchParams } from 'wouter';
import { languageName } from '~/lib/format';
import { useTitle } from '~/lib/title';
import { useServerNow } from '~/live/clock';
import { Button, ButtonLink } from '~/ui/button';
import { Select, TextField } from '~/ui/field';
import { Avatar, Badge, Row, Soft } from '~/ui/layout';
import { Loading, ProblemState, Skeleton, State } from '~/ui/states';
import css from './booking.module.css';
import { choicesQuery, expertsQuery, type FoundExpert, type Search } from './queries';
import { Languages, Rating, useSoon } from './words';

/** How long somebody may pause between two letters. */
const PAUSE_MS = 250;

export default function Directory() {
  const { t } = useTranslation('booking');
  useTitle(t('directoryTitle'));
  const [params, setParams] = useSearchParams();
  const search: Search = {
    q: (params.get('q') ?? '').slice(0, 200),
    language: (params.get('language') ?? '').slice(0, 35),
    speciality: (params.get('speciality') ?? '').slice(0, 60),
  };
  const change = (part: Partial<Search>) =>
    setParams(
      (before) => {
        const next = new URLSearchParams(before);
        for (const [key, value] of Object.entries(part)) {
          if (value) next.set(key, value);
          else next.delete(key);
        }
        return next;
      },
      { replace: true },
    );
  const clear = () => change({ q: '', language: '', speciality: '' });
  return (
    <div className={css.page}>
      <header className={css.head}>
        <h1>{t('directoryTitle')}</h1>
        <Soft>{t('directoryLead')}</Soft>
      </header>
      <Filters search={search} onChange={change} />
      <Found search={search} onClear={clear} />
    </div>
  );
}

function Filters({ search, onChange }: { search: Search; onChange: (part: Partial<Search>) => void }) {
  const { t } = useTranslation('booking');
  const { data } = useQuery(choicesQuery);
  const [words, setWords] = useState(search.q);
  const [seen, setSeen] = useState(search.q);
  // The address has changed by itself: back and forth, or all filters cleared.
  if (seen !== search.q) {
    setSeen(search.q);
    if (words.trim() !== search.q) setWords(search.q);
  }
  // biome-ignore lint/correctness/useExhaustiveDependencies: what is typed starts the pause, nothing else
  useEffect(() => {
    if (words.trim() === search.q) return;
    const timer = setTimeout(() => onChange({ q: words.trim() }), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [words]);
  const options = (all: readonly string[] | undefined, chosen: string) => [
    ...new Set([...(all ?? []), ...(chosen ? [chosen] : [])]),
  ];
  return (
    <search className={css.filters}>
      <TextField
        type="search"
        label={t('searchLabel')}
        placeholder={t('searchPlaceholder')}
        value={words}
        maxLength={200}
        autoComplete="off"
        onChange={(event) => setWords(event.target.value)}
      />
      <Select
        label={t('speciality')}
        value={search.speciality}
        onChange={(event) => onChange({ speciality: event.target.value })}
      >
        <option value="">{t('anySpeciality')}</option>
        {options(data?.specialities, search.speciality).map((it) => (
          <option key={it}>{it}</option>
        ))}
      </Select>
      <Select
        label={t('spoken')}
        value={search.language}
        onChange={(event) => onChange({ language: event.target.value })}
      >
        <option value="">{t('anyLanguage')}</option>
        {options(data?.languages, search.language).map((tag) => (
          <option key={tag} value={tag}>
            {languageName(tag)}
          </option>
        ))}
      </Select>
    </search>
  );
}

function Found({ search, onClear }: { search: Search; onClear: () => void }) {
  const { t } = useTranslation(['booking', 'common']);
  const list = useInfiniteQuery({ ...expertsQuery(search), placeholderData: keepPreviousData });
  if (list.isPending) {
    return (
      <Loading>
        <div className={css.cards}>
          {['a', 'b', 'c', 'd', 'e', 'f'].map((key) => (
            <Skeleton key={key} height="15.5rem" radius="var(--radius-m)" />
          ))}
        </div>
      </Loading>
    );
  }
  if (list.error && !list.data) return <ProblemState error={list.error} retry={() => void list.refetch()} />;
  const experts = list.data?.pages.flatMap((page) => page.items) ?? [];
  const filtered = Object.values(search).some(Boolean);
  return (
    <>
      <p role="status" className={css.faint}>
        {t(list.hasNextPage ? 'foundSoFar' : 'found', { count: experts.length })}
      </p>
      {experts.length === 0 ? (
        <State
          icon={<SearchX size={40} />}
          title={t(filtered ? 'nobodyFound' : 'nobodyYet')}
          actions={filtered && <Button onClick={onClear}>{t('clearFilters')}</Button>}
        >
          <p>{t(filtered ? 'nobodyFoundNext' : 'nobodyYetNext')}</p>
        </State>
      ) : (
        <ul className={css.cards} aria-busy={list.isPlaceholderData || undefined}>
          {experts.map((expert) => (
            <li key={expert.id}>
              <ExpertCard expert={expert} />
            </li>
          ))}
        </ul>
      )}
      {list.hasNextPage && (
        <Row className={css.centre}>
          <Button look="secondary" busy={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
            {t('common:more')}
          </Button>
        </Row>
      )}
    </>
  );
}

function ExpertCard({ expert }: { expert: FoundExpert }) {
  const { t } = useTranslation('booking');
  const soon = useSoon();
  const now = useServerNow();
  const page = `/experts/${encodeURIComponent(expert.slug)}`;
  const next = expert.nextFree;
  return (
    <article className={css.card}>
      <div className={css.who}>
        <Avatar name={expert.name} size={56} />
        <div>
          <h2>
            <Link href={page} className={css.cover}>
              {expert.name}
            </Link>
          </h2>
          <p className={css.faint}>{expert.headline}</p>
        </div>
      </div>
      {expert.specialities.length > 0 && (
        <ul className={css.tags} aria-label={t('specialities')}>
          {expert.specialities.slice(0, 6).map((it) => (
            <li key={it}>
              <Badge>{it}</Badge>
            </li>
          ))}
        </ul>
      )}
      <p className={css.facts}>
        <span>
          <Languages tags={expert.languages} />
        </span>
        <Rating expert={expert} />
      </p>
      <div className={css.next}>
        {next ? (
          <>
            <p>
              <CalendarClock size={18} aria-hidden="true" />
              <span>
                <span className={css.faint}>{t('nextFree')}</span>
                <strong>{soon(next.startsAt, now)}</strong>
              </span>
            </p>
            <ButtonLink
              href={`${page}/book?service=${next.service}&at=${next.startsAt}`}
              className={css.above ?? ''}
            >
              {t('book')}
              <span className="visually-hidden"> {t('withExpert', { name: expert.name })}</span>
            </ButtonLink>
          </>
        ) : (
          <p className={css.faint}>{t('nothingFree')}</p>
        )}
      </div>
    </article>
  );
}
