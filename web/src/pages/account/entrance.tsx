import { useMutation, useQuery } from '@tanstack/react-query';
import { KeyRound, MailCheck } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { api, ask, type Problem, type Schemas } from '~/api/client';
import { language } from '~/i18n';
import { blame, useRules } from '~/lib/form';
import { ownZone } from '~/lib/format';
import { Button, ButtonAnchor } from '~/ui/button';
import { TextField } from '~/ui/field';
import { Note, Stack } from '~/ui/layout';
import { Loading, ProblemNote } from '~/ui/states';
import css from './account.module.css';
import { rememberNext } from './next';
import { methodsQuery, useWelcome } from './session';

type User = Schemas['SignedInUser'];

export interface EntranceProps {
  /** The page of ours to go on with; links by mail and other sites' sign-in lead back to it. */
  next?: string | undefined;
  onDone: (user: User) => void;
}

/** Every way to sign in that there is here. */
export function SignIn({ next, onDone }: EntranceProps) {
  const { t } = useTranslation('account');
  const { data, error, isPending } = useQuery(methodsQuery);
  const [byLink, setByLink] = useState(false);
  if (isPending) return <Loading />;
  // Without an answer the password is tried; the server says what it does not take.
  const methods = data ?? { password: true, magicLink: false, registration: false };
  return (
    <Stack>
      {error && <ProblemNote error={error} />}
      {methods.oidc && (
        <>
          <ButtonAnchor
            look="secondary"
            wide
            href={`/api/auth/oidc/start?returnTo=${encodeURIComponent(next ?? '/')}`}
          >
            <KeyRound size={18} aria-hidden="true" />
            {methods.oidc}
          </ButtonAnchor>
          {(methods.password || methods.magicLink) && <p className={css.or}>{t('or')}</p>}
        </>
      )}
      {methods.password && !byLink ? (
        <>
          <PasswordForm onDone={onDone} />
          {methods.magicLink && (
            <Button look="quiet" onClick={() => setByLink(true)}>
              {t('linkInstead')}
            </Button>
          )}
        </>
      ) : (
        methods.magicLink && (
          <>
            <LinkForm kind="magic" next={next} />
            {methods.password && (
              <Button look="quiet" onClick={() => setByLink(false)}>
                {t('passwordInstead')}
              </Button>
            )}
          </>
        )
      )}
    </Stack>
  );
}

function PasswordForm({ onDone }: { onDone: (user: User) => void }) {
  const { t } = useTranslation(['account', 'common']);
  const rules = useRules();
  const welcome = useWelcome();
  const form = useForm({ defaultValues: { email: '', password: '' } });
  const { errors } = form.formState;
  const signIn = useMutation({
    mutationFn: (body: Schemas['Credentials']) => ask(api.POST('/api/session', { body })),
    onSuccess: (user) => {
      welcome(user);
      onDone(user);
    },
    onError: () => form.setFocus('password'),
  });
  return (
    <form
      noValidate
      className={css.form}
      onSubmit={form.handleSubmit(({ email, password }) => signIn.mutate({ email: email.trim(), password }))}
    >
      {signIn.error && <ProblemNote error={signIn.error} />}
      <TextField
        type="email"
        label={t('email')}
        autoComplete="username"
        inputMode="email"
        error={errors.email?.message}
        {...form.register('email', rules.email)}
      />
      <TextField
        type="password"
        label={t('password')}
        autoComplete="current-password"
        error={errors.password?.message}
        {...form.register('password', rules.password)}
      />
      <Link href="/reset" className={css.aside}>
        {t('forgotten')}
      </Link>
      <Button type="submit" wide busy={signIn.isPending}>
        {t('common:signIn')}
      </Button>
    </form>
  );
}

