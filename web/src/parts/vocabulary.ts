/**
 * What a frame of ours and the page around it say to each other. Each side checks where a message comes from, and sends
 * only to the origin that it means.
 */

/** From the frame to the page around it. */
export type FrameMessage =
  /** It is there and listens. */
  | { type: 'ready' }
  /** How high its content is, in CSS pixels. */
  | { type: 'resize'; height: number }
  /** An appointment was asked for, or is confirmed at once. */
  | { type: 'booked'; appointmentId: string; status: string; startsAt: string }
  /** The call has begun for whoever looks at the frame. */
  | { type: 'joined' }
  /** It is over for them. */
  | { type: 'left' }
  /** Something does not work; `code` is one of the API's, or of the app's. */
  | { type: 'problem'; code: string };

/** From the page around to the frame. */
export type HostMessage =
  /** Dark or light, as the page around is. */
  | { type: 'theme'; theme: 'light' | 'dark' }
  /** The call is to be left. */
  | { type: 'leave' };

/** Marks our messages among those that other scripts send. */
const MARK = 'visavis';

export function marked<T extends FrameMessage | HostMessage>(message: T): T & { source: typeof MARK } {
  return { ...message, source: MARK };
}

type Fields = Record<string, unknown>;

function fields(data: unknown): Fields | undefined {
  if (typeof data !== 'object' || data === null) return undefined;
  const all = data as Fields;
  return all.source === MARK ? all : undefined;
}

/** A message of a frame's, or nothing where it is none that is known. */
export function frameMessage(data: unknown): FrameMessage | undefined {
  const all = fields(data);
  switch (all?.type) {
    case 'ready':
    case 'joined':
    case 'left':
      return { type: all.type };
    case 'resize':
      return typeof all.height === 'number' && Number.isFinite(all.height)
        ? { type: 'resize', height: all.height }
        : undefined;
    case 'booked': {
      const { appointmentId, status, startsAt } = all;
      return typeof appointmentId === 'string' && typeof status === 'string' && typeof startsAt === 'string'
        ? { type: 'booked', appointmentId, status, startsAt }
        : undefined;
    }
    case 'problem':
      return typeof all.code === 'string' ? { type: 'problem', code: all.code } : undefined;
    default:
      return undefined;
  }
}

/** The same of the page around. */
export function hostMessage(data: unknown): HostMessage | undefined {
  const all = fields(data);
  if (all?.type === 'leave') return { type: 'leave' };
  if (all?.type === 'theme' && (all.theme === 'light' || all.theme === 'dark'))
    return { type: 'theme', theme: all.theme };
  return undefined;
}

/** An origin as such, or nothing where it is none that pages have. */
export function originOf(text: string | null): string | undefined {
  try {
    const { origin, protocol } = new URL(text ?? '');
    return protocol === 'https:' || protocol === 'http:' ? origin : undefined;
  } catch {
    return undefined;
  }
}
