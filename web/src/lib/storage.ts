type Keeps = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

/**
 * What the browser keeps for us: `local` for good, `session` as long as the tab. In a frame of another site it may keep
 * nothing, and even looking is an error there; then things last as long as the page.
 */
export const storage = { local: kept('localStorage'), session: kept('sessionStorage') };

function kept(which: 'localStorage' | 'sessionStorage'): Keeps {
  try {
    // Some browsers have nothing there instead.
    return globalThis[which] ?? memory();
  } catch {
    return memory();
  }
}

function memory(): Keeps {
  const items = new Map<string, string>();
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
  };
}
