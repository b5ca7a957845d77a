import { describe, expect, test } from 'vitest';
import { ownPage } from './next';

describe('a page to go on with after the sign-in', () => {
  test('is one of ours, with its query and fragment', () => {
    expect(ownPage('/appointments')).toBe('/appointments');
    expect(ownPage('/experts/elena/book?service=1&at=2026-11-26T09:00:00Z#x')).toBe(
      '/experts/elena/book?service=1&at=2026-11-26T09:00:00Z#x',
    );
  });

  test.each([
    'https://evil.example/',
    '//evil.example/',
    '/\\evil.example',
    '/\t/evil.example',
    '\\\\evil.example',
    'javascript:alert(1)',
    '/ü',
    'appointments',
    '',
    `/${'x'.repeat(600)}`,
    null,
    undefined,
  ])('is never %j', (wanted) => {
    expect(ownPage(wanted)).toBeUndefined();
  });

  test('is not the sign-in again, which would lead in circles', () => {
    expect(ownPage('/sign-in?next=/sign-in')).toBeUndefined();
    expect(ownPage('/x/../link')).toBeUndefined();
  });
});
