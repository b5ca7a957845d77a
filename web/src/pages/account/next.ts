import type { Role } from '~/api/session';
import { storage } from '~/lib/storage';

const REMEMBERED = 'visavis.next';
/** A link by mail is good for less. */
const FOR_MS = 60 * 60_000;

/** A page of ours to go on with. What leads elsewhere, or to the sign-in once more, is none. */
export function ownPage(wanted: string | null | undefined): string | undefined {
  if (!wanted || wanted.length > 512 || !/^\/[\x21-\x7e]*$/.test(wanted)) return undefined;
  const here = 'https://here.invalid';
  const url = new URL(wanted, here);
  const entrance = /^\/(sign-in|sign-up|reset|link|guest)$/.test(url.pathname);
  return url.origin === here && !entrance ? url.pathname + url.search + url.hash : undefined;
}

/** The first page of somebody who has come in. */
export function homeOf(role: Role): string {
  return { customer: '/appointments', expert: '/expert', admin: '/admin' }[role];
}

/** For the link that comes by mail and opens in another tab. */
export function rememberNext(page: string | undefined): void {
  if (page) storage.local.setItem(REMEMBERED, JSON.stringify({ page, at: Date.now() }));
  else storage.local.removeItem(REMEMBERED);
}

/** What was remembered, once. */
export function takeNext(): string | undefined {
  const stored = storage.local.getItem(REMEMBERED);
  storage.local.removeItem(REMEMBERED);
  try {
    const { page, at } = JSON.parse(stored ?? '{}') as { page?: string; at?: number };
    return at !== undefined && Date.now() - at < FOR_MS ? ownPage(page) : undefined;
  } catch {
    return undefined;
  }
}
