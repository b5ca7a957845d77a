import { CalendarDate, endOfMonth, parseDate, startOfMonth } from '@internationalized/date';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { CalendarX, ChevronLeft, ChevronRight } from 'lucide-react';
import { useEffect, useState } from 'react';
import {
  Calendar,
  CalendarCell,
  CalendarGrid,
  CalendarGridBody,
  CalendarGridHeader,
  CalendarHeaderCell,
  Heading,
  I18nProvider,
  Button as Step,
} from 'react-aria-components';
import { useTranslation } from 'react-i18next';
import { locale } from '~/i18n';
import { day as dayName, isoDay } from '~/lib/format';
import { serverNow } from '~/live/clock';
import { Button } from '~/ui/button';
import { ProblemState, Skeleton, State } from '~/ui/states';
import css from './picker.module.css';
import { type OfferedSlot, type Service, slotsQuery } from './queries';
import { byDay, byPart, fewer } from './times';

export interface SlotPickerProps {
  service: Service;
  /** The zone in which times are read. */
  zone: string;
  /** The chosen start as ISO 8601. */
  chosen: string | undefined;
  onChoose: (slot: OfferedSlot) => void;
  /** Another zone in which the times are shown as well. */
  alsoIn?: string | undefined;
  /** An appointment that is to be moved: its own time does not stand in its way. */
  moving?: string | undefined;
  /** Told of the day that is looked at. */
  onDay?: (date: string) => void;
}

/** Days with free slots, and the free times of one of them. Heavy: load it lazily. */
export default function SlotPicker(props: SlotPickerProps) {
  const { service, zone, chosen, moving, onDay } = props;
  const { t } = useTranslation('booking');
  const today = parseDate(isoDay(serverNow(), zone));
  const last = parseDate(isoDay(serverNow() + service.horizonDays * 86_400_000, zone));
  const [picked, setPicked] = useState<string>();
  const [month, setMonth] = useState(() => (chosen ? parseDate(isoDay(chosen, zone)) : today));
  /** Whether somebody has turned the pages: then they are not turned by themselves any more. */
  const [turned, setTurned] = useState(chosen !== undefined);

  const first = startOfMonth(month);
  const range = {
    service: service.id,
    // The day before and after as well, so that the same piece serves while the zone is changed.
    from: first.subtract({ days: 1 }).toDate('UTC').toISOString(),
    to: first.add({ months: 1, days: 1 }).toDate('UTC').toISOString(),
    zone,
    moving,
  };
  const { data, error, refetch, isPlaceholderData } = useQuery({
    ...slotsQuery(range),
    placeholderData: keepPreviousData,
  });
  const days = byDay(isPlaceholderData ? [] : (data?.slots ?? []));
  const ofMonth = [...days.keys()].filter((date) => date.slice(0, 7) === first.toString().slice(0, 7));
  const known = data !== undefined && !isPlaceholderData;
  const shown = [picked, chosen && isoDay(chosen, zone), ofMonth[0]].find((date) => date && days.has(date));

  // Nothing is free in this month: on to the next, as far as can be booked.
  const barren = known && ofMonth.length === 0 && !turned && endOfMonth(month).compare(last) < 0;
  useEffect(() => {
    if (barren) setMonth((before) => startOfMonth(before).add({ months: 1 }));
  }, [barren]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the day counts, not who is told
  useEffect(() => {
    if (shown) onDay?.(shown);
  }, [shown]);

  if (error && !data) return <ProblemState error={error} retry={() => void refetch()} />;
  return (
    <div className={css.picker}>
      {/* Keeps react-aria from putting a style element into the head, which the page's policy refuses. */}
      <span id="react-aria-pressable-style" hidden />
      <I18nProvider locale={locale()}>
        <Calendar
          aria-label={t('calendar')}
          className={css.calendar ?? ''}
          value={shown ? parseDate(shown) : null}
          onChange={(date) => setPicked(date.toString())}
          focusedValue={month}
          onFocusChange={(date) => {
            if (date.month !== month.month || date.year !== month.year) setTurned(true);
            setMonth(new CalendarDate(date.year, date.month, date.day));
          }}
          minValue={today}
          maxValue={last}
          isDateUnavailable={(date) => !days.has(date.toString())}
        >
          <header>
            <Step slot="previous">
              <ChevronLeft size={20} />
            </Step>
            <Heading />
            <Step slot="next">
              <ChevronRight size={20} />
            </Step>
          </header>
          <CalendarGrid weekdayStyle="short">
            <CalendarGridHeader>
              {(name) => <CalendarHeaderCell>{name}</CalendarHeaderCell>}
            </CalendarGridHeader>
            <CalendarGridBody>
              {(date) => <CalendarCell date={date} className={css.day ?? ''} />}
            </CalendarGridBody>
          </CalendarGrid>
          <p className={css.key}>
            <span aria-hidden="true" /> {t('markedDays')}
          </p>
        </Calendar>
      </I18nProvider>
      <div className={css.times} aria-busy={!known || undefined}>
        {!known ? (
          <Waiting />
        ) : shown ? (
          <Times {...props} date={shown} slots={days.get(shown) ?? []} />
        ) : (
          <State icon={<CalendarX size={40} />} title={t('nothingInMonth')}>
            <p>{t('nothingInMonthNext')}</p>
          </State>
        )}
      </div>
    </div>
  );
}

function Waiting() {
  return (
    <>
      <Skeleton width="60%" height="1.5rem" />
      <div className={css.grid}>
        {[...'abcdefghijkl'].map((key) => (
          <Skeleton key={key} height="var(--touch)" />
        ))}
      </div>
    </>
  );
}

function Times({
  slots,
  date,
  zone,
  chosen,
  onChoose,
  alsoIn,
  service,
}: SlotPickerProps & { date: string; slots: readonly OfferedSlot[] }) {
  const { t } = useTranslation('booking');
  const [all, setAll] = useState(false);
  const some = all ? slots : fewer(slots, chosen);
  const at = (slot: OfferedSlot, timeZone: string) =>
    new Intl.DateTimeFormat(locale(), { hour: 'numeric', minute: '2-digit', timeZone }).format(
      new Date(slot.startsAt),
    );
  return (
    <fieldset className={css.fieldset}>
      <legend>
        <h3>{dayName(`${date}T12:00:00Z`, 'UTC')}</h3>
        <span className={css.count} role="status">
          {t('freeTimes', { count: slots.length })}
        </span>
      </legend>
      {byPart(some).map(([part, found]) => (
        <div key={part} className={css.part}>
          <p aria-hidden="true">{t(part)}</p>
          <div className={css.grid}>
            {found.map((slot) => (
              <label key={slot.startsAt} className={css.time}>
                <input
                  type="radio"
                  name="slot"
                  className="visually-hidden"
                  checked={slot.startsAt === chosen}
                  onChange={() => onChoose(slot)}
                />
                <span>
                  <strong>{at(slot, zone)}</strong>
                  {slot.local.ambiguous && <small>UTC{slot.local.offset}</small>}
                  {alsoIn && <small>{t('thereAt', { time: at(slot, alsoIn) })}</small>}
                  {service.capacity > 1 && <small>{t('seatsLeft', { count: slot.seatsLeft })}</small>}
                </span>
              </label>
            ))}
          </div>
        </div>
      ))}
      {some.length < slots.length && (
        <Button look="quiet" onClick={() => setAll(true)}>
          {t('allTimes', { count: slots.length })}
        </Button>
      )}
    </fieldset>
  );
}
