import { useQuery } from '@tanstack/react-query';
import { ChevronLeft, ChevronRight, Coffee } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useSession } from '~/api/session';
import { agenda, type Entry, nextUp } from '~/expert/agenda';
import { dayQuery } from '~/expert/queries';
import { addDays, dayStart } from '~/expert/zone';
import { clock, day, isoDay, ownZone, relative, time, timeRange, zoneName } from '~/lib/format';
import { useTitle } from '~/lib/title';
import { useServerNow } from '~/live/clock';
import { Button } from '~/ui/button';
import { Badge, Card, Pair, Row, Soft, Stack } from '~/ui/layout';
import { Loading, ProblemState, Skeleton, State } from '~/ui/states';
import css from './expert.module.css';
import { CallActions, StatusBadge } from './parts';
import { WaitingNow } from './waiting';

/** The expert's day: who waits now, what comes next, and the whole of it as a line. */
export default function Today() {
  const { t } = useTranslation('expert');
  const { user } = useSession();
  const zone = user?.tz ?? ownZone();
  const now = useServerNow();
  const today = isoDay(now, zone);
  const [chosen, choose] = useState<string>();
  const date = chosen ?? today;
  const from = dayStart(date, zone);
  const to = dayStart(addDays(date, 1), zone);
  const { data, error, isPending } = useQuery(dayQuery(from, to));
  useTitle(t('sections.today'));
  const shown = date === today ? undefined : date;
  const go = (days: number) => {
    const next = addDays(date, days);
    choose(next === today ? undefined : next);
  };
  const entries = agenda(data?.items ?? [], now, [from, to]);
  return (
    <Stack className={css.page}>
      <Row spread>
        <div>
          <h1>{shown ? day(from, zone) : t('today.title')}</h1>
          <Soft>
            {!shown && `${day(now, zone)} · `}
            {zoneName(now, zone)}
          </Soft>
        </div>
        <Row>
          <Button look="secondary" aria-label={t('today.dayBefore')} onClick={() => go(-1)}>
            <ChevronLeft size={20} />
          </Button>
          <Button look="secondary" disabled={!shown} onClick={() => choose(undefined)}>
            {t('sections.today')}
          </Button>
          <Button look="secondary" aria-label={t('today.dayAfter')} onClick={() => go(1)}>
            <ChevronRight size={20} />
          </Button>
        </Row>
      </Row>
      {!shown && (
        <Pair>
          <WaitingNow />
          <NextUp appointments={data?.items} now={now} zone={zone} />
        </Pair>
      )}
      <Card>
        <h2>{t('today.timeline')}</h2>
        {isPending && (
          <Loading>
            <Skeleton height="4.5rem" radius="var(--radius-s)" />
            <Skeleton height="4.5rem" radius="var(--radius-s)" />
            <Skeleton height="4.5rem" radius="var(--radius-s)" />
          </Loading>
        )}
        {error && <ProblemState error={error} />}
        {data && data.items.length === 0 && (
          <State icon={<Coffee size={40} />} title={t('today.empty')}>
            <p>{t('today.emptyText')}</p>
          </State>
        )}
        {data && data.items.length > 0 && (
          <ol className={css.line}>
            {entries.map((entry) => (
              <Line key={entry.key} entry={entry} zone={zone} now={now} />
            ))}
          </ol>
        )}
      </Card>
    </Stack>
  );
}

function Line({ entry, zone, now }: { entry: Entry; zone: string; now: number }) {
  const { t } = useTranslation('expert');
  const { t: common } = useTranslation();
  if (entry.kind === 'now')
    return (
      <li className={css.now} aria-current="time">
        <span>{t('today.now', { time: time(entry.at, zone) })}</span>
      </li>
    );
  if (entry.kind === 'gap') {
    const minutes = Math.round((entry.to - entry.from) / 60_000);
    const length =
      minutes < 60
        ? common('minutes', { count: minutes })
        : t('today.hours', { time: clock(minutes * 1000) });
    return (
      <li className={css.gap}>{t('today.free', { range: timeRange(entry.from, entry.to, zone), length })}</li>
    );
  }
  const { appointment, when } = entry;
  return (
    <li className={css.entry} data-when={when}>
      <div className={css.times}>
        <strong>{time(appointment.startsAt, zone)}</strong>
        <span>{time(appointment.endsAt, zone)}</span>
      </div>
      <div className={css.what}>
        <Row>
          <strong>{appointment.customerName ?? t('someone')}</strong>
          {when === 'now' && <Badge tone="accent">{t('today.goesOn')}</Badge>}
          <StatusBadge status={appointment.status} />
        </Row>
        <Soft small>{appointment.title}</Soft>
        {appointment.note && <p className={css.words}>{appointment.note}</p>}
        {when === 'next' && <Soft small>{relative(appointment.startsAt, now)}</Soft>}
        <CallActions appointment={appointment} />
      </div>
    </li>
  );
}

function NextUp({
  appointments,
  now,
  zone,
}: {
  appointments: Parameters<typeof nextUp>[0] | undefined;
  now: number;
  zone: string;
}) {
  const { t } = useTranslation('expert');
  const next = nextUp(appointments ?? [], now);
  return (
    <Card>
      <h2>{t('today.nextUp')}</h2>
      {!appointments && <Skeleton height="6rem" radius="var(--radius-s)" />}
      {appointments && !next && <Soft>{t('today.nothingNext')}</Soft>}
      {next && (
        <Stack className={css.tight}>
          <p className={css.big}>{next.customerName ?? t('someone')}</p>
          <Soft>
            {next.title} · {timeRange(next.startsAt, next.endsAt, zone)}
          </Soft>
          <p>
            <Badge tone={Date.parse(next.startsAt) <= now ? 'accent' : 'neutral'}>
              {Date.parse(next.startsAt) <= now
                ? t('today.began', { when: relative(next.startsAt, now) })
                : t('today.begins', { when: relative(next.startsAt, now) })}
            </Badge>
          </p>
          <CallActions appointment={next} large />
        </Stack>
      )}
    </Card>
  );
}
