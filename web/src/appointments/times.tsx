import { useQuery } from '@tanstack/react-query';
import { useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask } from '~/api/client';
import * as format from '~/lib/format';
import { serverNow } from '~/live/clock';
import { Button } from '~/ui/button';
import { Note } from '~/ui/layout';
import { Loading, ProblemNote, Skeleton } from '~/ui/states';
import css from './appointments.module.css';
import type { Appointment } from './view';

const DAY = 86_400_000;
/** As far as one look goes. */
const STRETCH = 14 * DAY;

/** The free times of the appointment's service, by day, for moving it there. */
export function Times({
  appointment: { id, serviceId },
  value,
  onChange,
}: {
  appointment: Appointment;
  value: string | undefined;
  onChange: (startsAt: string | undefined) => void;
}) {
  const { t } = useTranslation(['appointments', 'common']);
  const [start] = useState(() => Math.floor(serverNow() / 60_000) * 60_000);
  const [stretch, setStretch] = useState(0);
  const tz = format.ownZone();
  const from = start + stretch * STRETCH;
  const query = {
    from: new Date(from).toISOString(),
    to: new Date(from + STRETCH).toISOString(),
    tz,
    moving: id,
  };
  const { data, error, isPending } = useQuery({
    queryKey: ['slots', serviceId, query],
    queryFn: () =>
      ask(
        api.GET('/api/services/{service_id}/slots', { params: { path: { service_id: serviceId }, query } }),
      ),
  });
  const turn = (by: number) => {
    setStretch(stretch + by);
    onChange(undefined);
  };
  return (
    <div>
      <div className={css.pager}>
        <Button look="secondary" size="small" disabled={stretch === 0} onClick={() => turn(-1)}>
          {t('earlier')}
        </Button>
        <span aria-live="polite">
          {format.shortDay(from, tz)} – {format.shortDay(from + STRETCH - DAY, tz)}
        </span>
        <Button look="secondary" size="small" onClick={() => turn(1)}>
          {t('later')}
        </Button>
      </div>
      {isPending && (
        <Loading>
          <Skeleton height="10rem" />
        </Loading>
      )}
      {error && <ProblemNote error={error} />}
      {data && <TimesByDay slots={data.slots} zone={data.tz} value={value} onChange={onChange} />}
      {data?.slots.length === 0 && <Note>{t('noTimes')}</Note>}
    </div>
  );
}

interface Start {
  startsAt: string;
}

/** Times to choose one of, under the day that they are on. */
export function TimesByDay({
  slots,
  zone,
  value,
  onChange,
}: {
  slots: readonly Start[];
  zone: string;
  value: string | undefined;
  onChange: (startsAt: string) => void;
}) {
  const name = useId();
  const days = new Map<string, Start[]>();
  for (const slot of slots) {
    const date = format.isoDay(slot.startsAt, zone);
    days.set(date, [...(days.get(date) ?? []), slot]);
  }
  return (
    <div className={css.days}>
      {[...days].map(([date, starts]) => (
        <fieldset key={date} className={css.day}>
          <legend>{format.day(starts[0]?.startsAt ?? date, zone)}</legend>
          {starts.map(({ startsAt }) => (
            <label key={startsAt} className={css.slot}>
              <input
                type="radio"
                name={name}
                className="visually-hidden"
                checked={value === startsAt}
                onChange={() => onChange(startsAt)}
              />
              <span>{format.time(startsAt, zone)}</span>
            </label>
          ))}
        </fieldset>
      ))}
    </div>
  );
}
