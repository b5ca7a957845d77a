import { useSyncExternalStore } from 'react';
import { api, ask } from '~/api/client';

/** How far the server's clock is ahead of this machine's, in milliseconds. Windows open by the server's. */
let offset = 0;
let measured = false;
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

/** The server's time in milliseconds since 1970. */
export function serverNow(): number {
  return Date.now() + offset;
}

/** Compares the clocks. The answer is taken to be from the middle of the round trip. */
export async function measureClock(): Promise<void> {
  const sent = performance.now();
  const { unixMs } = await ask(api.GET('/api/time'));
  const half = (performance.now() - sent) / 2;
  // A slow answer says little: keep what is known if it agrees.
  const fresh = unixMs + half - Date.now();
  if (!measured || Math.abs(fresh - offset) > half) offset = fresh;
  measured = true;
  for (const tell of listeners) tell();
}

/** What a page was served with is a first measure. */
export function clockIs(unixMs: number): void {
  if (!measured) offset = unixMs - Date.now();
}

function subscribe(tell: () => void): () => void {
  listeners.add(tell);
  timer ??= setInterval(() => {
    for (const listener of listeners) listener();
  }, 1000);
  return () => {
    listeners.delete(tell);
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

const second = () => Math.floor(serverNow() / 1000) * 1000;

/** The server's time to the second; the component renders again when it changes. */
export function useServerNow(): number {
  return useSyncExternalStore(subscribe, second, second);
}
