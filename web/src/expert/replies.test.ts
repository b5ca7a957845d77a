import { expect, it } from 'vitest';
import { MOST_REPLIES, readReplies, withReply } from './replies';

it('puts what was said last first, once', () => {
  expect(withReply(['a', 'b'], ' b ')).toEqual(['b', 'a']);
  expect(withReply(['a'], '  ')).toEqual(['a']);
});

it('has a bound', () => {
  let replies: string[] = [];
  for (let i = 0; i < 50; i += 1) replies = withReply(replies, `reply ${i}`);
  expect(replies).toHaveLength(MOST_REPLIES);
  expect(replies[0]).toBe('reply 49');
});

it('takes whatever is stored for what it is', () => {
  const holding = (text: string | null) => ({ getItem: () => text });
  expect(readReplies(holding(null))).toEqual([]);
  expect(readReplies(holding('{'))).toEqual([]);
  expect(readReplies(holding('["a", 1, null]'))).toEqual(['a']);
});
