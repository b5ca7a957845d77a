import { Check, LogOut } from 'lucide-react';
import { useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import type { Problem } from '~/api/client';
import { clock } from '~/lib/format';
import { useServerNow } from '~/live/clock';
import { onLiveEvent } from '~/live/events';
import { Button } from '~/ui/button';
import { Badge } from '~/ui/layout';
import css from './prejoin.module.css';

/** Asking is how the server hears of the waiting; it forgets whoever is silent for three quarters of a minute. */
const EVERY_MS = 5000;

/** In the lobby: the place in the queue, kept up to date, until the expert opens the door. */
export function Lobby({
  problem,
  expert,
  ask,
  onLeave,
}: {
  problem: Problem;
  expert: string | undefined;
  ask: () => void;
  onLeave: () => void;
}) {
  const { t } = useTranslation('call');
  const now = useServerNow();
  const again = useRef(ask);
  again.current = ask;
  useEffect(() => {
    const timer = setInterval(() => again.current(), EVERY_MS);
    // Hidden tabs are woken seldom; the event comes all the same.
    const stop = onLiveEvent(({ kind }) => {
      if (kind.startsWith('appointment.') && kind !== 'appointment.lobby_waiting') again.current();
    });
    const seen = () => document.visibilityState === 'visible' && again.current();
    document.addEventListener('visibilitychange', seen);
    return () => {
      clearInterval(timer);
      stop();
      document.removeEventListener('visibilitychange', seen);
    };
  }, []);
  const position = typeof problem.extra.position === 'number' ? problem.extra.position : 1;
  const since = problem.text('since');
  return (
    <div className={css.about} data-state="lobby">
      <Badge tone="accent">{t('lobby.badge')}</Badge>
      <h1>{expert ? t('lobby.titleFor', { name: expert }) : t('lobby.title')}</h1>
      <div className={css.place} role="status">
        <span className={css.number} aria-hidden="true">
          {position}
        </span>
        <p>
          <strong>{position === 1 ? t('lobby.first') : t('lobby.place', { position })}</strong>
          <br />
          <span aria-hidden="true">
            {since && t('lobby.since', { time: clock(Math.max(0, now - Date.parse(since))) })}
          </span>
        </p>
      </div>
      <ul className={css.tips}>
        <li>
          <Check size={18} aria-hidden="true" />
          {t('lobby.tipStay')}
        </li>
        <li>
          <Check size={18} aria-hidden="true" />
          {t('lobby.tipDevices')}
        </li>
        <li>
          <Check size={18} aria-hidden="true" />
          {t('lobby.tipQuiet')}
        </li>
      </ul>
      <Button look="secondary" onClick={onLeave}>
        <LogOut size={20} aria-hidden="true" />
        {t('lobby.leave')}
      </Button>
    </div>
  );
}
