import { useMutation } from '@tanstack/react-query';
import { Download } from 'lucide-react';
import { useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { useLocation } from 'wouter';
import { api, ask, type Problem } from '~/api/client';
import { blame, useRules } from '~/lib/form';
import { Button, ButtonAnchor } from '~/ui/button';
import { Dialog } from '~/ui/dialog';
import { TextField } from '~/ui/field';
import { Soft } from '~/ui/layout';
import { toast } from '~/ui/toast';
import { useFarewell } from '../session';
import type { Me } from './me';
import { Refusal } from './secrets';
import css from './settings.module.css';

export function Data({ me }: { me: Me }) {
  const { t } = useTranslation('account');
  const [asked, setAsked] = useState(false);
  return (
    <div className={css.form}>
      <div className={css.rule}>
        <div>
          <h3>{t('export')}</h3>
          <Soft>{t('exportText')}</Soft>
        </div>
        <ButtonAnchor look="secondary" href="/api/me/export" download>
          <Download size={18} aria-hidden="true" />
          {t('download')}
        </ButtonAnchor>
      </div>
      <div className={css.rule}>
        <div>
          <h3>{t('erase')}</h3>
          <Soft>{t('eraseText')}</Soft>
        </div>
        <Button look="danger" onClick={() => setAsked(true)}>
          {t('eraseButton')}
        </Button>
      </div>
      <Dialog open={asked} onClose={() => setAsked(false)} title={t('eraseTitle')}>
        <Farewell me={me} onClose={() => setAsked(false)} />
      </Dialog>
    </div>
  );
}

/** Nobody gives an account up by a slip of the finger: the address is typed first. */
function Farewell({ me, onClose }: { me: Me; onClose: () => void }) {
  const { t } = useTranslation(['account', 'common']);
  const rules = useRules();
  const { email, hasPassword } = me.profile;
  const form = useForm({ defaultValues: { email: '', password: '' } });
  const { errors } = form.formState;
  const farewell = useFarewell();
  const [, go] = useLocation();
  const [rest, setRest] = useState<Problem>();
  const erase = useMutation({
    mutationFn: (password: string) => ask(api.DELETE('/api/me', { body: password ? { password } : {} })),
    onSuccess: () => {
      go('/', { replace: true });
      farewell();
      toast.success(t('erased'));
    },
  });
  return (
    <form
      noValidate
      className={css.form}
      onSubmit={form.handleSubmit(async ({ password }) => {
        setRest(undefined);
        await erase
          .mutateAsync(password)
          .catch(async (thrown) =>
            setRest(
              await blame(thrown, form.setError, { invalid_credentials: ['password', t('wrongPassword')] }),
            ),
          );
      })}
    >
      <p>{t('eraseWarning')}</p>
      <TextField
        type="email"
        label={t('eraseType', { email })}
        autoComplete="off"
        error={errors.email?.message}
        {...form.register('email', {
          validate: (text) => text.trim().toLowerCase() === email.toLowerCase() || t('eraseWrong'),
        })}
      />
      {hasPassword && (
        <TextField
          type="password"
          label={t('currentPassword')}
          autoComplete="current-password"
          error={errors.password?.message}
          {...form.register('password', rules.password)}
        />
      )}
      {rest && <Refusal problem={rest} email={email} />}
      <div className={css.ends}>
        <Button look="secondary" onClick={onClose}>
          {t('common:cancel')}
        </Button>
        <Button type="submit" look="danger" busy={erase.isPending}>
          {t('eraseForGood')}
        </Button>
      </div>
    </form>
  );
}
