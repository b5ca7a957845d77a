import { expect, test } from 'vitest';
import { secretOf } from './secret';

test('a link by mail says what it is for', () => {
  expect(secretOf({ pathname: '/link', hash: '#magic=ab_C-9' })).toEqual({ kind: 'magic', token: 'ab_C-9' });
  expect(secretOf({ pathname: '/link', hash: '#invitation=x' })).toEqual({ kind: 'invitation', token: 'x' });
});

test('a guest’s link is a secret alone', () => {
  expect(secretOf({ pathname: '/guest', hash: '#ab_C-9' })).toEqual({ kind: 'guest', token: 'ab_C-9' });
});

test.each([
  '',
  '#',
  '#magic',
  '#magic=',
  '#other=x',
  '#guest=x',
  '#magic=<script>',
  `#magic=${'x'.repeat(200)}`,
])('what has been cut off or is none of ours opens nothing: %s', (hash) => {
  expect(secretOf({ pathname: '/link', hash })).toBeUndefined();
});
