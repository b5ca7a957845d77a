import { useEffect } from 'react';

interface Lock {
  release: () => Promise<void>;
}

/** Keeps the screen on while somebody is in a call; a browser takes it away when the page is hidden. */
export function useWakeLock(): void {
  useEffect(() => {
    const { wakeLock } = navigator as Navigator & {
      wakeLock?: { request: (kind: 'screen') => Promise<Lock> };
    };
    if (!wakeLock) return;
    let lock: Lock | undefined;
    let gone = false;
    const hold = () => {
      if (document.visibilityState !== 'visible') return;
      wakeLock.request('screen').then(
        (held) => {
          lock = held;
          if (gone) void held.release();
        },
        () => {},
      );
    };
    hold();
    document.addEventListener('visibilitychange', hold);
    return () => {
      gone = true;
      document.removeEventListener('visibilitychange', hold);
      void lock?.release().catch(() => {});
    };
  }, []);
}
