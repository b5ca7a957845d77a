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

/** After so long away, or asleep, the clocks are compared anew. */
const STALE_MS = 60_000;
/** Timers that are late, or a clock that was set: more than a slow machine does. */
const JUMP_MS = 3000;
let measuredAt = 0;
let ticked = { wall: Date.now(), mono: performance.now() };

/** Compares the clocks. The answer is taken to be from the middle of the round trip. */
export async function measureClock(): Promise<void> {
  const sent = performance.now();
  const { unixMs } = await ask(api.GET('/api/time'));
  const half = (performance.now() - sent) / 2;
  // A slow answer says little: keep what is known if it agrees.
  const fresh = unixMs + half - Date.now();
  if (!measured || Math.abs(fresh - offset) > half) offset = fresh;
  measured = true;
  measuredAt = Date.now();
  for (const tell of listeners) tell();
}

/** What a page was served with is a first measure. */
export function clockIs(unixMs: number): void {
  if (!measured) offset = unixMs - Date.now();
}

function subscribe(tell: () => void): () => void {
  listeners.add(tell);
  timer ??= setInterval(() => {
    watch();
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

/**
 * Whether this machine has slept or its clock was set since the second before: then nothing that was measured holds.
 */
export function jumped(before: { wall: number; mono: number }, now: { wall: number; mono: number }): boolean {
  const [wall, mono] = [now.wall - before.wall, now.mono - before.mono];
  return wall > STALE_MS || Math.abs(wall - mono) > JUMP_MS;
}

function watch(): void {
  const now = { wall: Date.now(), mono: performance.now() };
  if (jumped(ticked, now)) void measureClock().catch(() => {});
  ticked = now;
}

/** Compares the clocks whenever there is reason to: back from sleep, from another tab, or from being offline. */
export function keepClock(): void {
  const again = () => {
    if (document.visibilityState === 'hidden') return;
    if (Date.now() - measuredAt > STALE_MS || jumped(ticked, { wall: Date.now(), mono: performance.now() }))
      void measureClock().catch(() => {});
  };
  document.addEventListener('visibilitychange', again);
  window.addEventListener('pageshow', again);
  window.addEventListener('online', () => void measureClock().catch(() => {}));
}

const second = () => Math.floor(serverNow() / 1000) * 1000;

/** The server's time to the second; the component renders again when it changes. */
export function useServerNow(): number {
  return useSyncExternalStore(subscribe, second, second);
}
