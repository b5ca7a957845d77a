import { useMutation, useQuery } from '@tanstack/react-query';
import { LogOut } from 'lucide-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { useLocation } from 'wouter';
import { api, ask } from '~/api/client';
import { useSession } from '~/api/session';
import { setTheme, type Theme, useTheme } from '~/lib/theme';
import { useTitle } from '~/lib/title';
import { Button } from '~/ui/button';
import { Select } from '~/ui/field';
import { Card, Soft } from '~/ui/layout';
import { Loading, ProblemState } from '~/ui/states';
import { toast } from '~/ui/toast';
import ways from '~/ui/ways.module.css';
import { useFarewell } from './session';
import { Data } from './settings/data';
import { Devices } from './settings/devices';
import { Feed } from './settings/feed';
import { type Me, meQuery } from './settings/me';
import { ProfileForm } from './settings/profile';
import { Push } from './settings/push';
import { Reminders } from './settings/reminders';
import { Address, Password } from './settings/secrets';
import css from './settings/settings.module.css';

const SECTIONS = [
  ['profile', ProfileForm],
  ['reminders', Reminders],
  ['push', Push],
  ['feed', Feed],
  ['appearance', Appearance],
  ['address', Address],
  ['password', Password],
  ['devices', Devices],
  ['data', Data],
] as const;

export default function Settings() {
  const { t } = useTranslation(['account', 'common']);
  useTitle(t('common:settings'));
  const { data, error, refetch } = useQuery(meQuery);
  const { user } = useSession();
  // Known before the rest, so that nothing moves when that comes.
  const who = data?.profile ?? user;
  if (error && !data) return <ProblemState error={error} level={1} retry={() => void refetch()} />;
  return (
    <div className={css.page}>
      <header className={css.head}>
        <div>
          <h1>{t('common:settings')}</h1>
          {who && (
            <Soft>
              {who.name} · {who.email}
            </Soft>
          )}
        </div>
        <SignOut />
      </header>
      <div className={css.split}>
        <nav className={css.nav} aria-label={t('sections')}>
          <ul className={css.ways}>
            {SECTIONS.map(([id]) => (
              <li key={id}>
                <a href={`#${id}`} className={ways.way}>
                  {t(`settings.${id}`)}
                </a>
              </li>
            ))}
          </ul>
        </nav>
        {data ? (
          <div className={css.sections}>
            {SECTIONS.map(([id, Part]) => (
              <Section key={id} id={id} title={t(`settings.${id}`)}>
                <Part me={data} />
              </Section>
            ))}
          </div>
        ) : (
          <Loading />
        )}
      </div>
    </div>
  );
}

function Section({ id, title, children }: { id: string; title: string; children: ReactNode }) {
  return (
    <Card id={id} className={css.section} aria-labelledby={`${id}-title`}>
      <h2 id={`${id}-title`}>{title}</h2>
      {children}
    </Card>
  );
}

function SignOut() {
  const { t } = useTranslation();
  const farewell = useFarewell();
  const [, go] = useLocation();
  const leave = useMutation({
    mutationFn: () => ask(api.DELETE('/api/session')),
    onSuccess: () => {
      go('/', { replace: true });
      farewell();
    },
    onError: toast.problem,
  });
  return (
    <Button look="secondary" busy={leave.isPending} onClick={() => leave.mutate()}>
      <LogOut size={18} aria-hidden="true" />
      {t('signOut')}
    </Button>
  );
}

function Appearance(_: { me: Me }) {
  const { t } = useTranslation(['account', 'common']);
  const theme = useTheme();
  return (
    <div className={css.narrow}>
      <Select
        label={t('common:appearance')}
        hint={t('appearanceHint')}
        value={theme}
        onChange={(event) => setTheme(event.target.value as Theme)}
      >
        <option value="system">{t('common:themeSystem')}</option>
        <option value="light">{t('common:themeLight')}</option>
        <option value="dark">{t('common:themeDark')}</option>
      </Select>
    </div>
  );
}
