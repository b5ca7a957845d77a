import { useMutation, useQueryClient } from '@tanstack/react-query';
import { ArrowLeft } from 'lucide-react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { useLocation } from 'wouter';
import { api, ask, ifMatch, type Schemas } from '~/api/client';
import {
  BOUNDS,
  formOf,
  NEW_SERVICE,
  type NumberField,
  type ServiceForm,
  serviceOf,
  wrongNumber,
} from '~/expert/service-form';
import { useRules } from '~/lib/form';
import { useTitle } from '~/lib/title';
import { Unsaved } from '~/lib/unsaved';
import { Button, ButtonLink } from '~/ui/button';
import { Checkbox, Select, TextArea, TextField } from '~/ui/field';
import { Card, Row, Stack } from '~/ui/layout';
import { ProblemNote } from '~/ui/states';
import { toast } from '~/ui/toast';
import css from './expert.module.css';

const LONGEST_TITLE = 200;
const LONGEST_TEXT = 5000;

/** One service; without one, a new one. */
export function ServiceEditor({ service }: { service?: Schemas['Service'] }) {
  const { t } = useTranslation('expert');
  const { t: common } = useTranslation();
  const rules = useRules();
  const client = useQueryClient();
  const [, navigate] = useLocation();
  const form = useForm<ServiceForm>({ defaultValues: service ? formOf(service) : NEW_SERVICE });
  const { errors, isDirty, isSubmitSuccessful } = form.formState;
  const title = service ? t('services.edit', { title: service.title }) : t('services.new');
  useTitle(title);
  const save = useMutation({
    mutationFn: (written: ServiceForm) => {
      const body = serviceOf(written);
      return service
        ? ask(
            api.PUT('/api/services/{service_id}', {
              params: { path: { service_id: service.id }, header: ifMatch(service.version) },
              body,
            }),
          )
        : ask(api.POST('/api/services', { body }));
    },
    onSuccess: async (stored) => {
      await client.invalidateQueries({ queryKey: ['services'] });
      void client.invalidateQueries({ queryKey: ['slots'] });
      toast.success(t('services.saved', { title: stored.title }));
      navigate('/expert/services');
    },
  });
  const number = (field: NumberField) => {
    const { min, max } = BOUNDS[field];
    return (
      <TextField
        label={t(`services.field.${field}`)}
        hint={t(`services.hint.${field}`)}
        inputMode="numeric"
        error={errors[field]?.message}
        {...form.register(field, {
          validate: (written) => {
            const wrong = wrongNumber(field, written);
            return wrong ? t(`services.wrong.${wrong}`, { min, max }) : true;
          },
        })}
      />
    );
  };
  return (
    <Stack className={css.page}>
      <Unsaved dirty={isDirty && !(isSubmitSuccessful && save.isSuccess)} />
      <div>
        <ButtonLink href="/expert/services" look="quiet" size="small">
          <ArrowLeft size={18} aria-hidden="true" />
          {t('services.all')}
        </ButtonLink>
        <h1>{title}</h1>
      </div>
      <form onSubmit={(event) => void form.handleSubmit((written) => save.mutate(written))(event)} noValidate>
        <Stack className={css.page}>
          <Card>
            <h2>{t('services.part.what')}</h2>
            <Stack>
              <TextField
                label={t('services.field.title')}
                error={errors.title?.message}
                {...form.register('title', rules.text(LONGEST_TITLE))}
              />
              <TextArea
                label={`${t('services.field.description')} (${common('optional')})`}
                hint={t('services.hint.description')}
                error={errors.description?.message}
                {...form.register('description', rules.free(LONGEST_TEXT))}
              />
              <div className={css.grid}>
                {number('durationMin')}
                {number('capacity')}
              </div>
            </Stack>
          </Card>
          <Card>
            <h2>{t('services.part.booking')}</h2>
            <Stack>
              <Select label={t('services.field.approval')} {...form.register('approval')}>
                <option value="manual">{t('services.approval.manual')}</option>
                <option value="auto">{t('services.approval.auto')}</option>
              </Select>
              <Checkbox
                label={t('services.field.reapprove')}
                hint={t('services.hint.reapprove')}
                {...form.register('reapprove')}
              />
              <div className={css.grid}>
                {number('minNoticeMin')}
                {number('horizonDays')}
                {number('cancelNoticeMin')}
                {number('rescheduleNoticeMin')}
              </div>
            </Stack>
          </Card>
          <Card>
            <h2>{t('services.part.times')}</h2>
            <div className={css.grid}>
              {number('stepMin')}
              {number('bufferBeforeMin')}
              {number('bufferAfterMin')}
            </div>
          </Card>
          <Card>
            <h2>{t('services.part.room')}</h2>
            <Stack>
              <Select
                label={t('services.field.lobby')}
                hint={t('services.hint.lobby')}
                {...form.register('lobby')}
              >
                <option value="on">{t('services.lobby.on')}</option>
                <option value="until_start">{t('services.lobby.until_start')}</option>
                <option value="off">{t('services.lobby.off')}</option>
              </Select>
              <div className={css.grid}>
                {number('openBeforeMin')}
                {number('closeAfterMin')}
                <Select
                  label={t('services.field.closeAnchor')}
                  hint={t('services.hint.closeAnchor')}
                  {...form.register('closeAnchor')}
                >
                  <option value="">{t('services.anchor.asServer')}</option>
                  <option value="end">{t('services.anchor.end')}</option>
                  <option value="start">{t('services.anchor.start')}</option>
                </Select>
              </div>
              <Checkbox
                label={t('services.field.keepChat')}
                hint={t('services.hint.keepChat')}
                {...form.register('keepChat')}
              />
            </Stack>
          </Card>
          {save.error && <ProblemNote error={save.error} />}
          <Row>
            <Button type="submit" busy={save.isPending}>
              {service ? common('save') : t('services.create')}
            </Button>
            <ButtonLink href="/expert/services" look="secondary">
              {common('cancel')}
            </ButtonLink>
          </Row>
        </Stack>
      </form>
    </Stack>
  );
}
