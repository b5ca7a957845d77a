import { expect, it } from 'vitest';
import { wrongUrl } from './address';

it('knows what can be told of events', () => {
  expect(wrongUrl('https://example.org/hook')).toBeUndefined();
  expect(wrongUrl('example.org')).toBe('noUrl');
  expect(wrongUrl('javascript:alert(1)')).toBe('notHttps');
  expect(wrongUrl('https://a:b@example.org')).toBe('credentials');
});
