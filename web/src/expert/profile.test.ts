import { expect, it } from 'vitest';
import { isTag, listOf, slugOf } from './profile';

it('a list is what stands between commas, each once', () => {
  expect(listOf(' law, housing ;law,, \n pensions')).toEqual(['law', 'housing', 'pensions']);
  expect(listOf('')).toEqual([]);
});

it('languages are tags', () => {
  expect(['de', 'pt-BR', 'zh-Hant-TW'].map(isTag)).toEqual([true, true, true]);
  expect(['', 'german', 'd', 'de_DE', '<b>'].map(isTag)).toEqual([false, false, false, false, false]);
});

it('an address comes of a name', () => {
  expect(slugOf('Élena  Weiß-Müller')).toBe('elena-weiss-muller');
  expect(slugOf('x'.repeat(80))).toHaveLength(60);
  expect(slugOf('…')).toBe('');
});
