// One participant, whichever client it runs in. The kinds differ in how a command travels
// (see native.mjs and browsers.mjs); what can be said and awaited is the same for all.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { assertServerAlive } from './server.mjs';

/** How long a state may take to come about. Generous: what is asserted is that it comes. */
export const PATIENCE_MS = 30_000;

/** Polls until `probe` returns something truthy; what it last saw goes into the error. */
export async function until(what, probe, patience = PATIENCE_MS) {
  const deadline = Date.now() + patience;
  let seen;
  for (;;) {
    const result = await probe((state) => (seen = state));
    if (result) return result;
    assertServerAlive();
    if (Date.now() > deadline) {
      const detail = seen === undefined ? '' : `; last seen: ${JSON.stringify(seen)}`;
      throw new Error(`waited ${patience} ms for ${what}${detail}`);
    }
    await sleep(100);
  }
}

export class Puppet {
  events = [];

  constructor({ kind, mode, identity, tap }) {
    Object.assign(this, { kind, mode, identity, tap });
  }

  // --- to be given by the kinds ---
  /** Sends one command and returns its result. */
  async command(_name, _args) {
    throw new Error('not implemented');
  }
  /** Brings `events` up to date, for kinds whose events must be fetched. */
  async refresh() {}
  async destroy() {}

  get label() {
    return `${this.identity} (${this.kind} ${this.mode})`;
  }

  // --- joining and leaving ---

  async join(token, options = {}) {
    const me = await this.command('join', { url: this.tap.url, token, mode: this.mode, ...options });
    this.sid = me.sid;
    this.joined = me;
    // A client that meets a refusal on /rtc/v1 falls back to /rtc in silence: then the test would
    // pass in the wrong mode.
    const took = this.tap.sessions.at(-1)?.version;
    assert.equal(took, this.mode, `${this.label} joined over ${took}`);
    return me;
  }

  leave() {
    return this.command('leave');
  }

  // --- publishing; each returns {sid} ---

  publishMic(options) {
    return this.command('publishMic', options);
  }

  publishCamera(options) {
    return this.command('publishCamera', options);
  }

  publishScreen(options) {
    return this.command('publishScreen', options);
  }

  send(text, options) {
    return this.command('send', { text, ...options });
  }

  // --- events ---

  /** A mark to pass as `since`, so that only what happens from now on counts. */
  async mark() {
    await this.refresh();
    return this.events.length;
  }

  async count(name, match = {}, since = 0) {
    await this.refresh();
    return this.events.slice(since).filter((e) => e.event === name && matches(e, match)).length;
  }

  /** Waits for an event, past ones included unless `since` says otherwise. */
  async event(name, match = {}, { since = 0, patience } = {}) {
    return until(
      `${this.label} to see ${name} ${JSON.stringify(match)}`,
      async (saw) => {
        await this.refresh();
        saw(this.events.slice(-12).map((e) => `${e.event}${e.identity ? `:${e.identity}` : ''}`));
        return this.events.slice(since).find((e) => e.event === name && matches(e, match));
      },
      patience,
    );
  }

  async subscribed(publisher, source) {
    return this.event('subscribed', { identity: publisher.identity, source });
  }

  // --- what arrives ---

  /** The receive report of one track: {sid, kind, frames, width, height, energy, packets, ...} */
  async report(publisher, source) {
    const tracks = await this.command('received');
    return tracks.find((t) => t.identity === publisher.identity && t.source === source);
  }

  /** Frames are being decoded, of the wanted size if one is given. */
  async sees(publisher, source = 'camera', { width, height, frames = 5, patience } = {}) {
    let first;
    return until(
      `${this.label} to see ${publisher.identity}'s ${source}${width ? ` ${width} wide` : ''}`,
      async (saw) => {
        const now = await this.report(publisher, source);
        saw(now);
        if (!now || (width && now.width !== width) || (height && now.height !== height)) {
          first = undefined;
          return false;
        }
        first ??= now;
        return now.frames >= first.frames + frames && now;
      },
      patience,
    );
  }

  /** Sound arrives and is not silence; with `tone`, it is that tone. */
  async hears(publisher, { source = 'microphone', tone, patience } = {}) {
    let first;
    return until(
      `${this.label} to hear ${publisher.identity}${tone ? ` at ${tone} Hz` : ''}`,
      async (saw) => {
        const now = await this.report(publisher, source);
        saw(now);
        if (!now) return false;
        first ??= now;
        // The Node SDK counts no packets per track; there, sound alone has to do.
        if (!(now.energy > first.energy && (now.packets ?? 1) > (first.packets ?? 0))) return false;
        return tone === undefined || now.pitch === undefined || Math.abs(now.pitch - tone) < 15 ? now : false;
      },
      patience,
    );
  }

  /** The packets of a track stop coming, and stay away. */
  async stopsReceiving(publisher, source, quietMs = 1500) {
    let last;
    let since = Date.now();
    return until(`${this.label} to receive no more of ${publisher.identity}'s ${source}`, async (saw) => {
      const now = (await this.report(publisher, source))?.packets ?? 0;
      if (now !== last) since = Date.now();
      last = now;
      saw(now);
      return Date.now() - since >= quietMs;
    });
  }

  async participant(identity) {
    const { participants } = await this.command('room');
    return participants.find((p) => p.identity === identity);
  }

  /** Waits until the view of another participant satisfies `test`. */
  async knows(identity, what, test) {
    return until(`${this.label} to know ${identity} as ${what}`, async (saw) => {
      const them = await this.participant(identity);
      saw(them);
      return them && test(them) && them;
    });
  }
}

function matches(event, wanted) {
  return Object.entries(wanted).every(([key, value]) => {
    if (value === undefined) return true;
    if (value instanceof RegExp) return value.test(event[key]);
    if (Array.isArray(value)) return JSON.stringify(value) === JSON.stringify(event[key]);
    return event[key] === value;
  });
}
