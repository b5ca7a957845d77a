import { expect, it } from 'vitest';
import { isEmail } from './form';

it('knows what can be an address of mail', () => {
  expect(['a@b.de', ' ada.amato+x@example.org '].map(isEmail)).toEqual([true, true]);
  expect(['', 'a', 'a@b', 'a b@c.de', '<a@b.de>', `${'x'.repeat(250)}@b.de`].map(isEmail)).toEqual(
    Array(6).fill(false),
  );
});
