import i18next from 'i18next';
import { useTranslation } from 'react-i18next';
import type { Problem } from '~/api/client';
import type catalogue from '~/locales/en/problems.json';

/** The codes that the app has words for: all of the server's, and those of its own. */
export type Code = keyof typeof catalogue;

export interface Words {
  title: string;
  nextStep: string;
}

/** What a problem is called, and what to do next, in the language spoken. */
export function problemWords(problem: Problem): Words {
  const code = i18next.exists(`problems:${problem.code}.title`)
    ? (problem.code as Code)
    : 'unexpected_answer';
  return {
    title: i18next.t(`${code}.title`, { ns: 'problems' }),
    nextStep: i18next.t(`${code}.nextStep`, { ns: 'problems' }),
  };
}

export function useProblemWords(problem: Problem): Words {
  // Only to wait for the catalogue, and to speak again when the language changes.
  useTranslation('problems');
  return problemWords(problem);
}
