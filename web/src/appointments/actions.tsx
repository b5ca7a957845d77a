import { ChevronDown } from 'lucide-react';
import { type ComponentType, useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from '~/ui/button';
import { toast } from '~/ui/toast';
import { outOfDate } from './act';
import css from './appointments.module.css';
import { DecisionDialog, OutcomeDialog, TimeDialog } from './dialogs';
import type { Act, Action, Appointment } from './view';
import { WindowDialog } from './window-dialog';

/** What picks one of the times that are free for an appointment. */
export type TimesPicker = ComponentType<{
  appointment: Appointment;
  value: string | undefined;
  onChange: (startsAt: string | undefined) => void;
}>;

export type OnAct = (act: Act) => Promise<void>;

type Shown = Exclude<Action, 'join' | 'request' | 'change_seats'>;

/** In the order in which they are offered; the first ones lie open, the others under "more". */
const OPEN: readonly Shown[] = ['approve', 'accept_proposal', 'decline_proposal', 'reject'];
const MORE: readonly Shown[] = [
  'extend',
  'open_early',
  'change_window',
  'propose',
  'reschedule',
  'complete',
  'correct',
  'cancel',
];
const LOOKS: Partial<Record<Shown, 'primary' | 'secondary'>> = {
  approve: 'primary',
  accept_proposal: 'primary',
};

/** The buttons for what the caller can do with an appointment, and the dialogs that belong to them. */
export function Actions({
  appointment,
  onAct,
  Times,
  open: all,
}: {
  appointment: Appointment;
  onAct: OnAct;
  Times: TimesPicker;
  /** All of them lie open. */
  open?: boolean | undefined;
}) {
  const { t } = useTranslation('appointments');
  const [asked, ask] = useState<Shown>();
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const alive = useRef(true);
  useEffect(() => {
    alive.current = true;
    return () => {
      alive.current = false;
    };
  }, []);

  const perform = async (act: Act) => {
    setBusy(true);
    setError(undefined);
    const title = appointment.title;
    try {
      await onAct(act);
      toast.success(t(`done.${act.kind}`, { title }));
      if (!alive.current) return;
      ask(undefined);
      // The button that had the focus may be gone with the action.
      requestAnimationFrame(() => {
        if (document.activeElement === document.body) root.current?.focus();
      });
    } catch (refusal) {
      // What was written stays in the dialog; where that is gone with its card, a toast says it.
      if (alive.current && asked) setError(refusal);
      else if (outOfDate(refusal)) toast.error(t('changedMeanwhile'));
      else toast.problem(refusal);
    } finally {
      if (alive.current) setBusy(false);
    }
  };
  const close = () => {
    ask(undefined);
    setError(undefined);
  };
  const press = (action: Shown) => {
    if (action === 'accept_proposal') void perform({ kind: 'accept' });
    else if (action === 'decline_proposal') void perform({ kind: 'decline' });
    else if (action === 'extend') void perform({ kind: 'extend' });
    else ask(action);
  };
  const button = (action: Shown) => (
    <Button
      key={action}
      look={LOOKS[action] ?? (action === 'cancel' || action === 'reject' ? 'quiet' : 'secondary')}
      size={LOOKS[action] ? 'medium' : 'small'}
      className={action === 'cancel' || action === 'reject' ? css.away : undefined}
      busy={busy}
      onClick={() => press(action)}
    >
      {action === 'decline_proposal' && ownProposal(appointment)
        ? t('action.withdraw')
        : t(`action.${action}`)}
    </Button>
  );
  const can = (action: Shown) => appointment.actions.includes(action);
  const first = OPEN.filter(can);
  const rest = MORE.filter(can);
  const dialog = { appointment, busy, error, onClose: close, onAct: (act: Act) => void perform(act) };

  return (
    <div ref={root} className={css.actions} tabIndex={-1}>
      {first.map(button)}
      {all || rest.length === 1
        ? rest.map(button)
        : rest.length > 0 && (
            <details className={css.more}>
              <summary>
                {t('more')}
                <ChevronDown size={16} aria-hidden="true" />
              </summary>
              <div className={css.menu}>{rest.map(button)}</div>
            </details>
          )}
      {(asked === 'propose' || asked === 'reschedule') && (
        <TimeDialog {...dialog} kind={asked} Times={Times} />
      )}
      {asked === 'change_window' && <WindowDialog {...dialog} />}
      {asked === 'correct' && <OutcomeDialog {...dialog} />}
      {(asked === 'approve' || asked === 'reject' || asked === 'cancel') && (
        <DecisionDialog {...dialog} kind={asked} />
      )}
      {(asked === 'complete' || asked === 'open_early') && <DecisionDialog {...dialog} kind={asked} />}
    </div>
  );
}

/** Whether the proposal on the table comes from the caller's own side. */
export function ownProposal({ proposal, actions }: Appointment): boolean {
  return proposal != null && !actions.includes('accept_proposal');
}
