// What a page may weigh, and what may not be in the built app at all. Runs on the output of `npm run build`, before the
// manifest is thrown away; fails where a limit is passed.
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join, relative } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import { tooNew, tree, walk } from './syntax.mjs';

const root = new URL('../dist/', import.meta.url).pathname;
const manifest = JSON.parse(readFileSync(join(root, '.vite/manifest.json'), 'utf8'));
const KB = 1024;

/**
 * Pages with what they need before they can be used: their module and the catalogues of words. `beyond` names pages
 * that whoever comes here has been on already.
 */
const directory = [
  'index.html',
  'src/pages/booking/directory.tsx',
  'src/locales/en/common.json',
  'src/locales/en/booking.json',
];
const expert = [
  'index.html',
  'src/pages/booking/expert.tsx',
  'src/locales/en/common.json',
  'src/locales/en/booking.json',
];
const PAGES = [
  { name: 'expert directory', needs: directory, limit: 150 },
  { name: 'expert page', needs: expert, limit: 150 },
  {
    name: 'slot picker, more',
    needs: ['src/pages/booking/book.tsx'],
    beyond: [...directory, ...expert],
    lazy: true,
    limit: 100,
  },
  { name: 'sign-in', needs: ['index.html', 'src/pages/account/sign-in.tsx'], limit: 150 },
  { name: 'dashboard', needs: ['index.html', 'src/pages/appointments/dashboard.tsx'] },
  { name: 'call page', needs: ['index.html', 'src/pages/call/index.tsx'], media: true },
  { name: 'call page, all', needs: ['index.html', 'src/pages/call/index.tsx'], lazy: true, media: true },
];

/** Text of livekit-client that minifying leaves: the name of one of its wire types. */
const MEDIA_CLIENT = /livekit\.TrackType/;

/** Addresses that stand in the code as names, in messages or as defaults that we replace, and load nothing. */
const MENTIONED = [
  /^http:\/\/www\.w3\.org\//,
  /^https:\/\/react\.dev\//,
  /^https:\/\/docs\.livekit\.io\//,
  // Where the blurred background's model would come from; src/call/blur.ts names our own files instead.
  /^https:\/\/cdn\.jsdelivr\.net\/npm\/@mediapipe\/tasks-vision@$/,
  /^https:\/\/storage\.googleapis\.com\/mediapipe-models\//,
  // No such place, by the standard.
  /^https?:\/\/[\w.-]+\.invalid\b/,
  // The name of a header extension.
  /^https:\/\/aomediacodec\.github\.io\/av1-rtp-spec\/#/,
  /^https?:\/\/(www\.)?example\.(org|com)\b/,
];

const failures = [];
const fail = (text) => failures.push(text);

/** Files of the static graph of modules; `lazy` follows what is imported later, too. */
function graph(modules, lazy = false) {
  const seen = new Set();
  const follow = (key) => {
    const chunk = manifest[key];
    if (!chunk) throw new Error(`the build has no ${key}: does its budget name it by its path?`);
    if (seen.has(key)) return;
    seen.add(key);
    for (const next of chunk.imports ?? []) follow(next);
    // The entry's dynamic imports are all the other pages.
    if (lazy && !chunk.isEntry)
      for (const next of chunk.dynamicImports ?? []) if (!/locales/.test(next)) follow(next);
  };
  for (const key of modules) follow(key);
  return new Set([...seen].map((key) => manifest[key].file).filter((file) => file.endsWith('.js')));
}

const sizes = new Map();
function weight(file) {
  if (!sizes.has(file)) sizes.set(file, brotliCompressSync(readFileSync(join(root, file))).length);
  return sizes.get(file);
}

console.log('\npage                 compressed KB   limit');
for (const { name, needs, beyond = [], lazy, limit, media } of PAGES) {
  const files = graph(needs, lazy);
  for (const file of graph(beyond)) files.delete(file);
  const total = [...files].reduce((sum, file) => sum + weight(file), 0) / KB;
  console.log(`${name.padEnd(20)} ${total.toFixed(1).padStart(13)} ${String(limit ?? '').padStart(7)}`);
  if (limit && total > limit) {
    const heaviest = [...files].sort((a, b) => weight(b) - weight(a)).slice(0, 6);
    fail(`${name}: ${total.toFixed(1)} KB of JavaScript, ${limit} are allowed; the heaviest:`);
    for (const file of heaviest) fail(`    ${(weight(file) / KB).toFixed(1).padStart(6)} KB  ${file}`);
  }
  if (!media) {
    for (const file of files) {
      if (MEDIA_CLIENT.test(readFileSync(join(root, file), 'utf8')))
        fail(`${name} loads the media client: ${file}`);
    }
  }
}
// A check that finds nothing where there must be something checks nothing.
if (
  ![...graph(['src/pages/call/index.tsx'], true)].some((file) =>
    MEDIA_CLIENT.test(readFileSync(join(root, file), 'utf8')),
  )
) {
  fail('the call page has no media client in it, or it is not known by its text any more');
}

// --- every file -----------------------------------------------------------------------------------

function* files(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* files(path);
    else yield path;
  }
}

const foreign = (text) => /^https?:\/\/[\w[]/.test(text) && !MENTIONED.some((known) => known.test(text));

function checkScript(name, code) {
  const ast = tree(code);
  const ancient = name === 'unsupported.js';
  for (const place of tooNew(ast, code, { ancient }))
    fail(`${name} cannot be read by old browsers: ${place}`);
  walk(ast, (node) => {
    const texts =
      node.type === 'TemplateElement' ? [node.value.raw] : node.type === 'Literal' ? [node.value] : [];
    for (const text of texts) {
      if (typeof text === 'string' && foreign(text))
        fail(`${name} holds an address elsewhere: ${text.slice(0, 100)}`);
    }
  });
}

function checkMarkup(name, text) {
  for (const [, target] of text.matchAll(
    /\b(?:src|srcset|href|action|data|poster)\s*=\s*["']?\s*((?:https?:)?\/\/[^"'\s>]+)/gi,
  )) {
    fail(`${name} loads from elsewhere: ${target}`);
  }
  if (/<script(?![^>]*\bsrc=)[^>]*>\s*\S|<style|\son\w+=|\sstyle=/i.test(text))
    fail(`${name} has code or style in line, which the policy refuses`);
}

function checkStyle(name, text) {
  for (const [, target] of text.matchAll(/(?:url\(|@import)\s*["']?((?:https?:)?\/\/[^"')\s]+)/gi))
    fail(`${name} loads from elsewhere: ${target}`);
}

const CHECKS = { '.js': checkScript, '.mjs': checkScript, '.html': checkMarkup, '.css': checkStyle };
for (const path of files(root)) {
  const name = relative(root, path);
  // The segmenter is only asked for by browsers that can use it (call/blur.ts), and those read all of it.
  if (!name.startsWith('vision/')) CHECKS[extname(path)]?.(name, readFileSync(path, 'utf8'));
}

if (failures.length > 0) {
  console.error(`\nThe build is not fit:\n  ${failures.join('\n  ')}`);
  process.exit(1);
}
