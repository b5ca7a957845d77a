import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { wrongUrl } from '~/admin/address';
import { webhooksQuery } from '~/admin/queries';
import { api, ask, Problem } from '~/api/client';
import { Button } from '~/ui/button';
import { Dialog } from '~/ui/dialog';
import { Checkbox, TextField } from '~/ui/field';
import { Note, Stack } from '~/ui/layout';
import { ProblemNote, Skeleton } from '~/ui/states';
import { toast } from '~/ui/toast';
import ui from '~/ui/ui.module.css';
import css from './admin.module.css';
import type { Webhook } from './webhooks';

const LONGEST = 2048;

/** Sets up a webhook, or changes one. */
export function WebhookDialog({
  webhook,
  onClose,
  onSecret,
}: {
  webhook: Webhook | undefined;
  onClose: () => void;
  onSecret: (secret: string) => void;
}) {
  const { t } = useTranslation('admin');
  const { t: common } = useTranslation();
  const client = useQueryClient();
  const known = useQuery({
    queryKey: ['webhooks', 'events'],
    queryFn: () => ask(api.GET('/api/admin/webhooks/events')),
    staleTime: Number.POSITIVE_INFINITY,
  });
  const [events, choose] = useState<readonly string[]>(webhook?.events ?? ['*']);
  const [tried, setTried] = useState(false);
  const form = useForm<{ url: string }>({ defaultValues: { url: webhook?.url ?? '' } });
  const { errors } = form.formState;
  const save = useMutation({
    mutationFn: async ({ url }: { url: string }): Promise<string | undefined> => {
      const body = { url: url.trim(), events: [...events] };
      if (!webhook) return (await ask(api.POST('/api/admin/webhooks', { body }))).secret;
      const params = { path: { webhook_id: webhook.id } };
      await ask(api.PATCH('/api/admin/webhooks/{webhook_id}', { params, body }));
      return undefined;
    },
    onSuccess: (secret) => {
      void client.invalidateQueries({ queryKey: webhooksQuery.queryKey });
      toast.success(t('webhooks.saved'));
      onClose();
      if (secret) onSecret(secret);
    },
    onError: (error) => {
      const problem = Problem.of(error);
      if (problem.text('field') === 'url') form.setError('url', { message: t('webhooks.wrong.refused') });
    },
  });
  const all = events.includes('*');
  const groups = [...new Set((known.data ?? []).map((event) => event.split('.')[0] ?? event))];
  const has = (event: string) => all || events.includes(event) || events.includes(`${event.split('.')[0]}.*`);
  const turn = (event: string, on: boolean) => {
    // What was meant by a group or by all is spelt out as soon as one of it is left out.
    const chosen = (known.data ?? []).filter((one) => (one === event ? on : has(one)));
    choose(chosen.length === known.data?.length ? ['*'] : chosen);
  };
  const none = events.length === 0;
  const submit = form.handleSubmit((written) => {
    setTried(true);
    if (!none) save.mutate(written);
  });
  const beside = save.error && Problem.of(save.error).text('field') === 'url';
  return (
    <Dialog
      open
      onClose={onClose}
      title={t(webhook ? 'webhooks.edit' : 'webhooks.new')}
      actions={
        <>
          <Button look="secondary" onClick={onClose}>
            {common('cancel')}
          </Button>
          <Button busy={save.isPending} onClick={() => void submit()}>
            {webhook ? common('save') : t('webhooks.create')}
          </Button>
        </>
      }
    >
      <form onSubmit={(event) => void submit(event)} noValidate>
        <Stack>
          <TextField
            label={t('webhooks.url')}
            type="url"
            hint={t('webhooks.urlHint')}
            placeholder="https://example.org/hook"
            error={errors.url?.message}
            {...form.register('url', {
              required: common('required'),
              maxLength: { value: LONGEST, message: common('tooLong', { count: LONGEST }) },
              validate: (text) => {
                const wrong = wrongUrl(text);
                return wrong ? t(`webhooks.wrong.${wrong}`) : true;
              },
            })}
          />
          <Checkbox
            label={t('webhooks.allEvents')}
            hint={t('webhooks.allEventsHint')}
            checked={all}
            onChange={(event) => choose(event.target.checked ? ['*'] : (known.data ?? []).slice(0, 1))}
          />
          {known.isPending && <Skeleton height="10rem" radius="var(--radius-s)" />}
          {known.error && <ProblemNote error={known.error} />}
          {!all &&
            groups.map((group) => (
              <fieldset key={group} className={css.choices}>
                <legend>{t(`eventGroup.${group as 'appointment'}`)}</legend>
                {known.data
                  ?.filter((event) => event.startsWith(`${group}.`))
                  .map((event) => (
                    <div key={event} className={ui.check}>
                      <input
                        id={`event-${event}`}
                        type="checkbox"
                        checked={has(event)}
                        onChange={(change) => turn(event, change.target.checked)}
                      />
                      <label htmlFor={`event-${event}`} className={css.mono}>
                        {event}
                      </label>
                    </div>
                  ))}
              </fieldset>
            ))}
          {none && tried && (
            <Note tone="bad" alert>
              {t('webhooks.wrong.noEvents')}
            </Note>
          )}
          {save.error && !beside && <ProblemNote error={save.error} />}
        </Stack>
      </form>
    </Dialog>
  );
}
