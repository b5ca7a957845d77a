import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { api, ask, type Schemas } from '~/api/client';
import { dateTime } from '~/lib/format';
import { useTitle } from '~/lib/title';
import { Button } from '~/ui/button';
import { TextField } from '~/ui/field';
import { Card, Note, Soft, Stack } from '~/ui/layout';
import { Loading, ProblemNote, ProblemState } from '~/ui/states';
import { toast } from '~/ui/toast';
import css from './admin.module.css';

type Policy = Schemas['RetentionPolicy'];

const MOST_DAYS = 36_500;
const KEY = ['retention'] as const;

/** How long each class of data is kept. */
export default function Retention() {
  const { t } = useTranslation('admin');
  useTitle(t('sections.retention'));
  const { data, error, isPending, refetch } = useQuery({
    queryKey: KEY,
    queryFn: () => ask(api.GET('/api/admin/retention')),
  });
  return (
    <Stack className={css.page}>
      <div>
        <h1>{t('retention.title')}</h1>
        <Soft>{t('retention.intro')}</Soft>
      </div>
      {isPending && <Loading />}
      {error && <ProblemState error={error} retry={() => void refetch()} />}
      {data && (
        <>
          <Note tone="warn">{t('retention.warning')}</Note>
          <Card>
            {data.map((policy) => (
              <One key={`${policy.class}${policy.keepDays}`} policy={policy} />
            ))}
          </Card>
        </>
      )}
    </Stack>
  );
}

function One({ policy }: { policy: Policy }) {
  const { t } = useTranslation('admin');
  const { t: common } = useTranslation();
  const client = useQueryClient();
  const name = t(`dataClass.${policy.class}.name`);
  const form = useForm<{ days: string }>({ defaultValues: { days: String(policy.keepDays) } });
  const { errors, isDirty } = form.formState;
  const save = useMutation({
    mutationFn: ({ days }: { days: string }) =>
      ask(api.PUT('/api/admin/retention', { body: { class: policy.class, keepDays: Number(days.trim()) } })),
    onSuccess: (all) => {
      client.setQueryData(KEY, all);
      toast.success(t('retention.saved', { name }));
    },
  });
  const kept = (days: number) => (days === 0 ? t('retention.forever') : t('retention.days', { count: days }));
  return (
    <section className={css.keep} aria-label={name}>
      <div>
        <h2>{name}</h2>
        <Soft>{t(`dataClass.${policy.class}.what`)}</Soft>
        <Soft small>
          {t('retention.now', { kept: kept(policy.keepDays) })} ·{' '}
          {t('retention.default', { kept: kept(policy.defaultDays) })}
          {policy.updatedAt && ` · ${t('retention.changed', { when: dateTime(policy.updatedAt) })}`}
        </Soft>
      </div>
      <div>
        <form onSubmit={(event) => void form.handleSubmit((days) => save.mutate(days))(event)} noValidate>
          <TextField
            label={t('retention.keepDays')}
            hint={policy.mayStay ? t('retention.zeroHint') : undefined}
            inputMode="numeric"
            error={errors.days?.message}
            {...form.register('days', {
              validate: (written) => {
                const text = written.trim();
                if (!/^\d{1,6}$/.test(text) || Number(text) > MOST_DAYS)
                  return t('retention.wrong', { most: MOST_DAYS });
                return policy.mayStay || Number(text) > 0 || t('retention.notForever');
              },
            })}
          />
          <Button type="submit" look="secondary" disabled={!isDirty} busy={save.isPending}>
            {common('save')}
            <span className="visually-hidden"> {name}</span>
          </Button>
        </form>
        {save.error && <ProblemNote error={save.error} />}
      </div>
    </section>
  );
}
