// Participants of the native SDKs: a child process that reads commands and writes answers and
// events as lines of JSON.

import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { out } from './out.mjs';
import { Puppet } from './puppet.mjs';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

const PROGRAMS = {
  python: [path('../.venv/bin/python'), ['-u', path('../puppets/python/main.py')]],
  node: [process.execPath, ['--no-warnings', path('../puppets/node/main.mjs')]],
};

const COMMAND_LIMIT_MS = 40_000;

export class NativePuppet extends Puppet {
  #child;
  #waiting = new Map();
  #next = 1;
  #gone;

  static async launch(spec) {
    const puppet = new NativePuppet(spec);
    puppet.#start();
    await puppet.command('hello');
    return puppet;
  }

  #start() {
    const [program, args] = PROGRAMS[this.kind];
    this.#child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child.stderr.pipe(createWriteStream(out(`${this.kind}-${this.identity}.log`), { flags: 'a' }));
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#line(line));
    this.#child.stdin.on('error', () => {});
    const end = (why) => {
      this.#gone ??= new Error(`${this.label}: ${why}`);
      for (const { reject } of this.#waiting.values()) reject(this.#gone);
      this.#waiting.clear();
    };
    this.#child.on('error', (e) => end(e.message));
    this.#child.on('exit', (code, signal) => end(`process ended (${signal ?? code})`));
  }

  #line(line) {
    let message;
    try {
      message = JSON.parse(line);
    } catch {
      return; // an SDK that prints to stdout
    }
    if (message.event) {
      this.events.push(message);
      return;
    }
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (!waiting) return;
    if (message.error !== undefined) waiting.reject(new Error(message.error));
    else waiting.resolve(message.result);
  }

  command(name, args = {}) {
    if (this.#gone) return Promise.reject(this.#gone);
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new Error(`${this.label}: no answer to ${name} within ${COMMAND_LIMIT_MS} ms`));
      }, COMMAND_LIMIT_MS);
      const settle = (f) => (value) => (clearTimeout(timer), f(value));
      this.#waiting.set(id, { resolve: settle(resolve), reject: settle(reject) });
      this.#child.stdin.write(`${JSON.stringify({ id, cmd: name, args })}\n`);
    });
  }

  async destroy() {
    if (!this.#gone) {
      await Promise.race([this.leave().catch(() => {}), new Promise((ok) => setTimeout(ok, 3000))]);
      this.#child.kill('SIGKILL');
    }
    this.tap.close();
  }
}
