import { useQuery } from '@tanstack/react-query';
import { Star } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { api, ask } from '~/api/client';
import { language } from '~/i18n';
import { shortDay } from '~/lib/format';
import { Card, Pair, Soft, Stack } from '~/ui/layout';
import { Sliced, useSlices } from '~/ui/list';
import { ProblemNote, Skeleton } from '~/ui/states';
import css from './expert.module.css';

const STARS = [5, 4, 3, 2, 1] as const;

/** What customers said after their consultations. */
export function Ratings() {
  const { t } = useTranslation('expert');
  const figures = useQuery({
    queryKey: ['ratings', 'figures'],
    queryFn: () => ask(api.GET('/api/ratings/figures')),
  });
  const list = useSlices(['ratings', 'list'], (cursor) =>
    ask(api.GET('/api/ratings', { params: { query: { limit: 20, ...(cursor && { cursor }) } } })),
  );
  const data = figures.data;
  return (
    <Card>
      <h2>{t('ratings.title')}</h2>
      <Stack>
        {figures.isPending && <Skeleton height="6rem" radius="var(--radius-s)" />}
        {figures.error && <ProblemNote error={figures.error} />}
        {data && data.count > 0 && (
          <Pair>
            <div>
              <p className={css.big}>
                {new Intl.NumberFormat(language(), { maximumFractionDigits: 1 }).format(data.mean ?? 0)}{' '}
                <Star size={20} className={css.star} aria-hidden="true" />
              </p>
              <Soft>{t('ratings.count', { count: data.count })}</Soft>
            </div>
            <ul className={css.stars}>
              {STARS.map((stars) => {
                const count = data.byStars[stars - 1] ?? 0;
                return (
                  <li key={stars}>
                    <span>{t('ratings.stars', { count: stars })}</span>
                    <span className={css.share} aria-hidden="true">
                      <i style={{ width: `${(100 * count) / data.count}%` }} />
                    </span>
                    <span>{count}</span>
                  </li>
                );
              })}
            </ul>
          </Pair>
        )}
        <Sliced list={list} empty={<Soft>{t('ratings.empty')}</Soft>}>
          {(items) => (
            <ul className={css.said}>
              {items.map((rating) => (
                <li key={`${rating.appointmentId}${rating.createdAt}`}>
                  <strong>{t('ratings.stars', { count: rating.stars })}</strong>{' '}
                  <Link href={`/appointments/${rating.appointmentId}`}>{rating.title}</Link>
                  <Soft small>{shortDay(rating.createdAt)}</Soft>
                  {rating.comment && <blockquote className={css.quote}>{rating.comment}</blockquote>}
                </li>
              ))}
            </ul>
          )}
        </Sliced>
      </Stack>
    </Card>
  );
}
