// Every suite in one process: the server and the browsers start once.

import { rmSync } from 'node:fs';
import { after, before } from 'node:test';
import { closeBrowsers } from '../lib/browsers.mjs';
import { stopSharedOffice } from '../lib/office.mjs';
import { out } from '../lib/out.mjs';
import { file, registeredCount } from '../lib/scenario.mjs';
import { startServer, stopServer } from '../lib/server.mjs';

const CLIENTS = ['python', 'node', 'chromium', 'layers', 'dynacast', 'adapt', 'recovery', 'span', 'firefox', 'tcp', 'codecs', 'tokens', 'server-api', 'page', 'appointments', 'described'];
const APP = ['app-flows', 'app-troubles', 'app-input', 'app-work', 'app-pages'];
const FILES = process.env.CLIENTS_APP ? APP : [...CLIENTS, ...APP];

for (const name of ['covered.jsonl', 'pages.jsonl']) rmSync(out(name), { force: true });

if (!process.env.CLIENTS_LIST) {
  before(startServer);
  after(async () => {
    await closeBrowsers();
    await stopSharedOffice();
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
