import { useQueryClient } from '@tanstack/react-query';
import { Info, Lock, TriangleAlert } from 'lucide-react';
import type { CSSProperties, ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Problem } from '~/api/client';
import { useProblemWords } from '~/lib/problems';
import { Button, ButtonLink } from './button';
import { Note } from './layout';
import css from './ui.module.css';

/** A grey bar where text or a picture will be. */
export function Skeleton({
  width = '100%',
  height = '1em',
  radius,
}: {
  width?: CSSProperties['width'];
  height?: CSSProperties['height'];
  radius?: CSSProperties['borderRadius'];
}) {
  return <span className={css.skeleton} style={{ width, height, borderRadius: radius }} />;
}

/** What stands where something is being loaded; screen readers hear that it is. */
export function Loading({ children }: { children?: ReactNode }) {
  const { t } = useTranslation();
  return (
    <div aria-busy="true" className={css.stack}>
      <span className="visually-hidden" role="status">
        {t('loading')}
      </span>
      {children ?? (
        <>
          <Skeleton width="60%" height="2rem" />
          <Skeleton height="7rem" radius="var(--radius-m)" />
          <Skeleton height="7rem" radius="var(--radius-m)" />
        </>
      )}
    </div>
  );
}

/** A state of the page with its cause and the next step: nothing there yet, or something that does not work. */
export function State({
  icon = <Info size={40} />,
  title,
  children,
  actions,
  level = 2,
}: {
  icon?: ReactNode;
  title: string;
  children?: ReactNode;
  actions?: ReactNode;
  level?: 1 | 2;
}) {
  const Heading = `h${level}` as const;
  return (
    <div className={css.state}>
      {icon}
      <Heading>{title}</Heading>
      {children && <div className={css.soft}>{children}</div>}
      {actions && <div className={css.row}>{actions}</div>}
    </div>
  );
}

/** What went wrong in place of what should be there, with the next step. */
export function ProblemState({
  error,
  retry,
  level = 2,
}: {
  error: unknown;
  retry?: (() => void) | undefined;
  level?: 1 | 2;
}) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const problem = Problem.of(error);
  const words = useProblemWords(problem);
  const again = retry ?? (() => void client.invalidateQueries());
  const signIn = problem.status === 401;
  return (
    <div role="alert" data-problem={problem.code}>
      <State
        icon={signIn ? <Lock size={40} /> : <TriangleAlert size={40} />}
        title={words.title}
        level={level}
        actions={
          <>
            {signIn && (
              <ButtonLink href={`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`}>
                {t('signIn')}
              </ButtonLink>
            )}
            {(problem.status === 0 || problem.status >= 500) && (
              <Button onClick={again}>{t('tryAgain')}</Button>
            )}
            <ButtonLink href="/" look="secondary">
              {t('toStart')}
            </ButtonLink>
          </>
        }
      >
        <p>{words.nextStep}</p>
      </State>
    </div>
  );
}

/** The same beside a form or a button. */
export function ProblemNote({ error }: { error: unknown }) {
  const problem = Problem.of(error);
  const words = useProblemWords(problem);
  return (
    <Note tone="bad" alert>
      <strong>{words.title}</strong>
      <p data-problem={problem.code}>{words.nextStep}</p>
    </Note>
  );
}
