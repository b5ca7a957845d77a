// Every suite in one process: the server and the browsers start once.

import { mkdirSync, rmSync } from 'node:fs';
import { after, before } from 'node:test';
import { closeBrowsers } from '../lib/browsers.mjs';
import { file, registeredCount } from '../lib/scenario.mjs';
import { startServer, stopServer } from '../lib/server.mjs';

const FILES = ['python', 'node', 'chromium'];

const out = new URL('../out/', import.meta.url);
mkdirSync(out, { recursive: true });
rmSync(new URL('covered.jsonl', out), { force: true });

if (!process.env.CLIENTS_LIST) {
  before(startServer);
  after(async () => {
    await closeBrowsers();
    await stopServer();
  });
}

for (const name of FILES) {
  file(name);
  await import(`./${name}.mjs`);
}

if (registeredCount() === 0) {
  console.error(`no test matches ${process.env.CLIENTS_ONLY}`);
  process.exit(1);
}
