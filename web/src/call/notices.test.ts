import { expect, it } from 'vitest';
import { parse } from './notices';

const packet = (value: unknown) =>
  new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));

it('reads what the server says of the end of a room', () => {
  const closesAt = '2027-01-15T08:00:00Z';
  expect(parse(packet({ type: 'closing', closesAt, minutesLeft: 10 }))).toEqual({
    type: 'closing',
    closesAt,
    minutesLeft: 10,
  });
  expect(parse(packet({ type: 'extended', closesAt: null }))).toEqual({ type: 'extended', closesAt: null });
  expect(parse(packet({ type: 'closed', reason: 'cancelled' }))).toEqual({
    type: 'closed',
    reason: 'cancelled',
  });
  expect(parse(packet({ type: 'overtime', endsAt: closesAt, closesAt: null }))?.type).toBe('overtime');
});

it('takes nothing else for a notice', () => {
  const closing = { type: 'closing', closesAt: 'soon', minutesLeft: 1 };
  for (const bad of ['', '{', 'null', '[]', { type: 'party' }, closing, { type: 'overtime' }])
    expect(parse(packet(bad))).toBeUndefined();
});
