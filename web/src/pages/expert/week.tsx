import { Copy, Plus, Trash2 } from 'lucide-react';
import { useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { copied, endOf, minuteOf, oneMore, type Span, type Wrong } from '~/expert/hours';
import { language } from '~/i18n';
import { shortDay } from '~/lib/format';
import { Button } from '~/ui/button';
import { Badge, Card, Soft } from '~/ui/layout';
import ui from '~/ui/ui.module.css';
import css from './expert.module.css';

const DAYS = [1, 2, 3, 4, 5, 6, 7] as const;
const WORKDAYS = [2, 3, 4, 5];

/** "Monday" of 1. */
export function weekdayName(weekday: number): string {
  // The fifth of January 1970 was a Monday.
  const date = new Date(Date.UTC(1970, 0, 4 + weekday));
  return new Intl.DateTimeFormat(language(), { weekday: 'long', timeZone: 'UTC' }).format(date);
}

/** The hours of the week, an interval per line. */
export function Week({
  spans,
  wrong,
  zone,
  onChange,
}: {
  spans: readonly Span[];
  wrong: ReadonlyMap<number, Wrong>;
  zone: string;
  onChange: (spans: readonly Span[]) => void;
}) {
  const { t } = useTranslation('expert');
  const root = useRef<HTMLDivElement>(null);
  /** To an input that is there after the change. */
  const focus = (selector: string) =>
    requestAnimationFrame(() => root.current?.querySelector<HTMLElement>(selector)?.focus());
  return (
    <Card>
      <h2>{t('availability.weekly')}</h2>
      <div ref={root}>
        {DAYS.map((weekday) => {
          const own = spans.filter((span) => span.weekday === weekday);
          const name = weekdayName(weekday);
          return (
            <section key={weekday} className={css.weekday} aria-label={name} data-weekday={weekday}>
              <h3>{name}</h3>
              <div className={css.intervals}>
                {own.length === 0 && <Soft>{t('availability.closed')}</Soft>}
                {own.map((span) => (
                  <Interval
                    key={span.key}
                    span={span}
                    name={name}
                    wrong={wrong.get(span.key)}
                    foreign={span.tz !== zone}
                    onChange={(next) =>
                      onChange(spans.map((other) => (other.key === span.key ? next : other)))
                    }
                    onRemove={() => {
                      onChange(spans.filter((other) => other.key !== span.key));
                      focus(`[data-add="${weekday}"]`);
                    }}
                  />
                ))}
                <div className={ui.row}>
                  <Button
                    look="quiet"
                    size="small"
                    data-add={weekday}
                    onClick={() => {
                      const more = oneMore(spans, weekday, zone);
                      onChange([...spans, more]);
                      focus(`[data-from="${more.key}"]`);
                    }}
                  >
                    <Plus size={18} aria-hidden="true" />
                    {t('availability.addHours')}
                    <span className="visually-hidden"> {name}</span>
                  </Button>
                  {weekday === 1 && own.length > 0 && (
                    <Button look="quiet" size="small" onClick={() => onChange(copied(spans, 1, WORKDAYS))}>
                      <Copy size={18} aria-hidden="true" />
                      {t('availability.copyToWorkdays')}
                    </Button>
                  )}
                </div>
                <Band spans={own} />
              </div>
            </section>
          );
        })}
      </div>
    </Card>
  );
}

function Interval({
  span,
  name,
  wrong,
  foreign,
  onChange,
  onRemove,
}: {
  span: Span;
  name: string;
  wrong: Wrong | undefined;
  foreign: boolean;
  onChange: (span: Span) => void;
  onRemove: () => void;
}) {
  const { t } = useTranslation('expert');
  const error = `span-${span.key}-error`;
  const wiring = {
    'aria-invalid': wrong ? true : undefined,
    'aria-describedby': wrong ? error : undefined,
  } as const;
  return (
    <div>
      <div className={css.interval}>
        <input
          type="time"
          className={ui.input}
          value={span.from}
          aria-label={t('availability.from', { day: name })}
          data-from={span.key}
          onChange={(event) => onChange({ ...span, from: event.target.value })}
          {...wiring}
        />
        <span aria-hidden="true">–</span>
        <input
          type="time"
          className={ui.input}
          value={span.to}
          aria-label={t('availability.to', { day: name })}
          onChange={(event) => onChange({ ...span, to: event.target.value })}
          {...wiring}
        />
        <Button
          look="quiet"
          size="small"
          aria-label={t('availability.remove', { day: name, from: span.from, to: span.to })}
          onClick={onRemove}
        >
          <Trash2 size={18} />
        </Button>
        {foreign && <Badge tone="warn">{span.tz}</Badge>}
        {span.validFrom && (
          <Badge>{t('availability.validFrom', { date: shortDay(span.validFrom, 'UTC') })}</Badge>
        )}
        {span.validTo && <Badge>{t('availability.validTo', { date: shortDay(span.validTo, 'UTC') })}</Badge>}
      </div>
      {wrong && (
        <p id={error} className={ui.error} role="alert">
          {t(`availability.wrong.${wrong}`)}
        </p>
      )}
    </div>
  );
}

/** The day from midnight to midnight, open hours in colour; what it shows stands in words above it. */
function Band({ spans }: { spans: readonly Span[] }) {
  return (
    <div className={css.band} aria-hidden="true">
      {spans.map((span) => {
        const [from, to] = [minuteOf(span.from) ?? 0, endOf(span.to) ?? 0];
        if (to <= from) return null;
        return <i key={span.key} style={{ left: `${from / 14.4}%`, width: `${(to - from) / 14.4}%` }} />;
      })}
    </div>
  );
}
