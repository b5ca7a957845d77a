import { expect, it, vi } from 'vitest';

vi.mock('~/api/client', () => ({ api: {}, ask: vi.fn() }));
const { jumped } = await import('./clock');

it('a second that takes a second is none to measure the clock for', () => {
  expect(jumped({ wall: 0, mono: 0 }, { wall: 1000, mono: 1000 })).toBe(false);
  expect(jumped({ wall: 0, mono: 0 }, { wall: 8000, mono: 8000 })).toBe(false);
});

it('whoever has slept, or whose clock was set, is told the time anew', () => {
  // Some browsers stop their own time while the machine sleeps, others go on.
  expect(jumped({ wall: 0, mono: 0 }, { wall: 600_000, mono: 1000 })).toBe(true);
  expect(jumped({ wall: 0, mono: 0 }, { wall: 600_000, mono: 600_000 })).toBe(true);
  expect(jumped({ wall: 0, mono: 0 }, { wall: -3_600_000, mono: 1000 })).toBe(true);
});
