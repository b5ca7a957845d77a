import { useMutation } from '@tanstack/react-query';
import { ChevronDown } from 'lucide-react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { api, ask, type Schemas } from '~/api/client';
import { dateTime, isoDay, timeRange } from '~/lib/format';
import { serverNow } from '~/live/clock';
import { Button } from '~/ui/button';
import { TextField } from '~/ui/field';
import { Note } from '~/ui/layout';
import { ProblemNote } from '~/ui/states';
import css from './book.module.css';
import type { Service } from './queries';
import { useWay } from './way';

type Reason = Schemas['Reason'];

interface Asked {
  date: string;
  time: string;
}

/** Why a time that somebody would like is not among the free ones. */
export function Explain({
  service,
  zone,
  date,
}: {
  service: Service;
  zone: string;
  date: string | undefined;
}) {
  const { t } = useTranslation(['booking', 'common']);
  const way = useWay();
  const words = useReason(zone);
  const today = date ?? isoDay(serverNow(), zone);
  const form = useForm<Asked>({
    values: { date: today, time: '14:00' },
    resetOptions: { keepDirtyValues: true },
  });
  const why = useMutation({
    mutationFn: (asked: Asked) =>
      ask(
        api.GET('/api/services/{service_id}/explain', {
          params: {
            path: { service_id: service.id },
            query: { local: `${asked.date}T${asked.time}`, tz: zone },
          },
        }),
      ),
  });
  const { errors } = form.formState;
  return (
    <details className={css.explain}>
      <summary>
        {t('whyNot')}
        <ChevronDown size={20} aria-hidden="true" />
      </summary>
      <form noValidate onSubmit={form.handleSubmit((asked) => why.mutate(asked))}>
        <TextField
          type="date"
          label={t('date')}
          error={errors.date?.message}
          {...form.register('date', { required: t('common:required') })}
        />
        <TextField
          type="time"
          label={t('time')}
          error={errors.time?.message}
          {...form.register('time', { required: t('common:required') })}
        />
        <Button type="submit" look="secondary" busy={why.isPending}>
          {t('explain')}
        </Button>
      </form>
      <div aria-live="polite">
        {why.error && <ProblemNote error={why.error} />}
        {why.data?.map((found) => (
          <Note
            key={found.startsAt ?? 'none'}
            tone={found.reasons.length === 0 && !found.ownAppointment ? 'good' : 'neutral'}
          >
            {found.startsAt && <strong>{dateTime(found.startsAt, zone)}</strong>}
            <ul>
              {found.reasons.map((reason) => (
                <li key={reason.code}>{words(reason)}</li>
              ))}
              {found.ownAppointment && <li>{t('whyOwn')}</li>}
              {found.reasons.length === 0 && !found.ownAppointment && <li>{t('whyFree')}</li>}
            </ul>
            {found.reasons.length === 0 && !found.ownAppointment && found.startsAt && (
              <Button
                look="secondary"
                size="small"
                onClick={() => way.go({ service: service.id, at: found.startsAt ?? undefined }, true)}
              >
                {t('takeIt')}
              </Button>
            )}
          </Note>
        ))}
      </div>
    </details>
  );
}

function useReason(zone: string) {
  const { t } = useTranslation('booking');
  const span = ({ from, to }: Schemas['Interval']) => timeRange(from, to, zone);
  return (reason: Reason): string => {
    switch (reason.code) {
      case 'past':
        return t('why.past');
      case 'below_notice':
        return t('why.notice', { time: dateTime(reason.earliest, zone) });
      case 'beyond_horizon':
        return t('why.horizon', { time: dateTime(reason.latest, zone) });
      case 'outside_availability':
        return reason.nearest
          ? t('why.hoursNearest', { time: dateTime(reason.nearest.from, zone), span: span(reason.nearest) })
          : t('why.hours');
      case 'closed':
        return t('why.closed');
      case 'does_not_exist':
        return t('why.gap', { from: reason.from, to: reason.to });
      case 'off_grid': {
        const near = [reason.before, reason.after].filter((it): it is string => Boolean(it));
        return near.length > 0
          ? t('why.gridNear', { times: near.map((it) => dateTime(it, zone)).join(' · ') })
          : t('why.grid');
      }
      case 'taken':
        return t('why.taken', { span: span(reason.span) });
      case 'buffer':
        return t('why.buffer', { span: span(reason.span) });
      case 'session_full':
        return t('why.full');
    }
  };
}
