import i18next from 'i18next';
import type { FieldPath, FieldValues, UseFormSetError } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { Problem } from '~/api/client';
import { problemWords } from './problems';

/** One word, an at-sign and a name with a dot in it. */
const EMAIL = /^[^\s@<>,;:"()]+@[^\s@<>,;:"()]+\.[^\s@<>,;:"().]{2,}$/;
const EMAIL_MAX = 254;
/** As the server has it. */
const PASSWORD_MIN = 10;
const PASSWORD_MAX = 200;

/** Whether a text can be an e-mail address. Whether it is one only a mail shows. */
export function isEmail(text: string): boolean {
  return text.length <= EMAIL_MAX && EMAIL.test(text.trim());
}

/** Rules of fields that several forms have, with what is said beside the field. */
export function useRules() {
  const { t } = useTranslation();
  const filled = (text: string) => text.trim() !== '' || t('required');
  const most = (count: number) => ({ value: count, message: t('tooLong', { count }) });
  const address = (text: string) => isEmail(text) || t('notAnEmail');
  return {
    email: { required: t('required'), maxLength: most(EMAIL_MAX), validate: address },
    /** An address that may be left out. */
    freeEmail: { maxLength: most(EMAIL_MAX), validate: (text: string) => !text.trim() || address(text) },
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
