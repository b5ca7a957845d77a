// The server under test: started once for the whole run, its log kept in out/server.log.

import { spawn } from 'node:child_process';
import { createWriteStream, existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { out } from './out.mjs';

export const IP = process.env.CLIENTS_IP ?? '127.0.0.1';
export const API_KEY = 'devkey';
export const API_SECRET = 'secret';

/** Where the taps connect to. Another port can be named to put a recorder before the server. */
export const UPSTREAM = Number(process.env.CLIENTS_UPSTREAM ?? 7880);

const LOG = out('server.log');

let child;
let exited;

function command() {
  const template = process.env.CLIENTS_SERVER_CMD;
  if (template) return template.replaceAll('{ip}', IP).trim().split(/\s+/);
  const binary = process.env.VISAVIS_BIN;
  if (!binary || !existsSync(binary)) throw new Error(`no server at ${binary}: build it first (make build) or set VISAVIS_BIN`);
  return [binary, 'serve', '--dev', '--bind', '0.0.0.0', '--node-ip', IP];
}

export async function startServer() {
  const [binary, ...args] = command();
  const log = createWriteStream(LOG);
  child = spawn(binary, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  child.on('error', (e) => (exited = `could not be started: ${e.message}`));
  child.on('exit', (code, signal) => (exited = `exited with ${signal ?? code}`));
  for (let i = 0; i < 300; i++) {
    if (exited) break;
    const answer = await fetch('http://127.0.0.1:7880/').catch(() => undefined);
    if (answer?.ok) return;
    await sleep(100);
  }
  throw new Error(`server ${exited ?? 'does not answer on port 7880'}\n${serverLogTail()}`);
}

/** Throws when the server has died, so that the first test to notice names the cause. */
export function assertServerAlive() {
  if (exited) throw new Error(`the server ${exited}\n${serverLogTail()}`);
}

export function serverLogTail(lines = 25) {
  try {
    return readFileSync(LOG, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
  } catch {
    return '(no server log)';
  }
}

export async function stopServer() {
  if (!child || exited) return;
  child.kill('SIGTERM');
  for (let i = 0; i < 50 && !exited; i++) await sleep(100);
  if (!exited) child.kill('SIGKILL');
}
