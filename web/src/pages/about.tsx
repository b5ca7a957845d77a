import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { brandingQuery } from '~/api/branding';
import { useTitle } from '~/lib/title';
import css from './about.module.css';

/** What this place is, what happens to what people say in it, and which keys there are. */
export default function About() {
  const { t } = useTranslation(['booking', 'common']);
  const { data } = useQuery(brandingQuery);
  const name = data?.name || t('common:appName');
  useTitle(t('about.title', { name }));
  const privacy = ['call', 'kept', 'see', 'yours', 'third'] as const;
  // Those of call/shortcuts.ts.
  const keys = [
    [['M'], 'mic'],
    [['V'], 'camera'],
    [['S'], 'screen'],
    [['H'], 'hand'],
    [['C'], 'chat'],
    [['P'], 'people'],
    [['L'], 'layout'],
    [['?'], 'help'],
    [['Esc'], 'close'],
  ] as const;
  return (
    <article className={css.page}>
      <header>
        <h1>{t('about.title', { name })}</h1>
        <p className={css.lead}>{t('about.lead', { name })}</p>
      </header>
      <section aria-labelledby="privacy">
        <h2 id="privacy">{t('about.privacy')}</h2>
        <dl className={css.answers}>
          {privacy.map((key) => (
            <div key={key}>
              <dt>{t(`about.${key}`)}</dt>
              <dd>{t(`about.${key}Text`)}</dd>
            </div>
          ))}
        </dl>
      </section>
      <section aria-labelledby="keys">
        <h2 id="keys">{t('about.keys')}</h2>
        <p className={css.soft}>{t('about.keysText')}</p>
        <dl className={css.keys}>
          {keys.map(([pressed, does]) => (
            <div key={does}>
              <dt>
                {pressed.map((key) => (
                  <kbd key={key}>{key}</kbd>
                ))}
              </dt>
              <dd>{t(`about.${does}`)}</dd>
            </div>
          ))}
        </dl>
      </section>
      <section aria-labelledby="help">
        <h2 id="help">{t('about.trouble')}</h2>
        <p>
          {t('about.troubleText')} <a href="/test-call">{t('about.troubleTest')}</a>
        </p>
        {data?.supportEmail && (
          <p>
            {t('about.write')} <a href={`mailto:${data.supportEmail}`}>{data.supportEmail}</a>
          </p>
        )}
      </section>
    </article>
  );
}
