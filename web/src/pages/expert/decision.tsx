import { BookmarkPlus, X } from 'lucide-react';
import { useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import type { Appointment } from '~/expert/agenda';
import { readReplies, withReply, writeReplies } from '~/expert/replies';
import { moment } from '~/expert/zone';
import { useRules } from '~/lib/form';
import { isoDay } from '~/lib/format';
import { serverNow } from '~/live/clock';
import { Button } from '~/ui/button';
import { Dialog } from '~/ui/dialog';
import { Checkbox, TextArea, TextField } from '~/ui/field';
import { Stack } from '~/ui/layout';
import { ProblemNote } from '~/ui/states';
import css from './expert.module.css';
import { Conflicts, type Said } from './requests';

export type Decision = 'approve' | 'reject' | 'propose';

const LONGEST = 5000;

interface Form {
  message: string;
  date: string;
  time: string;
  outsideHours: boolean;
}

/** Says yes, no or another time, with words to the customer. */
export function DecisionDialog({
  kind,
  request,
  zone,
  error,
  busy,
  onClose,
  onDecide,
}: {
  kind: Decision;
  request: Appointment;
  zone: string;
  error: unknown;
  busy: boolean;
  onClose: () => void;
  onDecide: (said: Said) => void;
}) {
  const { t } = useTranslation('expert');
  const { t: common } = useTranslation();
  const rules = useRules();
  const [replies, setReplies] = useState(() => readReplies());
  const form = useForm<Form>({
    defaultValues: {
      message: '',
      date: isoDay(request.startsAt, zone),
      time: new Date(request.startsAt).toLocaleTimeString('en-GB', {
        timeZone: zone,
        hour: '2-digit',
        minute: '2-digit',
      }),
      outsideHours: false,
    },
  });
  const { errors } = form.formState;
  const [message, date, clock] = form.watch(['message', 'date', 'time']);
  const starts = kind === 'propose' ? moment(`${date}T${clock}`, zone) : undefined;
  const length = Date.parse(request.endsAt) - Date.parse(request.startsAt);
  const keep = (next: string[]) => {
    setReplies(next);
    writeReplies(next);
  };
  const submit = form.handleSubmit((values) => {
    const said: Said = { kind, message: values.message.trim() };
    if (kind !== 'propose') return onDecide(said);
    const at = moment(`${values.date}T${values.time}`, zone);
    if (at !== undefined)
      onDecide({ ...said, startsAt: new Date(at).toISOString(), outsideHours: values.outsideHours });
  });
  return (
    <Dialog
      open
      onClose={onClose}
      title={t(`decision.${kind}`, { name: request.customerName ?? t('someone') })}
      actions={
        <>
          <Button look="secondary" onClick={onClose}>
            {common('cancel')}
          </Button>
          <Button look={kind === 'reject' ? 'danger' : 'primary'} busy={busy} onClick={() => void submit()}>
            {t(`decision.${kind}Now`)}
          </Button>
        </>
      }
    >
      <form onSubmit={(event) => void submit(event)} noValidate>
        <Stack>
          {kind === 'propose' && (
            <>
              <div className={css.grid}>
                <TextField
                  label={t('decision.date')}
                  type="date"
                  error={errors.date?.message}
                  {...form.register('date', { required: common('required') })}
                />
                <TextField
                  label={t('decision.time')}
                  hint={zone}
                  type="time"
                  error={errors.time?.message}
                  {...form.register('time', {
                    required: common('required'),
                    validate: (value, { date: on }) => {
                      const at = moment(`${on}T${value}`, zone);
                      if (at === undefined) return t('decision.noTime');
                      if (at <= serverNow()) return t('decision.past');
                      return at !== Date.parse(request.startsAt) || t('decision.same');
                    },
                  })}
                />
              </div>
              {starts !== undefined && (
                <Conflicts
                  appointment={request}
                  from={new Date(starts).toISOString()}
                  to={new Date(starts + length).toISOString()}
                  zone={zone}
                />
              )}
              <Checkbox
                label={t('decision.outside')}
                hint={t('decision.outsideHint')}
                {...form.register('outsideHours')}
              />
            </>
          )}
          <TextArea
            label={`${t('decision.message')} (${common('optional')})`}
            hint={t('decision.messageHint')}
            error={errors.message?.message}
            {...form.register('message', rules.free(LONGEST))}
          />
          {replies.length > 0 && (
            <div>
              <h3>{t('decision.replies')}</h3>
              <ul className={css.replies}>
                {replies.map((reply) => (
                  <li key={reply}>
                    <Button look="quiet" size="small" onClick={() => form.setValue('message', reply)}>
                      {reply}
                    </Button>
                    <Button
                      look="quiet"
                      size="small"
                      aria-label={t('decision.forget', { reply })}
                      onClick={() => keep(replies.filter((other) => other !== reply))}
                    >
                      <X size={16} />
                    </Button>
                  </li>
                ))}
              </ul>
            </div>
          )}
          <div>
            <Button
              look="quiet"
              size="small"
              disabled={!message.trim()}
              onClick={() => keep(withReply(replies, message))}
            >
              <BookmarkPlus size={18} aria-hidden="true" />
              {t('decision.keep')}
            </Button>
          </div>
          {error ? <ProblemNote error={error} /> : null}
        </Stack>
      </form>
    </Dialog>
  );
}
