import { expect, it } from 'vitest';
import { shortcut } from './shortcuts';

const press = (key: string, more = {}) => ({
  key,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  repeat: false,
  ...more,
});

it('letters are shortcuts, but not in a text, with a modifier or held down', () => {
  expect(shortcut(press('m'), false)).toBe('m');
  expect(shortcut(press('M'), false)).toBe('m');
  expect(shortcut(press('?'), false)).toBe('?');
  expect(shortcut(press('m'), true)).toBeUndefined();
  expect(shortcut(press('c', { ctrlKey: true }), false)).toBeUndefined();
  expect(shortcut(press('v', { metaKey: true }), false)).toBeUndefined();
  expect(shortcut(press('h', { repeat: true }), false)).toBeUndefined();
  expect(shortcut(press('x'), false)).toBeUndefined();
});
