// What a test looks like: a sentence, what it exercises, and a function that is handed a call.
//
//   scenario('two people talk', { covers: [['python-v1', 'audio']] }, async (call) => {
//     const ana = await call.join('python-v1', 'ana');
//   });

import { appendFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import test from 'node:test';
import { BrowserPuppet } from './browsers.mjs';
import { NativePuppet } from './native.mjs';
import { out } from './out.mjs';
import { assertServerAlive, serverLogTail } from './server.mjs';
import { Tap } from './tap.mjs';
import { token } from './tokens.mjs';

/** Every client and connection mode there is. v1 has one peer connection, v0 two. */
export const CLIENTS = {
  'python-v1': { make: NativePuppet, kind: 'python', mode: 'v1' },
  'python-v0': { make: NativePuppet, kind: 'python', mode: 'v0' },
  'node-v1': { make: NativePuppet, kind: 'node', mode: 'v1' },
  'node-v0': { make: NativePuppet, kind: 'node', mode: 'v0' },
  'chromium-v1': { make: BrowserPuppet, kind: 'chromium', mode: 'v1', sdk: 2 },
  'chromium-v0': { make: BrowserPuppet, kind: 'chromium', mode: 'v0', sdk: 2 },
  'chromium-1x': { make: BrowserPuppet, kind: 'chromium', mode: 'v0', sdk: 1 },
  'firefox-v1': { make: BrowserPuppet, kind: 'firefox', mode: 'v1', sdk: 2 },
  'firefox-v0': { make: BrowserPuppet, kind: 'firefox', mode: 'v0', sdk: 2 },
};

const COVERED = out('covered.jsonl');
const only = process.env.CLIENTS_ONLY ? new RegExp(process.env.CLIENTS_ONLY, 'i') : undefined;
let group = '';
let registered = 0;

/** Names the file that the following scenarios belong to; `--only` matches it too. */
export function file(name) {
  group = name;
}

export const registeredCount = () => registered;

class Call {
  room = `room-${randomBytes(4).toString('hex')}`;
  puppets = [];

  /** A client that has not joined yet. */
  async open(client, identity, upstream) {
    const spec = { ...CLIENTS[client], identity, tap: await Tap.open(upstream) };
    const puppet = await spec.make.launch(spec);
    this.puppets.push(puppet);
    return puppet;
  }

  /** A client in the call. `grants` and `token` shape its token, the rest goes to the SDK. */
  async join(client, identity, { grants, token: claims, ...options } = {}) {
    const puppet = await this.open(client, identity);
    await puppet.join(await this.token(identity, { grants, ...claims }), options);
    return puppet;
  }

  token(identity, options) {
    return token(this.room, identity, options);
  }

  async end() {
    await Promise.all(this.puppets.map((p) => p.destroy().catch(() => {})));
  }

  /** What was on the wire and in the SDKs when a test failed. */
  async account() {
    const lines = [];
    for (const p of this.puppets) {
      await Promise.race([p.refresh().catch(() => {}), new Promise((ok) => setTimeout(ok, 1000))]);
      lines.push(`${p.label}: ${p.tap.sessions.map((s) => s.path + (s.resume ? '(resume)' : '')).join(' ')}`);
      lines.push(`  ${p.events.slice(-25).map((e) => JSON.stringify(e)).join('\n  ')}`);
    }
    return lines.join('\n');
  }
}

/** Deadlines are for what hangs; on a machine that has other work everything takes several times as long. */
const SLOW = 3;

/** `seconds`: how long it may take where there is nothing else to do. */
export function scenario(name, { covers = [], seconds = 60 } = {}, body) {
  if (only && !only.test(name) && !only.test(group)) return;
  registered++;
  if (process.env.CLIENTS_LIST) {
    console.log(`${group}: ${name}`);
    return;
  }
  const deadline = seconds * SLOW;
  test(name, { timeout: (deadline + 20) * 1000 }, async () => {
    assertServerAlive();
    const call = new Call();
    let timer;
    const limit = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`took longer than ${deadline} s`)), deadline * 1000);
    });
    try {
      await Promise.race([body(call), limit]);
      for (const [client, what] of covers) appendFileSync(COVERED, `${JSON.stringify({ client, what })}\n`);
    } catch (error) {
      error.message += `\n--- clients ---\n${await call.account()}\n--- server log ---\n${serverLogTail(12)}`;
      throw error;
    } finally {
      clearTimeout(timer);
      await call.end();
    }
  });
}
