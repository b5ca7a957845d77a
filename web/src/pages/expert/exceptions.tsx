import { CalendarX2, Plus, Trash2 } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { type Except, newKey, type Wrong } from '~/expert/hours';
import { isoDay } from '~/lib/format';
import { serverNow } from '~/live/clock';
import { Button } from '~/ui/button';
import { Checkbox, Select, TextField } from '~/ui/field';
import { Badge, Card, Row, Soft, Stack } from '~/ui/layout';
import css from './expert.module.css';

/** Dates that are not as the week has them: days off, and hours beside the usual ones. */
export function Exceptions({
  excepts,
  wrong,
  zone,
  onChange,
}: {
  excepts: readonly Except[];
  wrong: ReadonlyMap<number, Wrong>;
  zone: string;
  onChange: (excepts: readonly Except[]) => void;
}) {
  const { t } = useTranslation('expert');
  const add = (kind: Except['kind']) =>
    onChange([
      ...excepts,
      {
        key: newKey(),
        date: isoDay(serverNow() + 86_400_000, zone),
        kind,
        wholeDay: kind === 'closed',
        from: '09:00',
        to: '17:00',
        note: '',
        tz: zone,
      },
    ]);
  return (
    <Card>
      <h2>{t('availability.exceptions')}</h2>
      <Stack>
        {excepts.length === 0 && <Soft>{t('availability.noExceptions')}</Soft>}
        {excepts.map((except) => (
          <One
            key={except.key}
            except={except}
            wrong={wrong.get(except.key)}
            zone={zone}
            onChange={(next) => onChange(excepts.map((other) => (other.key === except.key ? next : other)))}
            onRemove={() => onChange(excepts.filter((other) => other.key !== except.key))}
          />
        ))}
        <Row>
          <Button look="secondary" onClick={() => add('closed')}>
            <CalendarX2 size={18} aria-hidden="true" />
            {t('availability.addDayOff')}
          </Button>
          <Button look="secondary" onClick={() => add('open')}>
            <Plus size={18} aria-hidden="true" />
            {t('availability.addExtra')}
          </Button>
        </Row>
      </Stack>
    </Card>
  );
}

function One({
  except,
  wrong,
  zone,
  onChange,
  onRemove,
}: {
  except: Except;
  wrong: Wrong | undefined;
  zone: string;
  onChange: (except: Except) => void;
  onRemove: () => void;
}) {
  const { t } = useTranslation('expert');
  const { t: common } = useTranslation();
  const words = wrong && t(`availability.wrong.${wrong}`);
  return (
    <fieldset className={css.except}>
      <legend className="visually-hidden">
        {t(`availability.kind.${except.kind}`)} {except.date}
      </legend>
      <div className={css.grid}>
        <TextField
          label={t('availability.date')}
          type="date"
          value={except.date}
          error={wrong === 'noDate' ? words : undefined}
          onChange={(event) => onChange({ ...except, date: event.target.value })}
        />
        <Select
          label={t('availability.what')}
          value={except.kind}
          onChange={(event) => onChange({ ...except, kind: event.target.value as Except['kind'] })}
        >
          <option value="closed">{t('availability.kind.closed')}</option>
          <option value="open">{t('availability.kind.open')}</option>
        </Select>
        <TextField
          label={`${t('availability.note')} (${common('optional')})`}
          hint={t('availability.noteHint')}
          value={except.note}
          error={wrong === 'noteTooLong' ? words : undefined}
          onChange={(event) => onChange({ ...except, note: event.target.value })}
        />
      </div>
      <Row>
        <Checkbox
          label={t('availability.wholeDay')}
          checked={except.wholeDay}
          onChange={(event) => onChange({ ...except, wholeDay: event.target.checked })}
        />
        {!except.wholeDay && (
          <>
            <TextField
              label={t('availability.fromTime')}
              type="time"
              value={except.from}
              error={wrong === 'missing' || wrong === 'endBeforeStart' ? words : undefined}
              onChange={(event) => onChange({ ...except, from: event.target.value })}
            />
            <TextField
              label={t('availability.toTime')}
              type="time"
              value={except.to}
              onChange={(event) => onChange({ ...except, to: event.target.value })}
            />
          </>
        )}
        {except.tz !== zone && <Badge tone="warn">{except.tz}</Badge>}
        <Button
          look="quiet"
          size="small"
          aria-label={t('availability.removeException', { date: except.date })}
          onClick={onRemove}
        >
          <Trash2 size={18} aria-hidden="true" />
          {common('delete')}
        </Button>
      </Row>
    </fieldset>
  );
}
