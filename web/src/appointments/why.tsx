import { useQuery } from '@tanstack/react-query';
import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import type { Schemas } from '~/api/client';
import * as format from '~/lib/format';
import { Card, Note } from '~/ui/layout';
import { Skeleton } from '~/ui/states';
import css from './page.module.css';
import { joinQuery } from './queries';
import { type Appointment, doorAt, sideOf } from './view';

/** Why one cannot join now: every reason, and what comes next. Nothing where nothing stands in the way. */
export function WhyNot({ appointment, now }: { appointment: Appointment; now: number }) {
  const { t } = useTranslation('appointments');
  const { data, refetch } = useQuery(joinQuery(appointment.id));
  const { state } = doorAt(appointment, now);
  // biome-ignore lint/correctness/useExhaustiveDependencies: asked again when the door has changed
  useEffect(() => {
    void refetch();
  }, [state, refetch]);
  // Where it is too early, or the expert lets in, there will be something: its place is kept.
  const waits = state === 'open' && appointment.lobby !== 'off' && sideOf(appointment) === 'customer';
  if (!data && (state === 'not_open' || waits)) {
    return (
      <Card aria-busy="true">
        <h2>{t('why.title')}</h2>
        <Skeleton height="5.5rem" radius="var(--radius-m)" />
      </Card>
    );
  }
  if (!data || data.mayJoin || data.reasons.length === 0) return null;
  // With the lobby alone before it the way in is open.
  const title = data.reasons.every(({ code }) => code === 'lobby_waiting') ? 'why.howIn' : 'why.title';
  return (
    <Card aria-labelledby="why">
      <h2 id="why">{t(title)}</h2>
      <ul className={css.reasons}>
        {data.reasons.map((reason) => (
          <li key={reason.code}>
            <Reason reason={reason} joining={data} />
          </li>
        ))}
      </ul>
    </Card>
  );
}

function Reason({ reason, joining }: { reason: Schemas['Obstacle']; joining: Schemas['Joining'] }) {
  const { t } = useTranslation('appointments');
  const opens = joining.opensAt ? format.dateTime(joining.opensAt) : '';
  const closed = joining.closesAt ? format.dateTime(joining.closesAt) : '';
  const place = reason.code === 'lobby_waiting' ? reason.position : undefined;
  return (
    <Note tone={reason.code === 'lobby_waiting' || reason.code === 'window_not_open' ? 'accent' : 'warn'}>
      <strong>{t(`why.${reason.code}.title`)}</strong>
      <p>
        {place
          ? t('why.lobby_waiting.place', { count: place })
          : t(`why.${reason.code}.text`, { opens, closed })}
      </p>
    </Note>
  );
}
