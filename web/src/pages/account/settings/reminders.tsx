import { useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { Problem } from '~/api/client';
import { useRules } from '~/lib/form';
import { useProblemWords } from '~/lib/problems';
import { Button } from '~/ui/button';
import { Checkbox, TextField } from '~/ui/field';
import { toast } from '~/ui/toast';
import { type Me, useChange } from './me';
import { minutesOf, timeOf } from './minutes';
import css from './settings.module.css';

const NIGHT = { fromMinute: 22 * 60, untilMinute: 7 * 60 };

export function Reminders({ me }: { me: Me }) {
  const { t } = useTranslation('account');
  const change = useChange();
  const { remindersByMail, remindersBySms, quietHours, phone } = me.profile;
  const [wrong, setWrong] = useState<Problem>();
  const set = (changes: Parameters<typeof change.mutate>[0]) =>
    change.mutate(changes, {
      onError: (thrown) => {
        const problem = Problem.of(thrown);
        if (problem.code === 'phone_missing') setWrong(problem);
        else void toast.problem(problem);
      },
      onSuccess: () => setWrong(undefined),
    });
  return (
    <div className={css.form}>
      <div>
        <Checkbox
          label={t('byMail')}
          hint={t('byMailHint')}
          checked={remindersByMail}
          onChange={(event) => set({ remindersByMail: event.target.checked })}
        />
        <Checkbox
          label={t('bySms')}
          hint={phone ? t('bySmsHint', { phone }) : t('bySmsNoPhone')}
          error={useProblemText(wrong)}
          checked={remindersBySms}
          onChange={(event) => set({ remindersBySms: event.target.checked })}
        />
        <Checkbox
          label={t('quiet')}
          hint={t('quietHint')}
          checked={Boolean(quietHours)}
          onChange={(event) => set({ quietHours: event.target.checked ? NIGHT : null })}
        />
      </div>
      {quietHours && <QuietHours key={`${quietHours.fromMinute}`} quiet={quietHours} />}
    </div>
  );
}

function useProblemText(problem: Problem | undefined): string | undefined {
  const words = useProblemWords(problem ?? new Problem('phone_missing', 409));
  return problem && `${words.title}. ${words.nextStep}`;
}

function QuietHours({ quiet }: { quiet: { fromMinute: number; untilMinute: number } }) {
  const { t } = useTranslation(['account', 'common']);
  const rules = useRules();
  const change = useChange();
  const form = useForm({ values: { from: timeOf(quiet.fromMinute), until: timeOf(quiet.untilMinute) } });
  const { errors, isDirty } = form.formState;
  return (
    <form
      noValidate
      className={css.inline}
      onSubmit={form.handleSubmit(({ from, until }) =>
        change.mutate(
          { quietHours: { fromMinute: minutesOf(from), untilMinute: minutesOf(until) } },
          { onError: toast.problem, onSuccess: () => toast.success(t('common:saved')) },
        ),
      )}
    >
      <TextField
        type="time"
        label={t('quietFrom')}
        error={errors.from?.message}
        {...form.register('from', rules.text(5))}
      />
      <TextField
        type="time"
        label={t('quietUntil')}
        error={errors.until?.message}
        {...form.register('until', {
          ...rules.text(5),
          validate: (until, { from }) => until !== from || t('quietSame'),
        })}
      />
      <Button type="submit" look="secondary" busy={change.isPending} disabled={!isDirty}>
        {t('common:save')}
      </Button>
    </form>
  );
}
