import { useMutation, useQueryClient } from '@tanstack/react-query';
import { CalendarClock, CalendarX2, DoorClosed, Hourglass, UserX } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { api, ask } from '~/api/client';
import { clock, dateTime, shortDay, time, timeRange } from '~/lib/format';
import { useServerNow } from '~/live/clock';
import { Button, ButtonLink } from '~/ui/button';
import { Badge } from '~/ui/layout';
import { ProblemNote, State } from '~/ui/states';
import type { Appointment, Door } from './access';
import css from './prejoin.module.css';

/** Why there is no way in, and where to go from here. */
export function Shut({
  door,
  appointment,
}: {
  door: Exclude<Door, 'open' | 'early'>;
  appointment: Appointment;
}) {
  const { t } = useTranslation('call');
  const icons = {
    unconfirmed: <Hourglass size={40} />,
    called_off: <CalendarX2 size={40} />,
    closed: <DoorClosed size={40} />,
    over: <DoorClosed size={40} />,
  };
  return (
    <div data-state={door}>
      <State
        level={1}
        icon={icons[door]}
        title={t(`shut.${door}.title`)}
        actions={
          <>
            <ButtonLink href={`/appointments/${appointment.id}`}>{t('toAppointment')}</ButtonLink>
            {door !== 'unconfirmed' && (
              <ButtonLink href={`/experts/${appointment.expertId}`} look="secondary">
                {t('bookAgain')}
              </ButtonLink>
            )}
          </>
        }
      >
        <p>{t(`shut.${door}.words`, { time: dateTime(appointment.window.closesAt) })}</p>
      </State>
    </div>
  );
}

export function Removed() {
  const { t } = useTranslation('call');
  return (
    <div data-state="removed">
      <State
        level={1}
        icon={<UserX size={40} />}
        title={t('removed.title')}
        actions={<ButtonLink href="/appointments">{t('toAppointments')}</ButtonLink>}
      >
        <p>{t('removed.words')}</p>
      </State>
    </div>
  );
}

/** Which call this is. */
export function About({ appointment, level = 'h1' }: { appointment: Appointment; level?: 'h1' | 'h2' }) {
  const { t } = useTranslation('call');
  const Heading = level;
  const { startsAt, endsAt, expertName, customerName, seats } = appointment;
  const host = seats.some(({ own, role }) => own && role === 'host');
  const other = host ? customerName : expertName;
  return (
    <div className={css.about}>
      <Heading>{appointment.title}</Heading>
      <p className={css.facts}>
        {other && <span>{t('pre.with', { name: other })}</span>}
        <span className={css.fact}>
          <CalendarClock size={18} aria-hidden="true" />
          {shortDay(startsAt)}, {timeRange(startsAt, endsAt)}
        </span>
      </p>
    </div>
  );
}

/** Before the window: counts down by the server's clock, and gives way by itself. */
export function Countdown({ appointment }: { appointment: Appointment }) {
  const { t } = useTranslation('call');
  const client = useQueryClient();
  const now = useServerNow();
  const opens = Date.parse(appointment.window.opensAt);
  const left = opens - now;
  const day = 86_400_000;
  const early = useMutation({
    mutationFn: () =>
      ask(
        api.POST('/api/appointments/{appointment_id}/open', {
          params: { path: { appointment_id: appointment.id } },
        }),
      ),
    onSuccess: () => void client.invalidateQueries({ queryKey: ['appointment'] }),
  });
  return (
    <div className={css.about} data-state="early">
      <Badge tone="warn">{t('early.badge')}</Badge>
      <p className={css.countdown} role="timer" aria-label={t('early.opensIn')}>
        {left > day ? t('early.days', { count: Math.floor(left / day) }) : clock(left)}
      </p>
      <p>{t('early.words', { time: left > day / 2 ? dateTime(opens) : time(opens) })}</p>
      {appointment.actions.includes('open_early') && (
        <Button busy={early.isPending} onClick={() => early.mutate()}>
          {t('early.openNow')}
        </Button>
      )}
      {early.error && <ProblemNote error={early.error} />}
      <Tell at={left} />
    </div>
  );
}

/** A word for screen readers when little is left; the countdown itself would never be quiet. */
function Tell({ at }: { at: number }) {
  const { t } = useTranslation('call');
  const minutes = Math.ceil(at / 60_000);
  return (
    <p className="visually-hidden" role="status">
      {minutes <= 5 ? t('early.minutes', { count: minutes }) : ''}
    </p>
  );
}
