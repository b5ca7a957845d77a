// After the build: every file that is worth it is compressed once, as small as it gets, so that the server never does.
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const root = new URL('../dist/', import.meta.url).pathname;
const worth = new Set([
  '.js',
  '.css',
  '.html',
  '.svg',
  '.json',
  '.webmanifest',
  '.wasm',
  '.tflite',
  '.map',
  '.txt',
]);

function* files(directory) {
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    if (statSync(path).isDirectory()) yield* files(path);
    else yield path;
  }
}

let bytes = 0;
for (const path of [...files(root)]) {
  if (!worth.has(extname(path)) || path.includes('/.vite/')) continue;
  const content = readFileSync(path);
  // The shell is completed for each request.
  if (path === join(root, 'index.html') || content.length < 600) continue;
  const quality = content.length > 2_000_000 ? 9 : 11;
  const brotli = brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_QUALITY]: quality } });
  writeFileSync(`${path}.br`, brotli);
  writeFileSync(`${path}.gz`, gzipSync(content, { level: 9 }));
  bytes += brotli.length;
}
rmSync(join(root, '.vite'), { recursive: true, force: true });
console.log(`compressed: ${(bytes / 1024).toFixed(0)} KB in all`);
