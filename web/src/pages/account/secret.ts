const KINDS = ['magic', 'verify', 'reset', 'invitation'] as const;

/** What a link by mail is for, and the secret that it ends with. */
export interface Opening {
  kind: (typeof KINDS)[number] | 'guest';
  token: string;
}

/** Reads the fragment: `#kind=secret` of `/link`, `#secret` of `/guest`. */
export function secretOf({ pathname, hash }: Pick<Location, 'pathname' | 'hash'>): Opening | undefined {
  const text = hash.replace(/^#/, '');
  const opens = (token: string) => /^[\w-]{1,128}$/.test(token);
  if (pathname === '/guest') return opens(text) ? { kind: 'guest', token: text } : undefined;
  const split = text.indexOf('=');
  const [kind, token] = [text.slice(0, Math.max(split, 0)), text.slice(split + 1)];
  const known = KINDS.find((it) => it === kind);
  return known && opens(token) ? { kind: known, token } : undefined;
}
