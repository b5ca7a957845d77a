import { useQuery } from '@tanstack/react-query';
import {
  CalendarDays,
  Compass,
  History,
  Home,
  LogIn,
  Settings,
  ShieldCheck,
  Stethoscope,
} from 'lucide-react';
import { type ReactNode, useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useLocation } from 'wouter';
import { brandingQuery } from '~/api/branding';
import { useSession } from '~/api/session';
import { LANGUAGES, language, speak } from '~/i18n';
import { setBrand, setTheme, type Theme, useTheme } from '~/lib/theme';
import ui from '~/ui/ways.module.css';
import css from './frame.module.css';

/** Header, main part and footer around a page. */
export function Frame({ bare, children }: { bare?: boolean | undefined; children: ReactNode }) {
  const { t } = useTranslation();
  if (bare) return <main id="main">{children}</main>;
  return (
    <>
      <a href="#main" className={css.skip}>
        {t('skipToContent')}
      </a>
      <header className={css.header}>
        <div className={css.bar}>
          <Brand />
          <Ways />
        </div>
      </header>
      <main id="main" className={css.main} tabIndex={-1}>
        {children}
      </main>
      <footer className={css.footer}>
        <div className={css.foot}>
          <Languages />
          <Themes />
          <Link href="/test-call">{t('testCall')}</Link>
          <Link href="/about">{t('about')}</Link>
          <Contact />
        </div>
      </footer>
    </>
  );
}

function Brand() {
  const { t } = useTranslation();
  const { data } = useQuery(brandingQuery);
  useEffect(() => {
    if (data?.primaryColor) setBrand(data.primaryColor);
  }, [data?.primaryColor]);
  return (
    <Link href="/" className={css.brand}>
      <Mark />
      <span>{data?.logoText || t('appName')}</span>
    </Link>
  );
}

/** Two people face to face. */
function Mark() {
  return (
    <svg className={css.mark} viewBox="0 0 32 32" fill="currentColor" aria-hidden="true">
      <path d="M3 9a6 6 0 0 1 6-6h3a3 3 0 0 1 3 3v17a6 6 0 0 1-6 6H6a3 3 0 0 1-3-3z" />
      <path opacity=".55" d="M29 9a6 6 0 0 0-6-6h-3a3 3 0 0 0-3 3v17a6 6 0 0 0 6 6h3a3 3 0 0 0 3-3z" />
    </svg>
  );
}

function Ways() {
  const { t } = useTranslation();
  const [location] = useLocation();
  const { user, guest, pending } = useSession();
  const way = (href: string, icon: ReactNode, text: string, exact = false) => {
    const here = exact ? location === href : location === href || location.startsWith(`${href}/`);
    return (
      <Link key={href} href={href} className={ui.way} aria-current={here ? 'page' : undefined}>
        {icon}
        <span>{text}</span>
      </Link>
    );
  };
  const size = 20;
  const ways: ReactNode[] = [];
  if (user?.role === 'expert') ways.push(way('/expert', <Stethoscope size={size} />, t('today')));
  if (user?.role === 'admin') ways.push(way('/admin', <ShieldCheck size={size} />, t('administration')));
  if (user) ways.push(way('/appointments', <CalendarDays size={size} />, t('appointments')));
  if (user?.role !== 'expert') ways.push(way('/experts', <Compass size={size} />, t('experts')));
  if (user?.role === 'customer') ways.push(way('/history', <History size={size} />, t('history')));
  if (user) ways.push(way('/settings', <Settings size={size} />, t('settings')));
  if (!user && !guest && !pending) ways.push(way('/sign-in', <LogIn size={size} />, t('signIn')));
  if (guest)
    ways.push(way(`/appointments/${guest.appointmentId}`, <CalendarDays size={size} />, t('appointment')));
  ways.unshift(...(user ? [] : [way('/', <Home size={size} />, t('home'), true)]));
  return (
    <nav className={css.nav} aria-label={t('mainNavigation')}>
      {ways}
    </nav>
  );
}

const NAMES = { en: 'English', de: 'Deutsch' };

function Languages() {
  const { t } = useTranslation();
  return (
    <label className={css.choice}>
      <span>{t('language')}</span>
      <select
        value={language()}
        onChange={(event) => void speak(event.target.value as (typeof LANGUAGES)[number])}
      >
        {LANGUAGES.map((tag) => (
          <option key={tag} value={tag}>
            {NAMES[tag]}
          </option>
        ))}
      </select>
    </label>
  );
}

function Themes() {
  const { t } = useTranslation();
  const chosen = useTheme();
  return (
    <label className={css.choice}>
      <span>{t('appearance')}</span>
      <select value={chosen} onChange={(event) => setTheme(event.target.value as Theme)}>
        <option value="system">{t('themeSystem')}</option>
        <option value="light">{t('themeLight')}</option>
        <option value="dark">{t('themeDark')}</option>
      </select>
    </label>
  );
}

function Contact() {
  const { t } = useTranslation();
  const { data } = useQuery(brandingQuery);
  return data?.supportEmail ? <a href={`mailto:${data.supportEmail}`}>{t('contact')}</a> : null;
}
