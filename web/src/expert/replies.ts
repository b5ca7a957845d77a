/** Replies that an expert keeps to say again. They are this browser's alone. */
import { storage } from '~/lib/storage';

const STORED = 'visavis.replies';
/** More would not be found again. */
export const MOST_REPLIES = 20;
export const LONGEST_REPLY = 500;

export function readReplies(kept: Pick<Storage, 'getItem'> = storage.local): string[] {
  try {
    const stored: unknown = JSON.parse(kept.getItem(STORED) ?? '[]');
    if (!Array.isArray(stored)) return [];
    return stored.filter((reply): reply is string => typeof reply === 'string').slice(0, MOST_REPLIES);
  } catch {
    return [];
  }
}

/** With one more at the head; the oldest goes where there are too many. */
export function withReply(replies: readonly string[], reply: string): string[] {
  const text = reply.trim().slice(0, LONGEST_REPLY);
  if (!text) return [...replies];
  return [text, ...replies.filter((other) => other !== text)].slice(0, MOST_REPLIES);
}

export function writeReplies(replies: readonly string[]): void {
  try {
    storage.local.setItem(STORED, JSON.stringify(replies));
  } catch {
    // A browser that keeps nothing: they live as long as the page.
  }
}
