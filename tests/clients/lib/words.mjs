// The app's words from its own catalogue, so that a test names a button as the app does, whatever it is called today.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../../../web/src/locales/', import.meta.url));
const catalogues = new Map();

function catalogue(language, namespace) {
  const key = `${language}/${namespace}`;
  if (!catalogues.has(key)) catalogues.set(key, JSON.parse(readFileSync(`${folder}${key}.json`, 'utf8')));
  return catalogues.get(key);
}

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Any text of a template: what is left open may be anything. */
function pattern(template, values) {
  return template
    .split(/({{\w+}})/)
    .map((part) => {
      const name = part.match(/^{{(\w+)}}$/)?.[1];
      return name === undefined ? escaped(part) : name in values ? escaped(String(values[name])) : '.*?';
    })
    .join('');
}

/**
 * `words('call:bar.chat')`: what stands there, as a pattern that begins where a name begins. A text in several numbers is
 * any of them.
 */
export function words(key, values = {}, language = 'en') {
  const [namespace, path] = key.includes(':') ? key.split(':') : ['common', key];
  const steps = path.split('.');
  const last = steps.pop();
  let level = catalogue(language, namespace);
  for (const step of steps) level = level?.[step];
  const found = [last, `${last}_one`, `${last}_other`].map((name) => level?.[name]).filter((it) => typeof it === 'string');
  if (found.length === 0) throw new Error(`the catalogue has no ${language} ${key}`);
  return new RegExp(`^\\s*(?:${found.map((it) => pattern(it, values)).join('|')})`);
}

/** Any of several. */
export const either = (...keys) => new RegExp(keys.map((key) => words(key).source).join('|'));
