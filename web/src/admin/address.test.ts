import { expect, it } from 'vitest';
import { isEmail, wrongUrl } from './address';

it('knows what can be an address of mail', () => {
  expect(['a@b.de', ' ada.amato+x@example.org '].map(isEmail)).toEqual([true, true]);
  expect(['', 'a', 'a@b', 'a b@c.de', '<a@b.de>', `${'x'.repeat(250)}@b.de`].map(isEmail)).toEqual(
    Array(6).fill(false),
  );
});

it('knows what can be told of events', () => {
  expect(wrongUrl('https://example.org/hook')).toBeUndefined();
  expect(wrongUrl('example.org')).toBe('noUrl');
  expect(wrongUrl('javascript:alert(1)')).toBe('notHttps');
  expect(wrongUrl('https://a:b@example.org')).toBe('credentials');
});
