import { useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import type { Problem } from '~/api/client';
import { LANGUAGES, type Language, speak } from '~/i18n';
import { blame, useRules } from '~/lib/form';
import { Button } from '~/ui/button';
import { Select, TextField } from '~/ui/field';
import { ProblemNote } from '~/ui/states';
import { toast } from '~/ui/toast';
import { ZoneSelect } from '~/ui/zone-select';
import { type Me, useChange } from './me';
import css from './settings.module.css';

const NAMES: Record<Language, string> = { en: 'English', de: 'Deutsch' };

export function ProfileForm({ me }: { me: Me }) {
  const { t } = useTranslation(['account', 'common']);
  const rules = useRules();
  const change = useChange();
  const [rest, setRest] = useState<Problem>();
  const { name, phone, tz, locale } = me.profile;
  const spoken = LANGUAGES.find((it) => it === locale.slice(0, 2)) ?? 'en';
  // What is typed stays, whatever the account turns into meanwhile.
  const form = useForm({ defaultValues: { name, phone: phone ?? '', tz, locale: spoken as Language } });
  const { errors, isDirty, dirtyFields } = form.formState;
  const save = form.handleSubmit(async (values) => {
    setRest(undefined);
    try {
      // Only what was changed here: another tab may have changed the rest.
      await change.mutateAsync({
        ...(dirtyFields.name && { name: values.name.trim() }),
        ...(dirtyFields.phone && { phone: values.phone.trim() || null }),
        ...(dirtyFields.tz && { tz: values.tz }),
        ...(dirtyFields.locale && { locale: values.locale }),
      });
    } catch (thrown) {
      setRest(
        await blame(thrown, form.setError, {
          invalid_name: 'name',
          invalid_phone: 'phone',
          phone_missing: 'phone',
          invalid_time_zone: 'tz',
        }),
      );
      return;
    }
    form.reset(values);
    if (values.locale !== spoken) await speak(values.locale);
    toast.success(t('common:saved'));
  });
  return (
    <form noValidate className={css.form} onSubmit={save}>
      <div className={css.pair}>
        <TextField
          label={t('name')}
          hint={t('nameHint')}
          autoComplete="name"
          error={errors.name?.message}
          {...form.register('name', rules.text(200))}
        />
        <TextField
          type="tel"
          label={t('phone')}
          hint={t('phoneHint')}
          autoComplete="tel"
          error={errors.phone?.message}
          {...form.register('phone', {
            ...rules.free(40),
            validate: (text) =>
              text.trim() === '' || /^\+?[\d\s()/.-]{5,}$/.test(text.trim()) || t('notAPhone'),
          })}
        />
        <ZoneSelect
          label={t('common:timeZone')}
          hint={t('zoneHint')}
          first={[tz]}
          error={errors.tz?.message}
          {...form.register('tz')}
        />
        <Select label={t('accountLanguage')} hint={t('accountLanguageHint')} {...form.register('locale')}>
          {LANGUAGES.map((tag) => (
            <option key={tag} value={tag}>
              {NAMES[tag]}
            </option>
          ))}
        </Select>
      </div>
      {rest && <ProblemNote error={rest} />}
      <div>
        <Button type="submit" busy={change.isPending} disabled={!isDirty}>
          {t('common:save')}
        </Button>
      </div>
    </form>
  );
}