/** Asks for a link by mail, that signs in or sets a password. The answer never says whether there is an account. */
export function LinkForm({ kind, next }: { kind: 'magic' | 'reset'; next?: string | undefined }) {
  const { t } = useTranslation('account');
  const rules = useRules();
  const form = useForm({ defaultValues: { email: '' } });
  const send = useMutation({
    mutationFn: (email: string) =>
      kind === 'magic'
        ? ask(api.POST('/api/links/magic', { body: { email } }))
        : ask(api.POST('/api/links/reset', { body: { email } })),
    onMutate: () => rememberNext(next),
  });
  const [rest, setRest] = useState<Problem>();
  if (send.isSuccess) {
    return (
      <Note tone="good" alert>
        <div className={css.sent}>
          <MailCheck size={22} aria-hidden="true" />
          <div>
            <strong>{t('lookForMail')}</strong>
            <p>{t(kind === 'magic' ? 'magicSent' : 'resetSent', { email: send.variables })}</p>
            <Button look="quiet" size="small" onClick={() => send.reset()}>
              {t('anotherAddress')}
            </Button>
          </div>
        </div>
      </Note>
    );
  }
  return (
    <form
      noValidate
      className={css.form}
      onSubmit={form.handleSubmit(async ({ email }) => {
        setRest(undefined);
        await send
          .mutateAsync(email.trim())
          .catch(async (thrown) => setRest(await blame(thrown, form.setError, { invalid_email: 'email' })));
      })}
    >
      {rest && <ProblemNote error={rest} />}
      <TextField
        type="email"
        label={t('email')}
        hint={t(kind === 'magic' ? 'magicHint' : 'resetHint')}
        autoComplete="username"
        inputMode="email"
        error={form.formState.errors.email?.message}
        {...form.register('email', rules.email)}
      />
      <Button type="submit" wide busy={send.isPending}>
        {t(kind === 'magic' ? 'sendMagic' : 'sendReset')}
      </Button>
    </form>
  );
}

/** Makes an account, which signs in at once; a mail asks to confirm the address. */
export function SignUp({ onDone }: EntranceProps) {
  const { t } = useTranslation('account');
  const { data } = useQuery(methodsQuery);
  const rules = useRules();
  const welcome = useWelcome();
  const form = useForm({ defaultValues: { name: '', email: '', password: '' } });
  const [rest, setRest] = useState<Problem>();
  const { errors } = form.formState;
  const register = useMutation({
    mutationFn: (body: Schemas['Registration']) => ask(api.POST('/api/register', { body })),
    onSuccess: (user) => {
      welcome(user);
      onDone(user);
    },
  });
  if (data && !data.registration) return <Note tone="warn">{t('byInvitation')}</Note>;
  // Where links by mail sign in, nobody needs a password.
  const optional = data?.magicLink ?? false;
  return (
    <form
      noValidate
      className={css.form}
      onSubmit={form.handleSubmit(async ({ name, email, password }) => {
        setRest(undefined);
        const body = { name: name.trim(), email: email.trim(), tz: ownZone(), locale: language() };
        await register.mutateAsync({ ...body, ...(password && { password }) }).catch(async (thrown) =>
          setRest(
            await blame(thrown, form.setError, {
              email_taken: 'email',
              invalid_email: 'email',
              invalid_name: 'name',
              weak_password: 'password',
            }),
          ),
        );
      })}
    >
      {rest && <ProblemNote error={rest} />}
      <TextField
        label={t('name')}
        hint={t('nameHint')}
        autoComplete="name"
        error={errors.name?.message}
        {...form.register('name', rules.text(200))}
      />
      <TextField
        type="email"
        label={t('email')}
        hint={t('emailHint')}
        autoComplete="username"
        inputMode="email"
        error={errors.email?.message}
        {...form.register('email', rules.email)}
      />
      <TextField
        type="password"
        label={t(optional ? 'passwordOptional' : 'password')}
        hint={t(optional ? 'passwordOptionalHint' : 'passwordHint')}
        autoComplete="new-password"
        error={errors.password?.message}
        {...form.register(
          'password',
          optional ? { ...rules.newPassword, required: false } : rules.newPassword,
        )}
      />
      <Button type="submit" wide busy={register.isPending}>
        {t('makeAccount')}
      </Button>
    </form>
  );
}

/** Both, for those who come in the middle of something. */
export function Entrance(props: EntranceProps) {
  const { t } = useTranslation(['account', 'common']);
  const { data } = useQuery(methodsQuery);
  const [fresh, setFresh] = useState(false);
  const choice = (is: boolean, text: ReactNode) => (
    <label className={css.segment}>
      <input
        type="radio"
        name="entrance"
        className="visually-hidden"
        checked={fresh === is}
        onChange={() => setFresh(is)}
      />
      <span>{text}</span>
    </label>
  );
  return (
    <Stack>
      {data?.registration && (
        <fieldset className={css.segments}>
          <legend className="visually-hidden">{t('whoAreYou')}</legend>
          {choice(false, t('haveAccount'))}
          {choice(true, t('newHere'))}
        </fieldset>
      )}
      {fresh ? <SignUp {...props} /> : <SignIn {...props} />}
    </Stack>
  );
}
