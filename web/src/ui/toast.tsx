import i18next from 'i18next';
import { X } from 'lucide-react';
import { useSyncExternalStore } from 'react';
import { useTranslation } from 'react-i18next';
import { Problem } from '~/api/client';
import { problemWords } from '~/lib/problems';
import css from './ui.module.css';

interface Toast {
  id: number;
  tone: 'good' | 'bad' | 'neutral';
  text: string;
  action?: { label: string; run: () => void } | undefined;
}

/** As many as fit beside each other; the oldest goes. */
const MOST = 4;
const SHOWN_MS = 6000;
/** With something to press in it. */
const LONGER_MS = 12_000;

let toasts: readonly Toast[] = [];
let count = 0;
const listeners = new Set<() => void>();

function set(next: readonly Toast[]): void {
  toasts = next;
  for (const tell of listeners) tell();
}

function show(tone: Toast['tone'], text: string, action?: Toast['action']): () => void {
  count += 1;
  const id = count;
  const dismiss = () => set(toasts.filter((toast) => toast.id !== id));
  set([...toasts, { id, tone, text, action }].slice(-MOST));
  setTimeout(dismiss, action || tone === 'bad' ? LONGER_MS : SHOWN_MS);
  return dismiss;
}

/** Short remarks that pass. Never the only place where something is said. */
export const toast = {
  success: (text: string, action?: Toast['action']) => show('good', text, action),
  info: (text: string, action?: Toast['action']) => show('neutral', text, action),
  error: (text: string, action?: Toast['action']) => show('bad', text, action),
  problem: async (error: unknown) => {
    await i18next.loadNamespaces('problems');
    const words = problemWords(Problem.of(error));
    return show('bad', `${words.title}. ${words.nextStep}`);
  },
};

function subscribe(tell: () => void): () => void {
  listeners.add(tell);
  return () => listeners.delete(tell);
}

const current = () => toasts;

export function Toasts() {
  const { t } = useTranslation();
  const shown = useSyncExternalStore(subscribe, current);
  const list = (tones: Toast['tone'][]) =>
    shown
      .filter((toast) => tones.includes(toast.tone))
      .map((toast) => (
        <div key={toast.id} className={css.toast} data-tone={toast.tone}>
          <span>{toast.text}</span>
          {toast.action && (
            <button
              type="button"
              className={`${css.button} ${css.quiet} ${css.small}`}
              onClick={() => {
                toast.action?.run();
                set(toasts.filter(({ id }) => id !== toast.id));
              }}
            >
              {toast.action.label}
            </button>
          )}
          <button
            type="button"
            className={`${css.button} ${css.quiet} ${css.small}`}
            aria-label={t('dismiss')}
            onClick={() => set(toasts.filter(({ id }) => id !== toast.id))}
          >
            <X size={16} />
          </button>
        </div>
      ));
  // Both regions are there from the start: one that comes with its text is not read out.
  return (
    <div className={css.toasts}>
      <div role="status">{list(['good', 'neutral'])}</div>
      <div role="alert">{list(['bad'])}</div>
    </div>
  );
}
