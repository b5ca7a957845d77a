import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { api, ask, type Problem } from '~/api/client';
import { blame, useRules } from '~/lib/form';
import { Button } from '~/ui/button';
import { TextField } from '~/ui/field';
import { Badge, Note, Row, Soft } from '~/ui/layout';
import { ProblemNote } from '~/ui/states';
import { toast } from '~/ui/toast';
import { rememberNext } from '../next';
import { type Me, meQuery } from './me';
import css from './settings.module.css';

/** What went wrong; where the sign-in is too old, a fresh one is a press away. */
export function Refusal({ problem, email }: { problem: Problem; email: string }) {
  const { t } = useTranslation('account');
  const send = useMutation({
    mutationFn: () => ask(api.POST('/api/links/magic', { body: { email } })),
    onMutate: () => rememberNext('/settings'),
    onError: toast.problem,
  });
  return (
    <>
      <ProblemNote error={problem} />
      {problem.code === 'sign_in_again' &&
        (send.isSuccess ? (
          <Note tone="good" alert>
            {t('magicSent', { email })}
          </Note>
        ) : (
          <div>
            <Button look="secondary" busy={send.isPending} onClick={() => send.mutate()}>
              {t('sendMagicTo', { email })}
            </Button>
          </div>
        ))}
    </>
  );
}

export function Address({ me }: { me: Me }) {
  const { t } = useTranslation('account');
  const rules = useRules();
  const { email, emailVerifiedAt, hasPassword } = me.profile;
  const form = useForm({ defaultValues: { email: '', password: '' } });
  const { errors } = form.formState;
  const [rest, setRest] = useState<Problem>();
  const verify = useMutation({
    mutationFn: () => ask(api.POST('/api/me/verification')),
    onSuccess: () => toast.success(t('verificationSent', { email })),
    onError: toast.problem,
  });
  const change = useMutation({
    mutationFn: (to: { email: string; password: string }) =>
      ask(
        api.PUT('/api/me/email', {
          body: { email: to.email.trim(), ...(to.password && { password: to.password }) },
        }),
      ),
  });
  return (
    <div className={css.form}>
      <Row>
        <strong>{email}</strong>
        {emailVerifiedAt ? (
          <Badge tone="good">{t('isVerified')}</Badge>
        ) : (
          <>
            <Badge tone="warn">{t('notVerified')}</Badge>
            <Button look="secondary" size="small" busy={verify.isPending} onClick={() => verify.mutate()}>
              {t('verifyNow')}
            </Button>
          </>
        )}
      </Row>
      {change.isSuccess ? (
        <Note tone="good" alert>
          {t('addressSent', { email: change.variables.email })}
        </Note>
      ) : (
        <form
          noValidate
          className={css.form}
          onSubmit={form.handleSubmit(async (values) => {
            setRest(undefined);
            await change.mutateAsync(values).catch(async (thrown) =>
              setRest(
                await blame(thrown, form.setError, {
                  invalid_email: 'email',
                  email_taken: 'email',
                  invalid_credentials: ['password', t('wrongPassword')],
                }),
              ),
            );
          })}
        >
          <div className={css.pair}>
            <TextField
              type="email"
              label={t('newAddress')}
              hint={t('newAddressHint')}
              autoComplete="email"
              error={errors.email?.message}
              {...form.register('email', rules.email)}
            />
            {hasPassword && (
              <TextField
                type="password"
                label={t('currentPassword')}
                hint={t('currentPasswordHint')}
                autoComplete="current-password"
                error={errors.password?.message}
                {...form.register('password', rules.password)}
              />
            )}
          </div>
          {rest && <Refusal problem={rest} email={email} />}
          <div>
            <Button type="submit" look="secondary" busy={change.isPending}>
              {t('changeAddress')}
            </Button>
          </div>
        </form>
      )}
    </div>
  );
}

export function Password({ me }: { me: Me }) {
  const { email, hasPassword } = me.profile;
  return hasPassword ? <ChangePassword /> : <FirstPassword email={email} />;
}

/** Whoever has none lets a link be sent that sets one: that shows whose mailbox it is. */
function FirstPassword({ email }: { email: string }) {
  const { t } = useTranslation('account');
  const send = useMutation({
    mutationFn: () => ask(api.POST('/api/links/reset', { body: { email } })),
    onMutate: () => rememberNext('/settings'),
    onError: toast.problem,
  });
  return (
    <div className={css.form}>
      <Soft>{t('noPassword')}</Soft>
      {send.isSuccess ? (
        <Note tone="good" alert>
          {t('resetSent', { email })}
        </Note>
      ) : (
        <div>
          <Button look="secondary" busy={send.isPending} onClick={() => send.mutate()}>
            {t('setPasswordByMail')}
          </Button>
        </div>
      )}
    </div>
  );
}

function ChangePassword() {
  const { t } = useTranslation('account');
  const client = useQueryClient();
  const rules = useRules();
  const form = useForm({ defaultValues: { old: '', new: '' } });
  const { errors } = form.formState;
  const [rest, setRest] = useState<Problem>();
  const change = useMutation({
    mutationFn: (body: { old: string; new: string }) => ask(api.PUT('/api/me/password', { body })),
    // The account is of another version now, and other devices are signed out.
    onSuccess: () =>
      Promise.all([
        client.invalidateQueries({ queryKey: meQuery.queryKey }),
        client.invalidateQueries({ queryKey: ['devices'] }),
      ]),
  });
  return (
    <form
      noValidate
      className={css.form}
      onSubmit={form.handleSubmit(async (values) => {
        setRest(undefined);
        try {
          await change.mutateAsync(values);
          form.reset();
          toast.success(t('passwordChanged'));
        } catch (thrown) {
          setRest(
            await blame(thrown, form.setError, {
              weak_password: 'new',
              invalid_credentials: ['old', t('wrongPassword')],
            }),
          );
        }
      })}
    >
      <Soft>{t('passwordLead')}</Soft>
      <div className={css.pair}>
        <TextField
          type="password"
          label={t('currentPassword')}
          autoComplete="current-password"
          error={errors.old?.message}
          {...form.register('old', rules.password)}
        />
        <TextField
          type="password"
          label={t('newPassword')}
          hint={t('passwordHint')}
          autoComplete="new-password"
          error={errors.new?.message}
          {...form.register('new', rules.newPassword)}
        />
      </div>
      {rest && <ProblemNote error={rest} />}
      <div>
        <Button type="submit" look="secondary" busy={change.isPending}>
          {t('changePassword')}
        </Button>
      </div>
    </form>
  );
}
