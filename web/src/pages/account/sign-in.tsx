import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useLocation, useSearchParams } from 'wouter';
import { Problem } from '~/api/client';
import { useSession } from '~/api/session';
import { useTitle } from '~/lib/title';
import { Card, Soft } from '~/ui/layout';
import { Loading, ProblemNote } from '~/ui/states';
import css from './account.module.css';
import { SignIn } from './entrance';
import { homeOf, ownPage } from './next';
import { methodsQuery } from './session';

export default function SignInPage() {
  const { t } = useTranslation(['account', 'common']);
  useTitle(t('common:signIn'));
  const [params] = useSearchParams();
  const next = ownPage(params.get('next'));
  const [, go] = useLocation();
  const { user, pending } = useSession();
  const { data: methods } = useQuery(methodsQuery);
  const problem = useReturned();
  useEffect(() => {
    if (user) go(next ?? homeOf(user.role), { replace: true });
  }, [user, next, go]);
  // Whoever is in already is on the way to the next page.
  if (pending || user) return <Loading />;
  return (
    <div className={css.gate}>
      <header>
        <h1>{t('common:signIn')}</h1>
        <Soft>{t('signInLead')}</Soft>
      </header>
      {problem && <ProblemNote error={problem} />}
      <Card>
        <SignIn next={next} onDone={() => {}} />
      </Card>
      {methods?.registration && (
        <p className={css.foot}>
          {t('noAccount')}{' '}
          <Link href={`/sign-up${next ? `?next=${encodeURIComponent(next)}` : ''}`}>{t('makeOne')}</Link>
        </p>
      )}
    </div>
  );
}

/** What a provider of identities has sent us back with: `#problem=CODE`. It leaves the address at once. */
function useReturned(): Problem | undefined {
  const [problem] = useState(() => {
    const code = /^#problem=([a-z_]{1,40})$/.exec(location.hash)?.[1];
    return code ? new Problem(code, 400) : undefined;
  });
  useEffect(() => {
    if (problem) history.replaceState(history.state, '', location.pathname + location.search);
  }, [problem]);
  return problem;
}
