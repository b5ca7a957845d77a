import { useQuery } from '@tanstack/react-query';
import { Clock, Globe, Star, Languages as Tongues } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { useParams } from 'wouter';
import { ownZone, time, zoneName } from '~/lib/format';
import { useTitle } from '~/lib/title';
import { serverNow, useServerNow } from '~/live/clock';
import { ButtonLink } from '~/ui/button';
import { Avatar, Badge, Card, Soft, Stack } from '~/ui/layout';
import { Loading, ProblemState, Skeleton, State } from '~/ui/states';
import css from './booking.module.css';
import { type ExpertPage, expertQuery, figuresQuery, type Service } from './queries';
import { Languages, Rating, useFacts, useSoon } from './words';

export default function Expert() {
  const { id = '' } = useParams<{ id: string }>();
  const { data, error, refetch } = useQuery(expertQuery(id));
  useTitle(data?.name);
  if (error && !data) return <ProblemState error={error} level={1} retry={() => void refetch()} />;
  if (!data) {
    return (
      <Loading>
        <Skeleton height="11rem" radius="var(--radius-m)" />
        <Skeleton width="12rem" height="1.5rem" />
        <Skeleton height="9rem" radius="var(--radius-m)" />
        <Skeleton height="9rem" radius="var(--radius-m)" />
      </Loading>
    );
  }
  return <Profile expert={data} />;
}

function Profile({ expert }: { expert: ExpertPage }) {
  const { t } = useTranslation('booking');
  const book = `/experts/${encodeURIComponent(expert.slug)}/book`;
  const foreign = expert.tz !== ownZone();
  return (
    <div className={css.page}>
      <Card className={css.profile}>
        <Avatar name={expert.name} size={104} />
        <Stack>
          <div>
            <h1>{expert.name}</h1>
            <p className={css.headline}>{expert.headline}</p>
          </div>
          <Rating expert={expert} />
          {expert.specialities.length > 0 && (
            <ul className={css.tags} aria-label={t('specialities')}>
              {expert.specialities.map((it) => (
                <li key={it}>
                  <Badge tone="accent">{it}</Badge>
                </li>
              ))}
            </ul>
          )}
          <ul className={css.lines}>
            <li>
              <Tongues size={18} aria-hidden="true" />
              <span>
                <span className="visually-hidden">{t('speaks')} </span>
                <Languages tags={expert.languages} />
              </span>
            </li>
            <li>
              <Globe size={18} aria-hidden="true" />
              <span>
                {zoneName(serverNow(), expert.tz)}
                {foreign && ` · ${t('nowThere', { time: time(serverNow(), expert.tz) })}`}
              </span>
            </li>
          </ul>
        </Stack>
      </Card>
      <div className={css.columns}>
        <section className={css.section} aria-labelledby="services">
          <h2 id="services">{t('services')}</h2>
          {expert.services.length === 0 ? (
            <State title={t('noServices')}>
              <p>{t('noServicesNext')}</p>
            </State>
          ) : (
            <ul className={css.list}>
              {expert.services.map((service) => (
                <li key={service.id}>
                  <ServiceCard
                    service={service}
                    book={`${book}?service=${service.id}`}
                    next={expert.nextFree?.service === service.id ? expert.nextFree.startsAt : undefined}
                  />
                </li>
              ))}
            </ul>
          )}
        </section>
        <div className={css.section}>
          {expert.bio && (
            <section className={css.section} aria-labelledby="about">
              <h2 id="about">{t('aboutExpert', { name: expert.name })}</h2>
              <p className={css.prose}>{expert.bio}</p>
            </section>
          )}
          <Figures expertId={expert.id} />
        </div>
      </div>
    </div>
  );
}

function ServiceCard({ service, book, next }: { service: Service; book: string; next: string | undefined }) {
  const { t } = useTranslation(['booking', 'common']);
  const facts = useFacts();
  const soon = useSoon();
  const now = useServerNow();
  const notice = service.cancelNoticeMin;
  return (
    <Card className={css.service}>
      <div>
        <h3>{service.title}</h3>
        {service.description && <Soft>{service.description}</Soft>}
        <ul className={css.tags}>
          {facts(service).map((fact) => (
            <li key={fact}>
              <Badge>{fact}</Badge>
            </li>
          ))}
        </ul>
        <p className={css.small}>
          {notice > 0
            ? t('cancelUntil', {
                span:
                  notice % 60 === 0
                    ? t('hours', { count: notice / 60 })
                    : t('common:minutes', { count: notice }),
              })
            : t('cancelAnytime')}
        </p>
      </div>
      <div className={css.serviceSide}>
        {next && (
          <p className={css.small}>
            <Clock size={16} aria-hidden="true" />
            <span>
              {t('nextFree')} <strong>{soon(next, now)}</strong>
            </span>
          </p>
        )}
        <ButtonLink href={book}>
          {t('chooseTime')}
          <span className="visually-hidden"> {t('forService', { title: service.title })}</span>
        </ButtonLink>
      </div>
    </Card>
  );
}

/** How the ratings are spread. */
function Figures({ expertId }: { expertId: string }) {
  const { t } = useTranslation('booking');
  const { data } = useQuery(figuresQuery(expertId));
  if (!data || data.count === 0) return null;
  const most = Math.max(...data.byStars, 1);
  return (
    <section className={css.section} aria-labelledby="ratings">
      <h2 id="ratings">{t('ratingsTitle')}</h2>
      <ul className={css.bars}>
        {data.byStars
          .map((count, index) => ({ count, stars: index + 1 }))
          .reverse()
          .map(({ count, stars }) => (
            <li key={stars}>
              <span className={css.stars}>
                {stars} <Star size={14} aria-hidden="true" />
                <span className="visually-hidden">{t('stars', { count: stars })}</span>
              </span>
              <span className={css.bar}>
                <span style={{ width: `${(count / most) * 100}%` }} />
              </span>
              <span className={css.small}>{count}</span>
            </li>
          ))}
      </ul>
    </section>
  );
}
