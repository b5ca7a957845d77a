import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { LANGUAGES } from './languages';

type Words = { [key: string]: string | Words };

const root = new URL('../locales/', import.meta.url);
const read = (language: string, file: string) =>
  JSON.parse(readFileSync(new URL(`${language}/${file}`, root), 'utf8')) as Words;
const files = readdirSync(new URL('en/', root));

/** Every string by its key with dots. */
function flat(words: Words, before = ''): Map<string, string> {
  const found = new Map<string, string>();
  for (const [key, value] of Object.entries(words)) {
    if (typeof value === 'string') found.set(before + key, value);
    else for (const [inner, text] of flat(value, `${before}${key}.`)) found.set(inner, text);
  }
  return found;
}

/** What is put into a string, tags of `<Trans>` included. */
const gaps = (text: string) =>
  [...text.matchAll(/\{\{\s*([\w.]+)[^}]*\}\}|<\/?(\w+)\s*\/?>/g)].map((gap) => gap[0]);

describe.each(LANGUAGES.filter((language) => language !== 'en'))('the catalogue in %s', (language) => {
  test('has the same files as the English one', () => {
    expect(readdirSync(new URL(`${language}/`, root))).toEqual(files);
  });

  test.each(files)('%s has the same keys, and the same gaps in each string', (file) => {
    const [english, other] = [flat(read('en', file)), flat(read(language, file))];
    expect([...other.keys()].sort()).toEqual([...english.keys()].sort());
    for (const [key, text] of english) {
      expect(gaps(other.get(key) ?? '').sort(), key).toEqual(gaps(text).sort());
      expect(other.get(key)?.trim(), key).not.toBe('');
    }
  });

  test('is written in that language: hardly a sentence is left in English', () => {
    for (const file of files) {
      const [english, other] = [flat(read('en', file)), flat(read(language, file))];
      const left = [...english].filter(
        ([key, text]) => text.split(' ').length > 3 && other.get(key) === text,
      );
      expect(left, file).toEqual([]);
    }
  });
});

test('every problem that the API answers has a title and a next step in words', () => {
  const description = JSON.parse(readFileSync(new URL('../../openapi.json', import.meta.url), 'utf8')) as {
    components: { schemas: { ProblemCode: { enum: string[] } } };
  };
  const words = flat(read('en', 'problems.json'));
  for (const code of description.components.schemas.ProblemCode.enum) {
    expect(words.get(`${code}.title`), code).toBeTruthy();
    expect(words.get(`${code}.nextStep`), code).toBeTruthy();
  }
});
