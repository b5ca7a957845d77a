import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Trash2, UserPlus } from 'lucide-react';
import { useState } from 'react';
import { useFieldArray, useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { api, ask, Problem, type Schemas } from '~/api/client';
import type { WhoAmI } from '~/api/session';
import { useRules } from '~/lib/form';
import { measureClock } from '~/live/clock';
import { Button } from '~/ui/button';
import { Checkbox, Select, TextArea, TextField } from '~/ui/field';
import { ProblemNote } from '~/ui/states';
import css from './book.module.css';
import { CONSENT_VERSION } from './consent';
import { forgetHold, type Held } from './hold';
import type { ExpertPage, Service } from './queries';
import { useWay } from './way';

/** As many as the server takes with a booking. */
const MOST_COMPANIONS = 5;
/** What means that the time itself is gone, not that something in the form is wrong. */
const TIME_GONE = [
  'slot_taken',
  'not_offered',
  'hold_expired',
  'session_full',
  'service_inactive',
  'customer_overlap',
  'illegal_transition',
  'not_found',
];

interface Fields {
  note: string;
  consent: boolean;
  companions: { name: string; email: string; role: 'observer' | 'interpreter' }[];
}

export function RequestForm({
  expert,
  service,
  held,
  user,
  onRefused,
}: {
  expert: ExpertPage;
  service: Service;
  held: Held;
  user: NonNullable<WhoAmI['user']>;
  onRefused: (problem: Problem) => void;
}) {
  const { t } = useTranslation(['booking', 'common']);
  const rules = useRules();
  const way = useWay();
  const client = useQueryClient();
  const [rest, setRest] = useState<Problem>();
  const form = useForm<Fields>({ defaultValues: { note: '', consent: false, companions: [] } });
  const { fields, append, remove } = useFieldArray({ control: form.control, name: 'companions' });
  const { errors } = form.formState;
  const book = useMutation({
    mutationFn: ({ note, companions }: Fields) => {
      const participants = companions.map(({ name, email, role }) => ({
        role,
        ...(name.trim() && { name: name.trim() }),
        ...(email.trim() && { email: email.trim() }),
      }));
      const what: Schemas['Booking'] = held.holdId
        ? { holdId: held.holdId }
        : { serviceId: service.id, startsAt: held.startsAt, tz: way.zone };
      const consent = { version: CONSENT_VERSION, text: t('consent') };
      return ask(
        api.POST('/api/appointments', {
          body: { ...what, note: note.trim(), consent, ...(participants.length > 0 && { participants }) },
        }),
      );
    },
    onSuccess: (appointment) => {
      forgetHold();
      client.setQueryData(['appointment', appointment.id], appointment);
      for (const word of ['appointments', 'slots', 'experts']) {
        void client.invalidateQueries({ queryKey: [word] });
      }
      way.go({ booked: appointment.id, at: undefined, step: undefined }, true);
    },
    onError: (thrown) => {
      const problem = Problem.of(thrown);
      if (!TIME_GONE.includes(problem.code)) return setRest(problem);
      forgetHold();
      // It lapsed before the countdown here had ended: the clocks have drifted apart.
      if (problem.code === 'hold_expired') void measureClock().catch(() => {});
      void client.invalidateQueries({ queryKey: ['slots'] });
      onRefused(problem);
    },
  });
  return (
    <form
      noValidate
      className={css.form}
      onSubmit={form.handleSubmit((values) => {
        setRest(undefined);
        book.mutate(values);
      })}
    >
      <p className={css.faint}>{t('bookingAs', { name: user.name, email: user.email })}</p>
      <TextArea
        label={t('note', { name: expert.name })}
        hint={t('noteHint')}
        rows={4}
        error={errors.note?.message}
        {...form.register('note', rules.free(5000))}
      />
      <fieldset className={css.companions}>
        <legend>{t('companions')}</legend>
        <p className={css.small}>{t('companionsHint')}</p>
        {fields.map((field, index) => {
          const wrong = errors.companions?.[index];
          return (
            <div key={field.id} className={css.companion}>
              <TextField
                label={t('companionName')}
                autoComplete="off"
                error={wrong?.name?.message}
                {...form.register(`companions.${index}.name`, rules.text(200))}
              />
              <TextField
                type="email"
                label={t('companionEmail')}
                autoComplete="off"
                error={wrong?.email?.message}
                {...form.register(`companions.${index}.email`, {
                  ...rules.email,
                  required: false,
                  validate: (text) => text.trim() === '' || rules.email.validate(text),
                })}
              />
              <Select label={t('companionRole')} {...form.register(`companions.${index}.role`)}>
                <option value="observer">{t('roleObserver')}</option>
                <option value="interpreter">{t('roleInterpreter')}</option>
              </Select>
              <Button
                look="quiet"
                onClick={() => remove(index)}
                aria-label={t('removeCompanion', { number: index + 1 })}
              >
                <Trash2 size={18} aria-hidden="true" />
              </Button>
            </div>
          );
        })}
        {fields.length < MOST_COMPANIONS && (
          <Button look="secondary" onClick={() => append({ name: '', email: '', role: 'observer' })}>
            <UserPlus size={18} aria-hidden="true" />
            {t('addCompanion')}
          </Button>
        )}
      </fieldset>
      <Checkbox
        label={t('consent')}
        error={errors.consent?.message}
        {...form.register('consent', { required: t('consentNeeded') })}
      />
      {rest && <ProblemNote error={rest} />}
      <Button type="submit" size="large" wide busy={book.isPending}>
        {t(service.approval === 'auto' ? 'bookNow' : 'requestNow')}
      </Button>
    </form>
  );
}
