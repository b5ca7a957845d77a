import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { useTitle } from '~/lib/title';
import { Card, Soft } from '~/ui/layout';
import css from './account.module.css';
import { LinkForm } from './entrance';

export default function ResetPage() {
  const { t } = useTranslation(['account', 'common']);
  useTitle(t('resetTitle'));
  return (
    <div className={css.gate}>
      <header>
        <h1>{t('resetTitle')}</h1>
        <Soft>{t('resetLead')}</Soft>
      </header>
      <Card>
        <LinkForm kind="reset" />
      </Card>
      <p className={css.foot}>
        <Link href="/sign-in">{t('backToSignIn')}</Link>
      </p>
    </div>
  );
}
