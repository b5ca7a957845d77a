import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Timer } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Problem } from '~/api/client';
import { useSession, type WhoAmI } from '~/api/session';
import { clock } from '~/lib/format';
import { useProblemWords } from '~/lib/problems';
import { useServerNow } from '~/live/clock';
import { Entrance } from '~/pages/account/entrance';
import { Button, ButtonLink } from '~/ui/button';
import { Card, Note, Soft } from '~/ui/layout';
import { Loading, ProblemState, Skeleton, State } from '~/ui/states';
import css from './book.module.css';
import { forgetHold, type Held, holdQuery, lapsed, releaseAll, releaseHold } from './hold';
import type { ExpertPage, Service } from './queries';
import { RequestForm } from './request';
import { useWay } from './way';

interface Chosen {
  expert: ExpertPage;
  service: Service;
  at: string;
}

/** The last step: sign in if need be, keep the time, say what there is to say. */
export function Details(chosen: Chosen) {
  const { t } = useTranslation('booking');
  const { user, pending, error } = useSession();
  if (pending) return <Loading />;
  if (error) return <ProblemState error={error} />;
  if (!user) {
    return (
      <Card className={css.step}>
        <h2>{t('whoBooks')}</h2>
        <Soft>{t('whoBooksLead')}</Soft>
        <div className={css.narrow}>
          <Entrance next={location.pathname + location.search} onDone={() => {}} />
        </div>
        <Another />
      </Card>
    );
  }
  if (user.role !== 'customer') {
    return (
      <State title={t('notForStaff')} actions={<ButtonLink href="/settings">{t('toSettings')}</ButtonLink>}>
        <p>{t('notForStaffNext')}</p>
      </State>
    );
  }
  return <Keeping {...chosen} user={user} />;
}

/** Back to the times; the one that was kept is free again. */
function Another({ primary }: { primary?: boolean }) {
  const { t } = useTranslation('booking');
  const client = useQueryClient();
  const way = useWay();
  const back = useMutation({
    mutationFn: releaseHold,
    onSettled: () => {
      void client.invalidateQueries({ queryKey: ['slots'] });
      way.go({ at: undefined, step: undefined });
    },
  });
  return (
    <Button look={primary ? 'primary' : 'quiet'} busy={back.isPending} onClick={() => back.mutate()}>
      {t('anotherTime')}
    </Button>
  );
}

function Keeping({ expert, service, at, user }: Chosen & { user: NonNullable<WhoAmI['user']> }) {
  const { t } = useTranslation('booking');
  const way = useWay();
  const { data, error, refetch, isFetching } = useQuery(holdQuery(service.id, at, way.zone, user.id));
  const [lost, setLost] = useState<Problem>();
  const again = () => {
    forgetHold();
    setLost(undefined);
    void refetch();
  };
  const problem = lost ?? (error ? Problem.of(error) : undefined);
  if (isFetching && !data) {
    return (
      <Loading>
        <Skeleton height="4rem" radius="var(--radius-m)" />
        <Skeleton height="22rem" radius="var(--radius-m)" />
      </Loading>
    );
  }
  if (problem) return <Refused problem={problem} again={again} />;
  if (!data) return <Loading />;
  return (
    <Card className={css.step}>
      <h2>{t('yourDetails')}</h2>
      <Countdown held={data} onLapsed={() => setLost(new Problem('hold_expired', 409))} />
      <RequestForm expert={expert} service={service} held={data} user={user} onRefused={setLost} />
      <Another />
    </Card>
  );
}

/** How long the time is kept. The last minute is said aloud, the seconds are not. */
function Countdown({ held, onLapsed }: { held: Held; onLapsed: () => void }) {
  const { t } = useTranslation('booking');
  const now = useServerNow();
  const over = lapsed(held, now);
  const [told, setTold] = useState(false);
  if (over && !told) {
    setTold(true);
    queueMicrotask(onLapsed);
  }
  if (!held.expiresAt) {
    return <Note tone="accent">{t('seatNotKept', { count: held.seatsLeft ?? 0 })}</Note>;
  }
  const left = Date.parse(held.expiresAt) - now;
  const soon = left <= 60_000;
  return (
    <Note tone={soon ? 'warn' : 'accent'}>
      <p className={css.countdown}>
        <Timer size={20} aria-hidden="true" />
        <span>
          {t('keptFor')} <strong role="timer">{clock(left)}</strong>
        </span>
      </p>
      <span className="visually-hidden" role="status">
        {soon ? t('lastMinute') : ''}
      </span>
    </Note>
  );
}

/** Why the time cannot be had, and what to do instead. */
function Refused({ problem, again }: { problem: Problem; again: () => void }) {
  const { t } = useTranslation('booking');
  const words = useProblemWords(problem);
  const letGo = useMutation({ mutationFn: releaseAll, onSettled: again });
  const passed = problem.code === 'hold_expired';
  return (
    <div role="alert" data-problem={problem.code}>
      <State
        icon={<Timer size={40} />}
        title={words.title}
        actions={
          <>
            {problem.code === 'too_many_holds' && (
              <Button busy={letGo.isPending} onClick={() => letGo.mutate()}>
                {t('letGo')}
              </Button>
            )}
            {(passed || problem.status === 0 || problem.status >= 500 || problem.status === 429) && (
              <Button onClick={again}>{t(passed ? 'keepAgain' : 'tryOnceMore')}</Button>
            )}
            {problem.code === 'customer_overlap' && (
              <ButtonLink href="/appointments" look="secondary">
                {t('toAppointments')}
              </ButtonLink>
            )}
            <Another primary={!passed && problem.code !== 'too_many_holds'} />
          </>
        }
      >
        <p>{words.nextStep}</p>
      </State>
    </div>
  );
}
