import i18next, { type BackendModule } from 'i18next';
import { initReactI18next } from 'react-i18next';
import { storage } from '~/lib/storage';
import { LANGUAGES, type Language } from './languages';

export { LANGUAGES, type Language };

const STORED = 'visavis.language';
const catalogues = import.meta.glob<{ default: Record<string, unknown> }>('../locales/*/*.json');

/** Each namespace of each language is a file of its own, loaded when a page first asks for it. */
const backend: BackendModule = {
  type: 'backend',
  init: () => {},
  read: (language, namespace, done) => {
    const load = catalogues[`../locales/${language}/${namespace}.json`];
    if (!load) {
      done(new Error(`no catalogue ${language}/${namespace}`), null);
      return;
    }
    load().then(
      (module) => done(null, module.default as never),
      (error: unknown) => done(error as Error, null),
    );
  },
};

function isLanguage(text: string): text is Language {
  return (LANGUAGES as readonly string[]).includes(text);
}

/** What was chosen, else the first of the browser's languages that we have. */
function preferred(): Language {
  const wanted = [storage.local.getItem(STORED) ?? '', ...navigator.languages].map((tag) => tag.slice(0, 2));
  return wanted.find(isLanguage) ?? 'en';
}

export async function startI18n(): Promise<void> {
  await i18next
    .use(backend)
    .use(initReactI18next)
    .init({
      lng: preferred(),
      fallbackLng: 'en',
      ns: ['common'],
      defaultNS: 'common',
      interpolation: { escapeValue: false },
      react: { useSuspense: true },
    });
  document.documentElement.lang = language();
}

/** The language that is spoken now. */
export function language(): Language {
  const tag = i18next.language.slice(0, 2);
  return isLanguage(tag) ? tag : 'en';
}

/** The language with the region that the browser has for it: people of one language write dates and times differently. */
export function locale(): string {
  const spoken = language();
  return navigator.languages.find((tag) => tag.slice(0, 2).toLowerCase() === spoken) ?? spoken;
}

export async function speak(next: Language): Promise<void> {
  storage.local.setItem(STORED, next);
  await i18next.changeLanguage(next);
  document.documentElement.lang = next;
}
