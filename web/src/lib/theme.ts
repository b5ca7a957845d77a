import { useSyncExternalStore } from 'react';
import { parse, shades } from './brand';
import { storage } from './storage';

/** Dark and light: what was chosen, else what the system has. */
export type Theme = 'system' | 'light' | 'dark';

const STORED = 'visavis.theme';
const dark = window.matchMedia('(prefers-color-scheme: dark)');
/** As the server has it until somebody chooses another. */
let brand = '#1d4ed8';

export function theme(): Theme {
  const stored = storage.local.getItem(STORED);
  return stored === 'light' || stored === 'dark' ? stored : 'system';
}

function apply(): void {
  const root = document.documentElement;
  const chosen = theme();
  const shown = chosen === 'system' ? (dark.matches ? 'dark' : 'light') : chosen;
  root.dataset.theme = shown;
  const colour = parse(brand);
  if (!colour) return;
  for (const [name, value] of Object.entries(shades(colour, shown))) root.style.setProperty(name, value);
}

const listeners = new Set<() => void>();

export function setTheme(next: Theme): void {
  if (next === 'system') storage.local.removeItem(STORED);
  else storage.local.setItem(STORED, next);
  apply();
  for (const tell of listeners) tell();
}

function subscribe(tell: () => void): () => void {
  listeners.add(tell);
  return () => listeners.delete(tell);
}

/** The chosen theme; the component renders again when another is chosen. */
export function useTheme(): Theme {
  return useSyncExternalStore(subscribe, theme);
}

/** The organisation's colour, `#rrggbb`. */
export function setBrand(colour: string): void {
  brand = colour;
  apply();
}

export function startTheme(): void {
  apply();
  dark.addEventListener?.('change', apply);
}
