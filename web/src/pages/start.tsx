import { CalendarCheck, MonitorCheck, Search, ShieldCheck, Video } from 'lucide-react';
import { type ReactNode, useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { useLocation } from 'wouter';
import { useSession } from '~/api/session';
import { useTitle } from '~/lib/title';
import { ButtonLink } from '~/ui/button';
import { Loading } from '~/ui/states';
import { homeOf } from './account/next';
import css from './start.module.css';

export default function Start() {
  const { t } = useTranslation('booking');
  const { user, pending } = useSession();
  const [, go] = useLocation();
  useTitle(undefined);
  // Who has a page of one's own begins there.
  useEffect(() => {
    if (user) go(homeOf(user.role), { replace: true });
  }, [user, go]);
  if (pending || user) return <Loading />;
  return (
    <div className={css.page}>
      <section className={css.hero}>
        <div>
          <h1>{t('start.title')}</h1>
          <p className={css.lead}>{t('start.lead')}</p>
          <div className={css.actions}>
            <ButtonLink href="/experts" size="large">
              <Search size={20} aria-hidden="true" />
              {t('start.find')}
            </ButtonLink>
            <ButtonLink href="/sign-in" size="large" look="secondary">
              {t('start.signIn')}
            </ButtonLink>
          </div>
          <p className={css.promise}>
            <ShieldCheck size={18} aria-hidden="true" />
            {t('start.promise')}
          </p>
        </div>
        <Picture />
      </section>
      <section aria-labelledby="how" className={css.section}>
        <h2 id="how">{t('start.how')}</h2>
        <ol className={css.steps}>
          <Step icon={<Search size={24} />} title={t('start.one')} text={t('start.oneText')} />
          <Step icon={<CalendarCheck size={24} />} title={t('start.two')} text={t('start.twoText')} />
          <Step icon={<Video size={24} />} title={t('start.three')} text={t('start.threeText')} />
        </ol>
      </section>
      <section aria-labelledby="try" className={css.band}>
        <MonitorCheck size={36} aria-hidden="true" />
        <div>
          <h2 id="try">{t('start.try')}</h2>
          <p>{t('start.tryText')}</p>
        </div>
        <div className={css.actions}>
          <ButtonLink href="/test-call">{t('start.tryButton')}</ButtonLink>
          <ButtonLink href="/call-demo" look="secondary">
            {t('start.demo')}
          </ButtonLink>
        </div>
      </section>
    </div>
  );
}

function Step({ icon, title, text }: { icon: ReactNode; title: string; text: string }) {
  return (
    <li>
      <span className={css.icon} aria-hidden="true">
        {icon}
      </span>
      <h3>{title}</h3>
      <p>{text}</p>
    </li>
  );
}

/** Two people face to face on a screen; nothing that must be seen. */
function Picture() {
  return (
    <svg className={css.picture} viewBox="0 0 440 300" aria-hidden="true">
      <rect className={css.screen} x="20" y="24" width="400" height="250" rx="18" />
      <rect className={css.tileA} x="36" y="40" width="178" height="176" rx="12" />
      <rect className={css.tileB} x="226" y="40" width="178" height="176" rx="12" />
      <circle className={css.personA} cx="125" cy="108" r="30" />
      <path className={css.personA} d="M65 216c0-40 26-66 60-66s60 26 60 66z" />
      <circle className={css.personB} cx="315" cy="108" r="30" />
      <path className={css.personB} d="M255 216c0-40 26-66 60-66s60 26 60 66z" />
      <circle className={css.control} cx="172" cy="245" r="14" />
      <circle className={css.control} cx="220" cy="245" r="14" />
      <circle className={css.leave} cx="268" cy="245" r="14" />
      <rect className={css.bubble} x="252" y="56" width="84" height="26" rx="13" />
    </svg>
  );
}
