import { describe, expect, it } from 'vitest';
import { fit, type Line, merge } from './chat-log';
import { pieces } from './linked';

const line = (streamId: string, at: number, body = streamId): Line => ({
  streamId,
  name: 'Ada',
  own: false,
  at,
  body,
});

describe('the log of a chat', () => {
  it('has every message once, in the order of time', () => {
    const live = [line('b', 2), line('c', 3)];
    const history = [line('a', 1), line('b', 2)];
    expect(merge(history, live).map(({ streamId }) => streamId)).toEqual(['a', 'b', 'c']);
    expect(merge([line('a', 1, 'old')], [line('a', 1, 'new')])[0]?.body).toBe('new');
  });

  it('cuts what is too long without breaking a letter', () => {
    expect(fit('abc', 10)).toBe('abc');
    expect(fit('äää', 5)).toBe('ää');
    expect(fit('😀😀', 7)).toBe('😀');
  });
});

describe('links in a text', () => {
  it('are only addresses of the web, without the full stop behind them', () => {
    expect(pieces('see https://example.org/a?b=1. Or (http://x.y)')).toEqual([
      'see ',
      { href: 'https://example.org/a?b=1' },
      '. Or (',
      { href: 'http://x.y' },
      ')',
    ]);
    expect(pieces('<script>alert(1)</script>')).toEqual(['<script>alert(1)</script>']);
    expect(pieces('javascript:alert(1) https://')).toEqual(['javascript:alert(1) https://']);
  });
});
