import { useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from '~/ui/button';
import { Dialog } from '~/ui/dialog';
import { Checkbox, TextArea, TextField } from '~/ui/field';
import { Note, Stack } from '~/ui/layout';
import { ProblemNote } from '~/ui/states';
import { outOfDate } from './act';
import type { TimesPicker } from './actions';
import css from './appointments.module.css';
import { type Act, type Appointment, sideOf } from './view';
import { When } from './words';

/** What every dialog about an appointment is given. */
export interface Asking {
  appointment: Appointment;
  busy: boolean;
  error: unknown;
  onClose: () => void;
  onAct: (act: Act) => void;
}

/** As long as the server takes them. */
const LONGEST = 5000;

export function Refusal({ error }: { error: unknown }) {
  const { t } = useTranslation('appointments');
  if (error === undefined) return null;
  if (!outOfDate(error)) return <ProblemNote error={error} />;
  return (
    <Note tone="warn" alert>
      {t('changedMeanwhile')}
    </Note>
  );
}

function Message({ value, onChange }: { value: string; onChange: (text: string) => void }) {
  const { t } = useTranslation('appointments');
  return (
    <TextArea
      label={t('message')}
      hint={t('messageHint')}
      value={value}
      maxLength={LONGEST}
      onChange={({ target }) => onChange(target.value)}
    />
  );
}

/** Yes, no, or off: with words to the other side where it hears of them. */
export function DecisionDialog({
  appointment,
  kind,
  busy,
  error,
  onClose,
  onAct,
}: Asking & { kind: 'approve' | 'reject' | 'cancel' | 'complete' | 'open_early' }) {
  const { t } = useTranslation(['appointments', 'common']);
  const [message, setMessage] = useState('');
  const quiet = kind === 'complete' || kind === 'open_early';
  const act: Act = quiet
    ? { kind: kind === 'complete' ? 'complete' : 'open' }
    : { kind, message: message.trim() };
  return (
    <Dialog
      open
      onClose={onClose}
      title={t(`ask.${kind}.title`)}
      actions={
        <>
          <Button look="secondary" onClick={onClose}>
            {t('common:back')}
          </Button>
          <Button
            look={kind === 'reject' || kind === 'cancel' ? 'danger' : 'primary'}
            busy={busy}
            onClick={() => onAct(act)}
          >
            {t(`action.${kind}`)}
          </Button>
        </>
      }
    >
      <Stack>
        <Of appointment={appointment} />
        <p>{t(`ask.${kind}.text`)}</p>
        {!quiet && <Message value={message} onChange={setMessage} />}
        <Refusal error={error} />
      </Stack>
    </Dialog>
  );
}

/** Which appointment it is about. */
export function Of({ appointment }: { appointment: Appointment }) {
  return (
    <div className={css.of}>
      <p>
        <strong>{appointment.title}</strong>
      </p>
      <When {...appointment} />
    </div>
  );
}

/** Another time: proposed to the other side, or taken at once. */
export function TimeDialog({
  appointment,
  kind,
  Times,
  busy,
  error,
  onClose,
  onAct,
}: Asking & { kind: 'propose' | 'reschedule'; Times: TimesPicker }) {
  const { t } = useTranslation(['appointments', 'common']);
  const [startsAt, pick] = useState<string>();
  const [message, setMessage] = useState('');
  const [missing, setMissing] = useState(false);
  const [free, setFree] = useState(false);
  const [typed, type] = useState('');
  const side = sideOf(appointment);
  // Whose hours they are may set them aside.
  const own = side === 'expert' || side === 'admin';
  const chosen = free ? (typed ? new Date(typed).toISOString() : undefined) : startsAt;
  const wrong = !chosen
    ? t('pickTime')
    : kind === 'reschedule' && Date.parse(chosen) === Date.parse(appointment.startsAt)
      ? t('sameTime')
      : undefined;
  const submit = () => {
    setMissing(wrong !== undefined);
    if (!chosen || wrong) return;
    onAct({ kind, startsAt: chosen, message: message.trim(), ...(free ? { outsideHours: true } : {}) });
  };
  return (
    <Dialog
      open
      broad
      onClose={onClose}
      title={t(`ask.${kind}.title`)}
      actions={
        <>
          <Button look="secondary" onClick={onClose}>
            {t('common:back')}
          </Button>
          <Button busy={busy} onClick={submit}>
            {t(`ask.${kind}.button`)}
          </Button>
        </>
      }
    >
      <Stack>
        <p>{t(`ask.${kind}.text`)}</p>
        {own && (
          <Checkbox
            label={t('outsideHours')}
            checked={free}
            onChange={({ target }) => {
              setFree(target.checked);
              setMissing(false);
            }}
          />
        )}
        {free ? (
          <TextField
            label={t('startsAt')}
            type="datetime-local"
            step={300}
            value={typed}
            error={missing ? wrong : undefined}
            onChange={({ target }) => type(target.value)}
          />
        ) : (
          <>
            <Times appointment={appointment} value={startsAt} onChange={pick} />
            {missing && wrong && (
              <p role="alert" className={css.missing}>
                {wrong}
              </p>
            )}
          </>
        )}
        <Message value={message} onChange={setMessage} />
        <Refusal error={error} />
      </Stack>
    </Dialog>
  );
}

const OUTCOMES = ['completed', 'customer', 'expert', 'both'] as const;

/** What really came about, where the server put down something else. */
export function OutcomeDialog({ appointment, busy, error, onClose, onAct }: Asking) {
  const { t } = useTranslation(['appointments', 'common']);
  const name = useId();
  const now = appointment.status === 'completed' ? 'completed' : (appointment.noShow ?? 'both');
  const [chosen, choose] = useState<(typeof OUTCOMES)[number]>(now);
  const act: Act =
    chosen === 'completed'
      ? { kind: 'outcome', outcome: 'completed' }
      : { kind: 'outcome', outcome: 'no_show', noShow: chosen };
  return (
    <Dialog
      open
      onClose={onClose}
      title={t('ask.correct.title')}
      actions={
        <>
          <Button look="secondary" onClick={onClose}>
            {t('common:back')}
          </Button>
          <Button busy={busy} disabled={chosen === now} onClick={() => onAct(act)}>
            {t('ask.correct.button')}
          </Button>
        </>
      }
    >
      <Stack>
        <fieldset className={css.choices}>
          <legend>{t('ask.correct.text')}</legend>
          {OUTCOMES.map((outcome) => (
            <label key={outcome}>
              <input type="radio" name={name} checked={chosen === outcome} onChange={() => choose(outcome)} />
              {t(`outcome.${outcome}`)}
            </label>
          ))}
        </fieldset>
        <Refusal error={error} />
      </Stack>
    </Dialog>
  );
}
