import { expect, it } from 'vitest';
import { parse } from './reactions';

it('only the reactions that there are pass', () => {
  const packet = (text: string) => new TextEncoder().encode(text);
  expect(parse(packet('{"emoji":"👍"}'))).toBe('👍');
  for (const bad of [
    '',
    'null',
    '7',
    '{"emoji":"<b>"}',
    '{"emoji":["👍"]}',
    `{"emoji":"${'👍'.repeat(40)}"}`,
  ])
    expect(parse(packet(bad))).toBeUndefined();
});
