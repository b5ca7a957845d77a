import { beforeAll, expect, test, vi } from 'vitest';
import { doorAt } from '~/appointments/view';
import { after, fixtures, possible, seenBy } from './fixtures';

const words = { quick: 'Quick', thorough: 'Thorough', review: 'Review', note: 'Note', message: 'Hello' };
const moment = Date.parse('2026-11-26T10:01:00Z');

beforeAll(() => {
  vi.stubGlobal('location', { origin: 'https://example.org' });
});

test('the next appointment opens within the half hour, whenever the demo is opened', () => {
  const [next] = fixtures(moment, words);
  if (!next) throw new Error('nothing there');
  expect(next.startsAt).toBe('2026-11-26T10:35:00.000Z');
  expect(doorAt(next, moment).state).toBe('not_open');
  expect(doorAt(next, Date.parse(next.startsAt) - 10 * 60_000).state).toBe('open');
  expect(doorAt(next, Date.parse(next.endsAt) + 31 * 60_000).state).toBe('closed');
});

test('a customer never approves', () => {
  for (const it of fixtures(moment, words)) {
    expect(possible(it, 'customer', moment)).not.toContain('approve');
    expect(seenBy(it, 'customer', moment).actions).not.toContain('reject');
  }
  expect(possible(fixtures(moment, words)[1] as never, 'expert', moment)).toContain('approve');
});

test('what is approved gets its link, and what moves takes its window along', () => {
  const request = fixtures(moment, words)[1];
  if (!request) throw new Error('nothing there');
  expect(request.meetingUrl).toBeNull();
  const approved = after(request, { kind: 'approve', message: '' }, 'expert');
  expect(approved.meetingUrl).toContain('https://example.org/call-demo');
  const moved = after(
    approved,
    { kind: 'reschedule', startsAt: '2026-12-01T10:00:00Z', message: '' },
    'expert',
  );
  expect(moved.window.opensAt).toBe('2026-12-01T09:45:00.000Z');
  expect(moved.window.closesAt).toBe('2026-12-01T11:30:00.000Z');
});
