import { useQuery } from '@tanstack/react-query';
import { Suspense, useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useParams } from 'wouter';
import { useTitle } from '~/lib/title';
import { Loading, ProblemState, Skeleton } from '~/ui/states';
import css from './book.module.css';
import { Booked } from './booked';
import { Details } from './details';
import { type ExpertPage, expertQuery, type Service } from './queries';
import { ChooseService } from './services';
import { Summary } from './summary';
import { ChooseTime } from './time';
import { useWay } from './way';

export default function Book() {
  const { id = '' } = useParams<{ id: string }>();
  const { t } = useTranslation('booking');
  const { data, error, refetch } = useQuery(expertQuery(id));
  useTitle(data && t('bookTitle', { name: data.name }));
  if (error && !data) return <ProblemState error={error} level={1} retry={() => void refetch()} />;
  if (!data) return <Waiting />;
  return <Booking expert={data} />;
}

function Waiting() {
  return (
    <Loading>
      <Skeleton width="60%" height="2.25rem" />
      <Skeleton height="3rem" radius="var(--radius-m)" />
      <Skeleton height="30rem" radius="var(--radius-m)" />
    </Loading>
  );
}

/** A booking in three steps, of which the address says everything: any of them survives a reload and a sign-in. */
export function Booking({ expert }: { expert: ExpertPage }) {
  const { t } = useTranslation('booking');
  const way = useWay();
  const service =
    expert.services.find(({ id }) => id === way.service) ??
    (expert.services.length === 1 ? expert.services[0] : undefined);
  const step = !service ? 0 : way.details && way.at ? 2 : 1;
  const work = useRef<HTMLDivElement>(null);
  const [seen, setSeen] = useState(step);
  // A step further: whoever reads or listens goes on at its beginning.
  useEffect(() => {
    if (seen === step) return;
    setSeen(step);
    work.current?.focus({ preventScroll: true });
    work.current?.scrollIntoView({ block: 'start' });
  }, [seen, step]);
  if (way.booked) return <Booked id={way.booked} expert={expert} />;
  return (
    <div className={css.page}>
      <header className={css.head}>
        <h1>{t('bookTitle', { name: expert.name })}</h1>
        <Steps step={step} />
      </header>
      <div className={css.split}>
        <div ref={work} tabIndex={-1} className={css.work}>
          <Suspense fallback={<Waiting />}>
            <StepBody expert={expert} service={service} step={step} />
          </Suspense>
        </div>
        <Summary expert={expert} service={service} at={way.at} zone={way.zone} />
      </div>
      <p>
        <Link href={`/experts/${encodeURIComponent(expert.slug)}`} className={css.back}>
          {t('backToExpert', { name: expert.name })}
        </Link>
      </p>
    </div>
  );
}

function StepBody({
  expert,
  service,
  step,
}: {
  expert: ExpertPage;
  service: Service | undefined;
  step: number;
}) {
  const way = useWay();
  if (!service || step === 0) return <ChooseService services={expert.services} />;
  if (step === 2 && way.at) return <Details key={way.at} expert={expert} service={service} at={way.at} />;
  return <ChooseTime expert={expert} service={service} />;
}

function Steps({ step }: { step: number }) {
  const { t } = useTranslation('booking');
  const names = [t('stepService'), t('stepTime'), t('stepDetails')];
  return (
    <ol className={css.steps} aria-label={t('steps')}>
      {names.map((name, index) => (
        <li
          key={name}
          aria-current={index === step ? 'step' : undefined}
          data-done={index < step || undefined}
        >
          <span aria-hidden="true">{index + 1}</span>
          {name}
          {index < step && <span className="visually-hidden"> {t('stepDone')}</span>}
        </li>
      ))}
    </ol>
  );
}
