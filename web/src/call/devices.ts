import { useCallback, useEffect, useState, useSyncExternalStore } from 'react';
import { storage } from '~/lib/storage';

/** What somebody enters calls with; remembered from call to call. */
export interface Choices {
  audio: boolean;
  video: boolean;
  blur: boolean;
  audioinput: string;
  videoinput: string;
  audiooutput: string;
}

const STORED = 'visavis.call.devices';
const FIRST: Choices = {
  audio: true,
  video: true,
  blur: false,
  audioinput: '',
  videoinput: '',
  audiooutput: '',
};

function stored(): Choices {
  try {
    const kept = JSON.parse(storage.local.getItem(STORED) ?? '{}') as Partial<Record<keyof Choices, unknown>>;
    const one = <K extends keyof Choices>(key: K): Choices[K] =>
      typeof kept[key] === typeof FIRST[key] ? (kept[key] as Choices[K]) : FIRST[key];
    return {
      audio: one('audio'),
      video: one('video'),
      blur: one('blur'),
      audioinput: one('audioinput'),
      videoinput: one('videoinput'),
      audiooutput: one('audiooutput'),
    };
  } catch {
    return FIRST;
  }
}

let choices: Choices | undefined;
const listeners = new Set<() => void>();

function current(): Choices {
  choices ??= stored();
  return choices;
}

export function choose(change: Partial<Choices>): void {
  choices = { ...current(), ...change };
  try {
    storage.local.setItem(STORED, JSON.stringify(choices));
  } catch {
    // Private windows may keep nothing; the choice holds for this page.
  }
  for (const tell of listeners) tell();
}

export function useChoices(): Choices {
  return useSyncExternalStore((tell) => {
    listeners.add(tell);
    return () => listeners.delete(tell);
  }, current);
}

/** Why a device does not come: refused, not there, or in another program's hands. */
export type Trouble = 'denied' | 'missing' | 'busy' | 'insecure';

export function troubleOf(error: unknown): Trouble {
  const name = error instanceof Error ? error.name : '';
  if (name === 'NotAllowedError' || name === 'SecurityError') return 'denied';
  if (name === 'NotFoundError' || name === 'OverconstrainedError' || name === 'NotSupportedError')
    return 'missing';
  return 'busy';
}

let primed: Promise<void> | undefined;

/** Asks for both at once the first time, so that nobody is asked twice. */
function prime(both: boolean): Promise<void> {
  if (!both) return Promise.resolve();
  primed ??= navigator.mediaDevices.getUserMedia({ audio: true, video: true }).then(
    (stream) => {
      for (const track of stream.getTracks()) track.stop();
    },
    () => {},
  );
  return primed;
}

async function open(kind: 'audio' | 'video', deviceId: string): Promise<MediaStream> {
  const shape: MediaTrackConstraints =
    kind === 'video'
      ? { width: { ideal: 1280 }, height: { ideal: 720 } }
      : { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
  const wanted = { ...shape, ...(deviceId ? { deviceId: { exact: deviceId } } : {}) };
  try {
    return await navigator.mediaDevices.getUserMedia({ [kind]: wanted });
  } catch (error) {
    // The one that was remembered is not plugged in today.
    if (deviceId && troubleOf(error) === 'missing')
      return navigator.mediaDevices.getUserMedia({ [kind]: shape });
    throw error;
  }
}

export interface Captured {
  stream?: MediaStream;
  trouble?: Trouble;
}

/** One kind of device while it is wanted; it is let go of at once when it is not. */
export function useCapture(
  kind: 'audio' | 'video',
  on: boolean,
  deviceId: string,
  both: boolean,
): Captured & { retry: () => void } {
  const [state, setState] = useState<Captured>({});
  const [attempt, setAttempt] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another attempt opens it anew
  useEffect(() => {
    if (!on) {
      setState({});
      return;
    }
    if (!navigator.mediaDevices) {
      setState({ trouble: 'insecure' });
      return;
    }
    let gone = false;
    let opened: MediaStream | undefined;
    const stop = () => {
      for (const track of opened?.getTracks() ?? []) track.stop();
    };
    prime(both)
      .then(() => open(kind, deviceId))
      .then(
        (stream) => {
          opened = stream;
          if (gone) stop();
          else setState({ stream });
        },
        (error: unknown) => {
          if (!gone) setState({ trouble: troubleOf(error) });
        },
      );
    return () => {
      gone = true;
      stop();
    };
  }, [kind, on, deviceId, attempt]);
  const retry = useCallback(() => {
    primed = undefined;
    setAttempt((count) => count + 1);
  }, []);
  return { ...state, retry };
}

const NONE: MediaDeviceInfo[] = [];

/** What is plugged in, kept up to date; names are known once a device may be used, which `seen` stands for. */
export function useDevices(seen: unknown): MediaDeviceInfo[] {
  const [devices, setDevices] = useState(NONE);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the names change with what is allowed
  useEffect(() => {
    const media = navigator.mediaDevices;
    if (!media) return;
    let gone = false;
    const look = () =>
      media.enumerateDevices().then(
        (found) => {
          if (!gone) setDevices(found.filter(({ deviceId }) => deviceId !== ''));
        },
        () => {},
      );
    void look();
    media.addEventListener?.('devicechange', look);
    return () => {
      gone = true;
      media.removeEventListener?.('devicechange', look);
    };
  }, [seen]);
  return devices;
}

/** Which guide to show to somebody whose browser refuses. Only words depend on it. */
export function browserName(
  agent = navigator.userAgent,
): 'firefox' | 'safari' | 'ios' | 'android' | 'chromium' {
  if (/iPhone|iPad/.test(agent)) return 'ios';
  if (/Android/.test(agent)) return 'android';
  if (/Firefox\//.test(agent)) return 'firefox';
  if (/Chrom(e|ium)\//.test(agent)) return 'chromium';
  return 'safari';
}
