import { useInfiniteQuery, useQueries, useQuery } from '@tanstack/react-query';
import { ChevronRight, RotateCcw } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { api, ask } from '~/api/client';
import { useSession } from '~/api/session';
import css from '~/appointments/page.module.css';
import { pastQuery, ratingQuery } from '~/appointments/queries';
import { Stars } from '~/appointments/rating';
import { type Appointment, partnersOf, sideOf } from '~/appointments/view';
import { StatusBadge } from '~/appointments/words';
import * as format from '~/lib/format';
import { useTitle } from '~/lib/title';
import { expertQuery } from '~/pages/booking/queries';
import { Button, ButtonLink } from '~/ui/button';
import { Avatar, Card } from '~/ui/layout';
import { Loading, ProblemState, State } from '~/ui/states';

/** What is over, the latest first. */
export default function History() {
  const { t } = useTranslation(['appointments', 'common']);
  useTitle(t('common:history'));
  const { user } = useSession();
  const query = useInfiniteQuery(pastQuery);
  const stays = useStays(user?.id);
  const items = query.data?.pages.flatMap(({ items }) => items) ?? [];
  const slugs = useSlugs(user?.role === 'customer' ? items.map(({ expertId }) => expertId) : []);
  return (
    <div className={css.page}>
      <h1>{t('past.title')}</h1>
      {query.isPending ? (
        <Loading />
      ) : query.error ? (
        <ProblemState error={query.error} />
      ) : items.length === 0 ? (
        <State
          title={t('past.empty')}
          actions={<ButtonLink href="/appointments">{t('past.toUpcoming')}</ButtonLink>}
        >
          <p>{t('past.emptyHint')}</p>
        </State>
      ) : (
        <Card>
          <ul className={css.list}>
            {items.map((it) => (
              <Past key={it.id} appointment={it} seconds={stays.get(it.id)} slug={slugs.get(it.expertId)} />
            ))}
          </ul>
        </Card>
      )}
      {query.hasNextPage && (
        <div>
          <Button look="secondary" busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            {t('common:more')}
          </Button>
        </div>
      )}
    </div>
  );
}

/** How long one was in the call of each appointment, as far as the latest hundred stays go. */
function useStays(userId: string | undefined): ReadonlyMap<string, number> {
  const { data } = useQuery({
    queryKey: ['calls', 'own', userId],
    queryFn: () =>
      ask(api.GET('/api/call-logs', { params: { query: { limit: 100, ...(userId ? { userId } : {}) } } })),
    enabled: userId !== undefined,
  });
  const sums = new Map<string, number>();
  for (const { appointmentId, durationSeconds } of data?.items ?? []) {
    if (appointmentId && durationSeconds)
      sums.set(appointmentId, (sums.get(appointmentId) ?? 0) + durationSeconds);
  }
  return sums;
}

/** The pages of those experts who can still be booked. */
function useSlugs(experts: readonly string[]): ReadonlyMap<string, string> {
  return useQueries({
    queries: [...new Set(experts)].map((id) => ({ ...expertQuery(id), staleTime: 5 * 60_000 })),
    combine: (found) => new Map(found.flatMap(({ data }) => (data ? [[data.id, data.slug] as const] : []))),
  });
}

function Past({
  appointment,
  seconds,
  slug,
}: {
  appointment: Appointment;
  seconds: number | undefined;
  slug: string | undefined;
}) {
  const { t } = useTranslation('appointments');
  const { id, title, status, startsAt, endsAt, serviceId } = appointment;
  const customer = sideOf(appointment) === 'customer';
  const done = status === 'completed';
  const { data: rating } = useQuery({ ...ratingQuery(id), enabled: done });
  const who = partnersOf(appointment).join(t('and'));
  return (
    <li className={`${css.item} ${css.past}`}>
      <Avatar name={who} size={44} />
      <div className={css.grow}>
        <p>
          <Link href={`/appointments/${id}`} className={css.pastTitle}>
            {title}, {who}
            <ChevronRight size={16} aria-hidden="true" />
          </Link>
        </p>
        <p className={css.soft}>
          {format.shortDay(startsAt)}, {format.timeRange(startsAt, endsAt)}
          {seconds !== undefined && ` · ${t('past.inCall', { time: format.clock(seconds * 1000) })}`}
        </p>
        {rating && <Stars stars={rating.stars} />}
      </div>
      <StatusBadge status={status} />
      {customer && done && rating === null && (
        <ButtonLink look="quiet" size="small" href={`/appointments/${id}`}>
          {t('rating.rate')}
        </ButtonLink>
      )}
      {customer && slug && (
        <ButtonLink look="secondary" size="small" href={`/experts/${slug}/book?service=${serviceId}`}>
          <RotateCcw size={16} aria-hidden="true" />
          {t('past.again')}
        </ButtonLink>
      )}
    </li>
  );
}
