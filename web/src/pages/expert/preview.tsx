import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { ChevronLeft, ChevronRight } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask } from '~/api/client';
import { type Draft, type Hours, hoursOf } from '~/expert/hours';
import { servicesQuery } from '~/expert/queries';
import { addDays, dayStart } from '~/expert/zone';
import { isoDay, shortDay, time } from '~/lib/format';
import { serverNow } from '~/live/clock';
import { Button } from '~/ui/button';
import { Select } from '~/ui/field';
import { Card, Note, Row, Soft, Stack } from '~/ui/layout';
import { ProblemNote, Skeleton } from '~/ui/states';
import css from './expert.module.css';

/** Until somebody stops to write. */
const PAUSE_MS = 400;

function useSettled<T>(value: T): T {
  const [settled, settle] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => settle(value), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}

/** The slots that customers would see in a week if the hours were stored as they stand above. */
export function Preview({ draft, valid, zone }: { draft: Draft; valid: boolean; zone: string }) {
  const { t } = useTranslation('expert');
  const { data: services } = useQuery(servicesQuery);
  const [chosen, choose] = useState('');
  const [week, turn] = useState(0);
  const text = useSettled(valid ? JSON.stringify(hoursOf(draft)) : '');
  const active = services?.filter((service) => service.active) ?? [];
  const serviceId = chosen || active[0]?.id;
  const first = addDays(isoDay(serverNow(), zone), week * 7);
  const days = Array.from({ length: 7 }, (_, i) => addDays(first, i));
  const { data, error, isFetching } = useQuery({
    queryKey: ['slots', 'preview', serviceId, first, zone, text],
    enabled: text !== '' && serviceId !== undefined,
    placeholderData: keepPreviousData,
    queryFn: () =>
      ask(
        api.POST('/api/me/availability/preview', {
          body: {
            hours: JSON.parse(text) as Hours,
            serviceId: serviceId ?? null,
            from: new Date(dayStart(first, zone)).toISOString(),
            to: new Date(dayStart(addDays(first, 7), zone)).toISOString(),
            tz: zone,
          },
        }),
      ),
  });
  return (
    <Card aria-busy={isFetching}>
      <h2>{t('preview.title')}</h2>
      <Stack>
        <Soft>{t('preview.intro')}</Soft>
        {services && active.length === 0 && <Note>{t('preview.noService')}</Note>}
        {active.length > 0 && (
          <Row spread>
            <Select
              label={t('preview.service')}
              value={serviceId}
              onChange={(event) => choose(event.target.value)}
            >
              {active.map((service) => (
                <option key={service.id} value={service.id}>
                  {service.title}
                </option>
              ))}
            </Select>
            <Row>
              <Button
                look="secondary"
                aria-label={t('preview.weekBefore')}
                disabled={week === 0}
                onClick={() => turn(week - 1)}
              >
                <ChevronLeft size={20} />
              </Button>
              <Button look="secondary" aria-label={t('preview.weekAfter')} onClick={() => turn(week + 1)}>
                <ChevronRight size={20} />
              </Button>
            </Row>
          </Row>
        )}
        {!valid && <Note tone="warn">{t('preview.notValid')}</Note>}
        {error && <ProblemNote error={error} />}
        {!data && !error && active.length > 0 && valid && (
          <Skeleton height="12rem" radius="var(--radius-s)" />
        )}
        {data && (
          <div className={css.week}>
            {days.map((date) => {
              const slots = data.slots.filter((slot) => slot.local.date === date);
              return (
                <section key={date} aria-label={shortDay(date, 'UTC')} data-day={date}>
                  <h3>{shortDay(date, 'UTC')}</h3>
                  <Soft small>
                    {slots.length === 0 ? t('preview.none') : t('preview.count', { count: slots.length })}
                  </Soft>
                  {slots.length > 0 && (
                    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
                    <ul className={css.slots} tabIndex={0} aria-label={shortDay(date, 'UTC')}>
                      {slots.map((slot) => (
                        <li key={slot.startsAt}>
                          {time(slot.startsAt, zone)}
                          {slot.local.ambiguous && ` ${slot.local.offset}`}
                        </li>
                      ))}
                    </ul>
                  )}
                </section>
              );
            })}
          </div>
        )}
      </Stack>
    </Card>
  );
}
