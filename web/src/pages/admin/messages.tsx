import { useMutation } from '@tanstack/react-query';
import { Mail, MessageSquare } from 'lucide-react';
import type { ReactNode } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { api, ask, Problem, type Schemas } from '~/api/client';
import { isEmail } from '~/lib/form';
import { useTitle } from '~/lib/title';
import { Button } from '~/ui/button';
import { TextField } from '~/ui/field';
import { Card, Note, Pair, Row, Soft, Stack } from '~/ui/layout';
import { ProblemNote } from '~/ui/states';
import css from './admin.module.css';

/** Whether mail and text messages leave, tried for real. */
export default function Messages() {
  const { t } = useTranslation('admin');
  const { t: common } = useTranslation();
  useTitle(t('sections.messages'));
  return (
    <Stack className={css.page}>
      <div>
        <h1>{t('messages.title')}</h1>
        <Soft>{t('messages.intro')}</Soft>
      </div>
      <Pair>
        <Trial
          icon={<Mail size={20} aria-hidden="true" />}
          title={t('messages.mail')}
          label={t('people.email')}
          hint={t('messages.mailHint')}
          type="email"
          send={t('messages.sendMail')}
          wrong={(to) => (isEmail(to) ? undefined : common('notAnEmail'))}
          run={(to) => ask(api.POST('/api/admin/test/mail', { body: to ? { to } : {} }))}
        />
        <Trial
          icon={<MessageSquare size={20} aria-hidden="true" />}
          title={t('messages.sms')}
          label={t('people.phone')}
          hint={t('messages.smsHint')}
          type="tel"
          send={t('messages.sendSms')}
          wrong={(to) =>
            /^\+[1-9]\d{6,14}$/.test(to.replace(/[\s()/-]/g, '')) ? undefined : t('people.phoneWrong')
          }
          run={(to) => ask(api.POST('/api/admin/test/sms', { body: to ? { to } : {} }))}
        />
      </Pair>
      <p>
        <Link href="/admin/outbox">{t('messages.seeOutbox')}</Link>
      </p>
    </Stack>
  );
}

function Trial({
  icon,
  title,
  label,
  hint,
  type,
  send,
  wrong,
  run,
}: {
  icon: ReactNode;
  title: string;
  label: string;
  hint: string;
  type: 'email' | 'tel';
  send: string;
  wrong: (to: string) => string | undefined;
  run: (to: string) => Promise<Schemas['Trial']>;
}) {
  const { t } = useTranslation('admin');
  const { t: common } = useTranslation();
  const form = useForm<{ to: string }>({ defaultValues: { to: '' } });
  const { errors } = form.formState;
  const trial = useMutation({
    mutationFn: ({ to }: { to: string }) => run(to.trim()),
    onError: (error, { to }) => {
      if (Problem.of(error).status === 422)
        form.setError('to', { message: to.trim() ? t('messages.refused') : t('messages.noneOwn') });
    },
  });
  const beside = trial.error !== null && Problem.of(trial.error).status === 422;
  const result = trial.data;
  return (
    <Card>
      <Stack>
        <Row>
          {icon}
          <h2>{title}</h2>
        </Row>
        <form onSubmit={(event) => void form.handleSubmit((to) => trial.mutate(to))(event)} noValidate>
          <Stack>
            <TextField
              label={`${label} (${common('optional')})`}
              hint={hint}
              type={type}
              autoComplete="off"
              error={errors.to?.message}
              {...form.register('to', { validate: (to) => (to.trim() && wrong(to.trim())) || true })}
            />
            <div>
              <Button type="submit" busy={trial.isPending}>
                {send}
              </Button>
            </div>
          </Stack>
        </form>
        <div role="status">
          {trial.isPending && <Soft>{t('messages.trying')}</Soft>}
          {result?.sent && <Note tone="good">{t('messages.sent', { to: result.to })}</Note>}
          {result && !result.sent && (
            <Note tone="bad">
              <strong>{t('messages.notSent', { to: result.to })}</strong>
              {result.error && <p className={css.mono}>{result.error}</p>}
              <p>{t('messages.notSentStep')}</p>
            </Note>
          )}
          {trial.error && !beside && <ProblemNote error={trial.error} />}
        </div>
      </Stack>
    </Card>
  );
}
