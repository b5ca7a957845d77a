// The API as it describes itself, fuzzed on behalf of every kind of caller: whatever is sent, the server answers and
// the fault is never its own.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { Office } from '../lib/office.mjs';
import { scenario } from '../lib/scenario.mjs';

// Signing out, erasing oneself and streams without end would end the fuzzing instead of being fuzzed; the clock of
// development mode would turn every session of the run invalid.
const LEFT_OUT = '^(/api/events|/api/sessions.*|/api/me|/dev/.*)$';
const SECONDS = 25;

function fuzz(office, person) {
  const flags = [
    'run', `${office.url}/api/openapi.json`, '--url', office.url,
    '--checks', 'not_a_server_error,content_type_conformance',
    '--exclude-path-regex', LEFT_OUT, '--phases', 'examples,coverage,fuzzing',
    '--max-examples', '8', '--seed', '20261126', '--generation-database', 'none', '--workers', '2',
    '--request-timeout', '20', '--max-time', String(SECONDS), '--continue-on-failure', '--no-shrink', '--no-color', '--warnings', 'off',
    ...(person.cookie ? ['--header', `Cookie:${person.cookie}`] : []),
  ];
  return new Promise((ok, fail) => {
    const child = spawn('.venv/bin/schemathesis', flags, { stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    for (const pipe of [child.stdout, child.stderr]) pipe.on('data', (chunk) => (text += chunk));
    child.on('error', fail);
    child.on('exit', (code) => ok({ code, text }));
  });
}

if (!process.env.CLIENTS_SERVER_CMD) {
  scenario('no request that the description allows, and none near it, is answered by a fault of the server', { seconds: 420 }, async () => {
    const office = await Office.start({ settings: 'rate_limits: {enabled: false}' });
    try {
      for (const person of [office.anybody, office.customer, office.expert, office.admin]) {
        const { code, text } = await fuzz(office, person);
        const tested = Number(text.match(/(\d+) (?:selected|operations?|tested)/i)?.[1] ?? 0);
        assert.ok(code === 0, `${person.name}:\n${text.slice(-6000)}`);
        assert.ok(/\d+ generated/.test(text) || tested > 0, `${person.name}: nothing was sent\n${text.slice(-3000)}`);
      }
      const alive = await office.anybody.must('GET', '/api/time');
      assert.ok(alive.now);
    } finally {
      await office.stop();
    }
  });
}
