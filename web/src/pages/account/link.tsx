import { useMutation, useQueryClient } from '@tanstack/react-query';
import { BadgeCheck, Link2Off, MailOpen } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { useLocation } from 'wouter';
import { api, ask, Problem } from '~/api/client';
import { sessionQuery } from '~/api/session';
import { blame, useRules } from '~/lib/form';
import { useTitle } from '~/lib/title';
import { Button, ButtonLink } from '~/ui/button';
import { TextField } from '~/ui/field';
import { Card, Soft } from '~/ui/layout';
import { ProblemNote, State } from '~/ui/states';
import css from './account.module.css';
import { homeOf, takeNext } from './next';
import { type Opening, secretOf } from './secret';
import { useWelcome } from './session';

/**
 * Uses up a link that came by mail, when its reader presses the button: what scans mail for harmful links opens pages,
 * but presses none. The secret stands in the fragment, which no server sees.
 */
export default function LinkPage() {
  const { t } = useTranslation('account');
  const [secret, setSecret] = useState(() => secretOf(location));
  useTitle(t('linkTitle'));
  // Whoever looks over a shoulder, or into the history, finds nothing.
  useEffect(() => {
    const read = () => {
      if (!location.hash) return;
      setSecret(secretOf(location));
      history.replaceState(history.state, '', location.pathname);
    };
    read();
    window.addEventListener('hashchange', read);
    return () => window.removeEventListener('hashchange', read);
  }, []);
  if (!secret) {
    return (
      <State
        level={1}
        icon={<Link2Off size={40} />}
        title={t('noLink')}
        actions={<ButtonLink href="/sign-in">{t('toSignIn')}</ButtonLink>}
      >
        <p>{t('noLinkNext')}</p>
      </State>
    );
  }
  return <Open key={secret.token} {...secret} />;
}

const TEXTS = {
  magic: { lead: 'magicLead', button: 'magicButton' },
  verify: { lead: 'verifyLead', button: 'verifyButton' },
  reset: { lead: 'setLead', button: 'setButton' },
  invitation: { lead: 'invitedLead', button: 'invitedButton' },
  guest: { lead: 'guestLead', button: 'guestButton' },
} as const;

function Open({ kind, token }: Opening) {
  const { t } = useTranslation(['account', 'common']);
  const rules = useRules();
  const [, go] = useLocation();
  const client = useQueryClient();
  const welcome = useWelcome();
  const [rest, setRest] = useState<Problem>();
  const form = useForm({ defaultValues: { password: '' } });
  const withPassword = kind === 'reset' || kind === 'invitation';
  const open = useMutation({
    mutationFn: async (password: string): Promise<string | undefined> => {
      if (kind === 'verify') {
        const { email } = await ask(api.POST('/api/links/verify', { body: { token } }));
        void client.invalidateQueries({ queryKey: sessionQuery.queryKey });
        return email;
      }
      if (kind === 'guest') {
        const seat = await ask(api.POST('/api/guest/open', { body: { token } }));
        client.setQueryData(sessionQuery.queryKey, { now: new Date().toISOString(), guest: seat });
        go(`/appointments/${seat.appointmentId}`, { replace: true });
        return undefined;
      }
      const user = await ask(
        withPassword
          ? api.POST('/api/links/reset/open', { body: { token, password } })
          : api.POST('/api/links/magic/open', { body: { token } }),
      );
      welcome(user);
      go(takeNext() ?? homeOf(user.role), { replace: true });
      return undefined;
    },
  });
  if (open.data) {
    return (
      <State
        level={1}
        icon={<BadgeCheck size={40} />}
        title={t('verified')}
        actions={<ButtonLink href="/">{t('goOn')}</ButtonLink>}
      >
        <p>{t('verifiedNext', { email: open.data })}</p>
      </State>
    );
  }
  // What is wrong with the link itself does not get better by pressing again.
  const dead = rest && ['link_invalid', 'link_used'].includes(rest.code);
  const texts = TEXTS[kind];
  return (
    <div className={css.gate}>
      <header className={css.centred}>
        <MailOpen size={40} aria-hidden="true" />
        <h1>{t('linkTitle')}</h1>
        <Soft>{t(texts.lead)}</Soft>
      </header>
      <Card>
        <form
          noValidate
          className={css.form}
          onSubmit={form.handleSubmit(async ({ password }) => {
            setRest(undefined);
            await open
              .mutateAsync(password)
              .catch(async (thrown) =>
                setRest(
                  withPassword
                    ? await blame(thrown, form.setError, { weak_password: 'password' })
                    : Problem.of(thrown),
                ),
              );
          })}
        >
          {rest && <ProblemNote error={rest} />}
          {dead && kind === 'guest' ? (
            <>
              <Soft>{t('guestDead')}</Soft>
              <ButtonLink href="/" look="secondary" wide>
                {t('common:toStart')}
              </ButtonLink>
            </>
          ) : dead ? (
            <ButtonLink href={kind === 'reset' ? '/reset' : '/sign-in'} wide>
              {t('askForAnother')}
            </ButtonLink>
          ) : (
            <>
              {withPassword && (
                <TextField
                  type="password"
                  label={t('newPassword')}
                  hint={t('passwordHint')}
                  autoComplete="new-password"
                  error={form.formState.errors.password?.message}
                  {...form.register('password', rules.newPassword)}
                />
              )}
              <Button type="submit" size="large" wide busy={open.isPending}>
                {t(texts.button)}
              </Button>
            </>
          )}
        </form>
      </Card>
    </div>
  );
}
