import { useMutation, useQuery } from '@tanstack/react-query';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { Link } from 'wouter';
import { api, ask, type Schemas } from '~/api/client';
import { servicesQuery } from '~/expert/queries';
import { dateTime, isoDay, shortDay, time, timeRange } from '~/lib/format';
import { serverNow } from '~/live/clock';
import { Button } from '~/ui/button';
import { Select, TextField } from '~/ui/field';
import { Card, Note, Soft, Stack } from '~/ui/layout';
import { ProblemNote } from '~/ui/states';
import css from './expert.module.css';

type Reason = Schemas['Reason'];

interface Form {
  service: string;
  date: string;
  time: string;
}

/** "Why is 14:00 not offered?" */
export function Explainer({ zone, dirty }: { zone: string; dirty: boolean }) {
  const { t } = useTranslation('expert');
  const { t: common } = useTranslation();
  const { data: services } = useQuery(servicesQuery);
  const form = useForm<Form>({
    defaultValues: { service: '', date: isoDay(serverNow(), zone), time: '14:00' },
  });
  const { errors } = form.formState;
  const explain = useMutation({
    mutationFn: ({ service, date, time: clock }: Form) =>
      ask(
        api.GET('/api/services/{service_id}/explain', {
          params: {
            path: { service_id: service || (services?.[0]?.id ?? '') },
            query: { local: `${date}T${clock}`, tz: zone },
          },
        }),
      ),
  });
  if (services && services.length === 0) return null;
  return (
    <Card>
      <h2>{t('explain.title')}</h2>
      <form onSubmit={(event) => void form.handleSubmit((asked) => explain.mutate(asked))(event)} noValidate>
        <Stack>
          <Soft>{t('explain.intro')}</Soft>
          <div className={css.grid}>
            <Select label={t('preview.service')} {...form.register('service')}>
              {services?.map((service) => (
                <option key={service.id} value={service.id}>
                  {service.title}
                </option>
              ))}
            </Select>
            <TextField
              label={t('decision.date')}
              type="date"
              error={errors.date?.message}
              {...form.register('date', { required: common('required') })}
            />
            <TextField
              label={t('decision.time')}
              type="time"
              error={errors.time?.message}
              {...form.register('time', { required: common('required') })}
            />
          </div>
          <div>
            <Button type="submit" look="secondary" busy={explain.isPending}>
              {t('explain.ask')}
            </Button>
          </div>
        </Stack>
      </form>
      <div role="status" className={css.answer}>
        {explain.error && <ProblemNote error={explain.error} />}
        {explain.data?.map((why) => (
          <Note key={why.startsAt ?? 'none'} tone={why.reasons.length === 0 ? 'good' : 'warn'}>
            <strong>
              {why.startsAt
                ? t(why.reasons.length === 0 ? 'explain.offered' : 'explain.notOffered', {
                    when: dateTime(why.startsAt, zone),
                  })
                : t('explain.noSuchTime')}
            </strong>
            {why.reasons.length > 0 && (
              <ul>
                {why.reasons.map((reason) => (
                  <li key={JSON.stringify(reason)}>
                    <Words reason={reason} zone={zone} />
                  </li>
                ))}
              </ul>
            )}
            {why.ownAppointment && (
              <p>
                <Link href={`/appointments/${why.ownAppointment}`}>{t('explain.seeAppointment')}</Link>
              </p>
            )}
          </Note>
        ))}
        {explain.data && dirty && <Soft small>{t('explain.asStored')}</Soft>}
      </div>
    </Card>
  );
}

function Words({ reason, zone }: { reason: Reason; zone: string }) {
  const { t } = useTranslation('expert');
  const span = (of: { from: string; to: string }) =>
    `${shortDay(of.from, zone)}, ${timeRange(of.from, of.to, zone)}`;
  switch (reason.code) {
    case 'below_notice':
      return t('explain.why.below_notice', { when: dateTime(reason.earliest, zone) });
    case 'beyond_horizon':
      return t('explain.why.beyond_horizon', { when: dateTime(reason.latest, zone) });
    case 'outside_availability':
      return reason.nearest
        ? t('explain.why.outside_availability', { span: span(reason.nearest) })
        : t('explain.why.outside_availability_at_all');
    case 'closed':
      return reason.note
        ? t('explain.why.closed_note', { date: shortDay(reason.date, 'UTC'), note: reason.note })
        : t('explain.why.closed', { date: shortDay(reason.date, 'UTC') });
    case 'does_not_exist':
      return t('explain.why.does_not_exist', { at: dateTime(reason.at, zone) });
    case 'off_grid': {
      const near = [reason.before, reason.after].filter((at) => at != null).map((at) => time(at, zone));
      return near.length > 0
        ? t('explain.why.off_grid', { near: near.join(', ') })
        : t('explain.why.off_grid_at_all');
    }
    case 'taken':
      return t('explain.why.taken', { span: span(reason.span) });
    case 'buffer':
      return t('explain.why.buffer', { span: span(reason.span) });
    case 'past':
    case 'session_full':
      return t(`explain.why.${reason.code}`);
  }
}
