import { useEffect, useRef } from 'react';

/** The keys of a call. Single letters, so never while somebody writes. */
export const KEYS = ['m', 'v', 's', 'h', 'c', 'p', 'l', '?'] as const;
export type Key = (typeof KEYS)[number];

function isKey(key: string): key is Key {
  return (KEYS as readonly string[]).includes(key);
}

interface Press {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  repeat: boolean;
}

/** The shortcut that a press is; none with a modifier, when held down, or where keys are text. */
export function shortcut(press: Press, writing: boolean): Key | undefined {
  if (writing || press.ctrlKey || press.metaKey || press.altKey || press.repeat) return undefined;
  const key = press.key.toLowerCase();
  return isKey(key) ? key : undefined;
}

export function takesText(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName);
}

export function useShortcuts(act: (key: Key) => void): void {
  const latest = useRef(act);
  latest.current = act;
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      // A dialog has the keys for itself.
      const key = shortcut(event, takesText(event.target) || document.querySelector('dialog[open]') !== null);
      if (!key) return;
      event.preventDefault();
      latest.current(key);
    };
    document.addEventListener('keydown', press);
    return () => document.removeEventListener('keydown', press);
  }, []);
}
