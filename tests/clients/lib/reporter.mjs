// The runner's own report with two additions: each test is printed with its time as it ends, and
// the matrix of what passed comes just before the closing summary.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { Transform } from 'node:stream';
import { spec as Spec } from 'node:test/reporters';
import { out } from './out.mjs';
import { CLIENTS } from './scenario.mjs';

const COVERED = out('covered.jsonl');
const MATRIX = out('matrix.md');

const TITLES = {
  'python-v1': 'Python `livekit`, one connection',
  'python-v0': 'Python `livekit`, two connections',
  'node-v1': '`@livekit/rtc-node`, one connection',
  'node-v0': '`@livekit/rtc-node`, two connections',
  'chromium-v1': 'Chromium, livekit-client 2.x, one connection',
  'chromium-v0': 'Chromium, livekit-client 2.x, two connections',
  'chromium-1x': 'Chromium, livekit-client 1.x, two connections',
  'firefox-v1': 'Firefox, livekit-client 2.x, one connection',
  'firefox-v0': 'Firefox, livekit-client 2.x, two connections',
};

function matrix() {
  if (!existsSync(COVERED)) return '';
  const cells = new Map(Object.keys(CLIENTS).map((client) => [client, new Set()]));
  for (const line of readFileSync(COVERED, 'utf8').trim().split('\n').filter(Boolean)) {
    const { client, what } = JSON.parse(line);
    cells.get(client)?.add(what);
  }
  const rows = [...cells].filter(([, done]) => done.size > 0);
  if (rows.length === 0) return '';
  return [
    '| client and mode | exercised |',
    '|---|---|',
    ...rows.map(([client, done]) => `| ${TITLES[client]} | ${[...done].join(', ')} |`),
    '',
  ].join('\n');
}

const SUMMARY = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/;

export default class Reporter extends Transform {
  #spec = new Spec();
  #summary = [];

  constructor() {
    super({ writableObjectMode: true });
    this.#spec.on('data', (text) => this.push(text));
  }

  _transform(event, _encoding, done) {
    // Kept for the very end: the failures in full would otherwise come after it.
    if (event.type === 'test:diagnostic' && event.data.nesting === 0 && SUMMARY.test(event.data.message)) {
      this.#summary.push(`\u2139 ${event.data.message}\n`);
      return done();
    }
    this.#spec.write(event, undefined, done);
  }

  _flush(done) {
    this.#spec.on('end', () => {
      const table = matrix();
      writeFileSync(MATRIX, table);
      if (table) this.push(`\n${table}\n`);
      this.push(this.#summary.join(''));
      done();
    });
    this.#spec.end();
  }
}
