import { MailCheck } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useLocation, useSearchParams } from 'wouter';
import { useSession } from '~/api/session';
import { useTitle } from '~/lib/title';
import { ButtonLink } from '~/ui/button';
import { Card, Soft } from '~/ui/layout';
import { Loading, State } from '~/ui/states';
import css from './account.module.css';
import { SignUp } from './entrance';
import { homeOf, ownPage } from './next';

export default function SignUpPage() {
  const { t } = useTranslation(['account', 'common']);
  useTitle(t('signUp'));
  const [params] = useSearchParams();
  const next = ownPage(params.get('next'));
  const [, go] = useLocation();
  const { user, pending } = useSession();
  const [made, setMade] = useState(false);
  const elsewhere = user && !made;
  useEffect(() => {
    if (elsewhere) go(next ?? homeOf(user.role), { replace: true });
  }, [elsewhere, user, next, go]);
  if (user && made) {
    return (
      <State
        level={1}
        icon={<MailCheck size={40} />}
        title={t('welcome', { name: user.name })}
        actions={<ButtonLink href={next ?? '/experts'}>{t(next ? 'goOn' : 'findExpert')}</ButtonLink>}
      >
        <p>{t('verifyNotice', { email: user.email })}</p>
      </State>
    );
  }
  if (pending || user) return <Loading />;
  return (
    <div className={css.gate}>
      <header>
        <h1>{t('signUp')}</h1>
        <Soft>{t('signUpLead')}</Soft>
      </header>
      <Card>
        <SignUp
          next={next}
          onDone={() => {
            setMade(true);
          }}
        />
      </Card>
      <p className={css.foot}>
        {t('haveOne')}{' '}
        <Link href={`/sign-in${next ? `?next=${encodeURIComponent(next)}` : ''}`}>{t('common:signIn')}</Link>
      </p>
    </div>
  );
}
