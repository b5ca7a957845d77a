import { useConnectionQualityIndicator, useConnectionState, useRoomContext } from '@livekit/components-react';
import { ConnectionState } from 'livekit-client';
import { Clock, Hourglass, SignalHigh, SignalLow, SignalMedium, SignalZero } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { bitrate, milliseconds, percent } from '~/lib/figures';
import { clock, time } from '~/lib/format';
import { useServerNow } from '~/live/clock';
import type { Appointment } from './access';
import css from './header.module.css';
import { judge, type Level, type Line, useLine } from './quality';

/** What the call is, how long it has gone on, how long it may, and how the line is. */
export function Header({ title, appointment }: { title: string; appointment: Appointment | undefined }) {
  return (
    <header className={css.header}>
      <h1 className={css.title}>{title}</h1>
      <div className={css.status}>
        {appointment && <Times appointment={appointment} />}
        <Quality />
      </div>
    </header>
  );
}

/** By the server's clock and from the server's beginning: the same on both sides, and after a reload. */
function Times({ appointment }: { appointment: Appointment }) {
  const { t } = useTranslation('call');
  const now = useServerNow();
  const { inProgressAt, endsAt, window } = appointment;
  const began = inProgressAt ? Date.parse(inProgressAt) : undefined;
  const over = now >= Date.parse(endsAt);
  const left = Date.parse(over ? window.closesAt : endsAt) - now;
  const minutes = Math.max(0, Math.ceil(left / 60_000));
  return (
    <>
      {began !== undefined && (
        <span
          className={css.pill}
          role="timer"
          aria-label={t('room.duration')}
          data-began={inProgressAt}
          title={t('room.duration')}
        >
          <Clock size={16} aria-hidden="true" />
          {clock(Math.floor((now - began) / 1000) * 1000)}
        </span>
      )}
      <span
        className={css.pill}
        data-tone={over ? 'warn' : undefined}
        data-left={minutes}
        title={t(over ? 'room.closesAt' : 'room.endsAt', { time: time(over ? window.closesAt : endsAt) })}
      >
        <Hourglass size={16} aria-hidden="true" />
        <span className={css.wide}>{t(over ? 'room.toClose' : 'room.left', { count: minutes })}</span>
        <span className={css.narrow} aria-hidden="true">
          {t('room.leftShort', { count: minutes })}
        </span>
      </span>
    </>
  );
}

const ICONS = { good: SignalHigh, fair: SignalMedium, poor: SignalLow, lost: SignalZero };
const TONES: Record<Level, string> = { good: 'good', fair: 'warn', poor: 'bad', lost: 'bad' };

function Quality() {
  const { t } = useTranslation('call');
  const room = useRoomContext();
  const state = useConnectionState(room);
  const line = useLine(room);
  const { quality } = useConnectionQualityIndicator({ participant: room.localParticipant });
  const measured = judge(line, quality);
  const level: Level = state === ConnectionState.Connected ? measured.level : 'lost';
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!open) return;
    const away = (event: Event) => {
      if (
        event instanceof KeyboardEvent ? event.key === 'Escape' : !box.current?.contains(event.target as Node)
      )
        setOpen(false);
    };
    document.addEventListener('pointerdown', away);
    document.addEventListener('keydown', away);
    return () => {
      document.removeEventListener('pointerdown', away);
      document.removeEventListener('keydown', away);
    };
  }, [open]);
  const Icon = ICONS[level];
  const cause = measured.cause && level !== 'lost' ? t(`quality.cause.${measured.cause}`) : undefined;
  return (
    <div className={css.quality} ref={box}>
      <button
        type="button"
        className={css.pill}
        data-tone={TONES[level]}
        data-level={level}
        aria-expanded={open}
        onClick={() => setOpen((shown) => !shown)}
      >
        <Icon size={16} aria-hidden="true" />
        <span className={css.wide}>{t(`quality.level.${level}`)}</span>
        <span className="visually-hidden">{cause}</span>
      </button>
      {open && (
        <div className={css.popover}>
          <strong>{t(`quality.level.${level}`)}</strong>
          <p>{cause ?? t(`quality.words.${level}`)}</p>
          {line && <Figures line={line} />}
        </div>
      )}
    </div>
  );
}

export function Figures({ line }: { line: Line }) {
  const { t } = useTranslation('call');
  const rows: [string, string][] = [
    [t('quality.up'), bitrate(line.up)],
    [t('quality.down'), bitrate(line.down)],
    [t('quality.lossUp'), percent(line.lossUp)],
    [t('quality.lossDown'), percent(line.lossDown)],
    [t('quality.rtt'), milliseconds(line.rttMs)],
    [t('quality.jitter'), milliseconds(line.jitterMs)],
  ];
  if (line.protocol) rows.push([t('quality.protocol'), line.protocol.toUpperCase()]);
  return (
    <dl className={css.figures}>
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
