import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { useTranslation } from 'react-i18next';
import * as format from '~/lib/format';
import { useServerNow } from '~/live/clock';
import { Button } from '~/ui/button';
import { Dialog } from '~/ui/dialog';
import { Select, TextField } from '~/ui/field';
import { Stack } from '~/ui/layout';
import { type Asking, Of, Refusal } from './dialogs';
import { serviceQuery } from './queries';
import { type Margins, MOST_MINUTES, marginsOf, timesWith, type Wrong, wrongIn } from './room-times';
import css from './window.module.css';

/** How much longer one press keeps the room open. */
const LONGER = [15, 30, 60] as const;

/** When the room of one appointment opens and closes, otherwise than its service says. */
export function WindowDialog({ appointment, busy, error, onClose, onAct }: Asking) {
  const { t } = useTranslation(['appointments', 'common']);
  const now = useServerNow();
  const { data: service } = useQuery(serviceQuery(appointment.serviceId));
  const current = marginsOf(appointment);
  const [before, setBefore] = useState(String(current.before));
  const [after, setAfter] = useState(String(current.after));
  const [anchor, setAnchor] = useState(current.anchor);
  const minutes = (text: string) => (/^\d{1,4}$/.test(text.trim()) ? Number(text) : Number.NaN);
  const margins: Margins = { before: minutes(before), after: minutes(after), anchor };
  const wrong = wrongIn(appointment, margins, now);
  const times = timesWith(appointment, margins);
  const { own } = appointment.window;
  const special =
    service !== undefined &&
    ((own.openBeforeMin ?? null) !== (service.openBeforeMin ?? null) ||
      (own.closeAfterMin ?? null) !== (service.closeAfterMin ?? null) ||
      (own.closeAnchor ?? null) !== (service.closeAnchor ?? null));
  const changed =
    margins.before !== current.before || margins.after !== current.after || anchor !== current.anchor;
  const say = (what: Wrong | undefined) => what && t(`window.wrong.${what}`, { most: MOST_MINUTES });
  const submit = () => {
    if (wrong.before || wrong.after) return;
    // What stays as it is goes on following the service.
    onAct({
      kind: 'window',
      body: {
        ...(margins.before === current.before ? {} : { openBeforeMin: margins.before }),
        ...(margins.after === current.after ? {} : { closeAfterMin: margins.after }),
        ...(anchor === current.anchor ? {} : { closeAnchor: anchor }),
      },
    });
  };
  const shown = (at: number, name: 'opens' | 'closes'): ReactNode =>
    Number.isNaN(at) ? t('window.noTime') : t(`window.${name}At`, { time: format.dateTime(at) });
  return (
    <Dialog
      open
      onClose={onClose}
      title={t('ask.change_window.title')}
      actions={
        <>
          {special && (
            <Button
              look="quiet"
              busy={busy}
              onClick={() =>
                onAct({
                  kind: 'window',
                  body: { openBeforeMin: null, closeAfterMin: null, closeAnchor: null },
                })
              }
            >
              {t('window.usual')}
            </Button>
          )}
          <Button look="secondary" onClick={onClose}>
            {t('common:back')}
          </Button>
          <Button busy={busy} disabled={!changed || Boolean(wrong.before || wrong.after)} onClick={submit}>
            {t('common:save')}
          </Button>
        </>
      }
    >
      <Stack>
        <Of appointment={appointment} />
        <p>{t('ask.change_window.text')}</p>
        <TextField
          label={t('window.before')}
          hint={shown(times.opens, 'opens')}
          error={say(wrong.before)}
          inputMode="numeric"
          autoComplete="off"
          maxLength={4}
          value={before}
          onChange={({ target }) => setBefore(target.value)}
        />
        <div className={css.after}>
          <TextField
            label={t(anchor === 'start' ? 'window.afterStart' : 'window.after')}
            hint={
              anchor === 'start' && !Number.isNaN(times.lastJoin)
                ? t('window.lastJoinAt', {
                    join: format.dateTime(times.lastJoin),
                    close: format.dateTime(times.closes),
                  })
                : shown(times.closes, 'closes')
            }
            error={say(wrong.after)}
            inputMode="numeric"
            autoComplete="off"
            maxLength={4}
            value={after}
            onChange={({ target }) => setAfter(target.value)}
          />
          <fieldset className={css.longer}>
            <legend className="visually-hidden">{t('window.longer')}</legend>
            {LONGER.map((by) => (
              <Button
                key={by}
                look="secondary"
                size="small"
                disabled={Number.isNaN(margins.after) || margins.after + by > MOST_MINUTES}
                onClick={() => setAfter(String(margins.after + by))}
              >
                {t('window.longerBy', { count: by })}
              </Button>
            ))}
          </fieldset>
        </div>
        <Select
          label={t('window.anchor')}
          hint={t(`window.anchorHint.${anchor}`)}
          value={anchor}
          onChange={({ target }) => setAnchor(target.value === 'start' ? 'start' : 'end')}
        >
          <option value="end">{t('window.anchorOf.end')}</option>
          <option value="start">{t('window.anchorOf.start')}</option>
        </Select>
        <Refusal error={error} />
      </Stack>
    </Dialog>
  );
}
