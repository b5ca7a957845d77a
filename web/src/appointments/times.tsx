import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useId } from 'react';
import * as format from '~/lib/format';
import { Loading, ProblemNote, Skeleton } from '~/ui/states';
import css from './appointments.module.css';
import { serviceQuery } from './queries';
import type { Appointment } from './view';

/** The booking's own; heavy, and wanted by few who look at their appointments. */
const SlotPicker = lazy(() => import('~/pages/booking/picker'));

/** The free times of the appointment's service, for moving it there. */
export function Times({
  appointment: { id, serviceId },
  value,
  onChange,
}: {
  appointment: Appointment;
  value: string | undefined;
  onChange: (startsAt: string | undefined) => void;
}) {
  const { data: service, error } = useQuery(serviceQuery(serviceId));
  if (error) return <ProblemNote error={error} />;
  const waiting = (
    <Loading>
      <Skeleton height="20rem" radius="var(--radius-m)" />
    </Loading>
  );
  if (!service) return waiting;
  return (
    <Suspense fallback={waiting}>
      <SlotPicker
        service={service}
        zone={format.ownZone()}
        chosen={value}
        onChoose={({ startsAt }) => onChange(startsAt)}
        moving={id}
      />
    </Suspense>
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
