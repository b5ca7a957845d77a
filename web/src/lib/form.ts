import i18next from 'i18next';
import type { FieldPath, FieldValues, UseFormSetError } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { Problem } from '~/api/client';
import { problemWords } from './problems';

/** Of one line without spaces, an at-sign and a dot behind it; the server looks more closely. */
const EMAIL = /^[^\s@]+@[^\s@]+\.[^\s@]+$/;
/** As the server has it. */
const PASSWORD_MIN = 10;
const PASSWORD_MAX = 200;

/** Rules of fields that several forms have, with what is said beside the field. */
export function useRules() {
  const { t } = useTranslation();
  const filled = (text: string) => text.trim() !== '' || t('required');
  const most = (count: number) => ({ value: count, message: t('tooLong', { count }) });
  return {
    email: {
      required: t('required'),
      maxLength: most(254),
      validate: (text: string) => EMAIL.test(text.trim()) || t('notAnEmail'),
    },
    /** Text that must be there. */
    text: (max: number) => ({ required: t('required'), maxLength: most(max), validate: filled }),
    /** Text that may be left out. */
    free: (max: number) => ({ maxLength: most(max) }),
    /** A password that exists already: only the server knows whether it is right. */
    password: { required: t('required'), maxLength: most(1000) },
    newPassword: {
      required: t('required'),
      minLength: { value: PASSWORD_MIN, message: t('tooShort', { count: PASSWORD_MIN }) },
      maxLength: most(PASSWORD_MAX),
    },
  };
}

/**
 * Puts a refusal beside the field that it is about, by the problem's code, in the problem's words or others; returns
 * the problem where it is about none of them.
 */
export async function blame<T extends FieldValues>(
  thrown: unknown,
  setError: UseFormSetError<T>,
  fields: Partial<Record<string, FieldPath<T> | readonly [field: FieldPath<T>, said: string]>>,
): Promise<Problem | undefined> {
  const problem = Problem.of(thrown);
  const found = fields[problem.code];
  if (!found) return problem;
  await i18next.loadNamespaces('problems');
  const { title, nextStep } = problemWords(problem);
  const [field, message] = typeof found === 'string' ? [found, `${title}. ${nextStep}`] : found;
  setError(field, { type: 'server', message }, { shouldFocus: true });
  return undefined;
}
