import { createParser } from 'eventsource-parser';

/** One event of `/api/events`: its kind, such as `appointment.approved`, and its JSON. */
export interface LiveEvent {
  kind: string;
  data: Record<string, unknown>;
}

type Listener = (event: LiveEvent) => void;
/** Told after the stream was away, when events may have been missed by whoever came late. */
type Reconnected = () => void;

const listeners = new Set<Listener>();
const reconnected = new Set<Reconnected>();
let running: AbortController | undefined;

/** Hears of every event from now on; returns how to stop. */
export function onLiveEvent(listener: Listener, again: Reconnected = () => {}): () => void {
  listeners.add(listener);
  reconnected.add(again);
  return () => {
    listeners.delete(listener);
    reconnected.delete(again);
  };
}

/**
 * Keeps one stream open per browser: with HTTP/1.1 a browser has six connections to a server, and a stream in every
 * tab would use them up. The tab that holds the lock reads it and passes on what it hears.
 */
export function startLiveEvents(): void {
  if (running) return;
  running = new AbortController();
  const { signal } = running;
  const channel = 'BroadcastChannel' in window ? new BroadcastChannel('visavis-events') : undefined;
  channel?.addEventListener('message', ({ data }: MessageEvent<LiveEvent | null>) => hear(data));
  signal.addEventListener('abort', () => channel?.close());
  const read = () =>
    follow(signal, (event) => {
      hear(event);
      channel?.postMessage(event);
    });
  if (channel && navigator.locks) {
    navigator.locks.request('visavis-events', { signal }, read).catch(() => {});
  } else {
    void read();
  }
}

export function stopLiveEvents(): void {
  running?.abort();
  running = undefined;
}

/** `null`: the stream is back after it was away. */
function hear(event: LiveEvent | null): void {
  if (event === null) for (const again of reconnected) again();
  else for (const listener of listeners) listener(event);
}

async function follow(signal: AbortSignal, tell: (event: LiveEvent | null) => void): Promise<void> {
  let last: string | undefined;
  let failures = 0;
  while (!signal.aborted) {
    try {
      const headers: Record<string, string> = last === undefined ? {} : { 'last-event-id': last };
      const response = await fetch('/api/events', {
        headers: { accept: 'text/event-stream', ...headers },
        signal,
      });
      // Signed out, or no longer allowed: whoever signs in starts it anew.
      if (response.status === 401 || response.status === 403) return;
      if (!response.ok || !response.body) throw new Error(String(response.status));
      if (failures > 0 && last === undefined) tell(null);
      failures = 0;
      const parser = createParser({
        onEvent: (event) => {
          if (event.id !== undefined) last = event.id;
          const data: unknown = parsed(event.data);
          if (event.event && typeof data === 'object' && data !== null) {
            tell({ kind: event.event, data: data as Record<string, unknown> });
          }
        },
      });
      const decoder = new TextDecoder();
      const reader = response.body.getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        parser.feed(decoder.decode(value, { stream: true }));
      }
      // The server ends a stream after a few minutes; that is no failure, but nobody hammers.
      await pause(300, signal);
    } catch {
      failures += 1;
      // Half a second, then twice as long each time, up to fifteen; spread, so that a restart is not met by all at once.
      await pause(Math.min(15_000, 500 * 2 ** Math.min(failures, 6)) * (0.5 + Math.random() / 2), signal);
    }
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        done();
      },
      { once: true },
    );
  });
}
