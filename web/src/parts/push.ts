/** What the server pushes, as a notification, and where that leads. */

interface Notice extends NotificationOptions {
  title: string;
  data: string;
}

const NAME = 'visavis';
/** Where the notification leads that says nothing else. */
const APPOINTMENTS = '/appointments';

/** The notification of a payload; one that cannot be read is shown all the same, as browsers ask for. */
export function notice(payload: string | undefined, origin: string): Notice {
  const said = parsed(payload);
  const text = (name: string) => (typeof said[name] === 'string' ? said[name] : undefined);
  const tag = text('tag');
  return {
    title: text('title') ?? NAME,
    body: text('body') ?? '',
    icon: '/icons/icon-192.png',
    badge: '/icons/badge-96.png',
    ...(tag ? { tag } : {}),
    data: landing(text('url'), origin),
  };
}

/** The page of an appointment, or the list of them: no address that was pushed leads anywhere else. */
export function landing(url: unknown, origin: string): string {
  try {
    const there = new URL(String(url), origin);
    const known = there.pathname === APPOINTMENTS || there.pathname.startsWith(`${APPOINTMENTS}/`);
    if (there.origin === origin && known) return there.href;
  } catch {
    // No address at all.
  }
  return origin + APPOINTMENTS;
}

function parsed(payload: string | undefined): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(payload ?? '');
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
