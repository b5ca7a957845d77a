// A server of a test's own, with a database: people, their sessions, a clock that can be moved.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { out } from './out.mjs';
import { until } from './puppet.mjs';
import { IP } from './server.mjs';
import { SETTINGS } from './site.mjs';

const PORTS = { http: 7980, tcp: 7981, udp: '7982' };

/** Metrics of a server whose settings name their port. */
export const METRICS = 7979;

/** Somebody with a session. */
export class Person {
  constructor(office, fields) {
    Object.assign(this, { office, cookie: undefined, ...fields });
  }

  /** Sends a request and returns { status, body, etag }. */
  async ask(method, path, body, headers = {}) {
    const answer = await fetch(`${this.office.url}${path}`, {
      method,
      redirect: 'manual',
      headers: {
        // As a page of this server sends it.
        origin: this.office.url,
        ...(this.cookie && { cookie: this.cookie }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    for (const line of answer.headers.getSetCookie()) this.cookie = line.split(';')[0];
    const text = await answer.text();
    const json = answer.headers.get('content-type')?.includes('json');
    return { status: answer.status, body: json && text ? JSON.parse(text) : text, etag: answer.headers.get('etag') };
  }

  /** The same, for what must succeed. */
  async must(method, path, body, headers) {
    const answer = await this.ask(method, path, body, headers);
    assert.ok(answer.status < 300, `${this.name}: ${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  /** A change of an appointment, whatever its version is by now. */
  change(appointment, what, body = {}) {
    return this.must('POST', `/api/appointments/${appointment.id}/${what}`, body, { 'if-match': '*' });
  }
}

export class Office {
  command = 'serve';
  url = `http://localhost:${PORTS.http}`;
  /** Where browsers open the app: elsewhere while it is being written (`npm run dev` in web/). */
  site = process.env.CLIENTS_SITE ?? this.url;
  port = PORTS.http;
  tcp = PORTS.tcp;
  udp = PORTS.udp;
  folder = mkdtempSync(join(tmpdir(), 'visavis-office-'));
  anybody = new Person(this, { name: 'anybody' });

  /** The server of `visavis demo` with its people: { ada, ben, elena, marco, anna }. */
  static async demo() {
    const office = new Office();
    office.command = 'demo';
    for (const { role, name, token } of await office.links()) {
      const person = new Person(office, { name, role, email: `${name === 'Anna' ? 'admin' : name.toLowerCase()}@example.org` });
      await person.must('POST', '/api/links/magic/open', { token });
      office[name.toLowerCase()] = person;
    }
    return office;
  }

  /** Starts the demo, anew if it runs, for the links that it prints: each works once. */
  async links() {
    if (this.child) await this.kill('SIGTERM');
    let told = '';
    await this.up((text) => (told += text));
    return until('the demo to print its links', () => {
      const found = [...told.matchAll(/(\w+) +(\w+) \w+ +\S+#magic=(\S+)/g)];
      return found.length >= 5 && found.map(([, role, name, token]) => ({ role, name, token }));
    });
  }

  /** Starts a server without people, with as many shards as ports of `udp`. */
  static async empty({ settings = '', udp = PORTS.udp } = {}) {
    const office = Object.assign(new Office(), { settings, udp });
    await office.up();
    return office;
  }

  /** The values of a metric, by its labels as they are written: { 'shard="0"': 1 }. */
  async metric(name) {
    const text = await (await fetch(`http://127.0.0.1:${METRICS}/metrics`)).text();
    const samples = text.matchAll(new RegExp(`^${name}(?:\\{(.*)\\})? (\\S+)$`, 'gm'));
    return Object.fromEntries([...samples].map(([, labels = '', value]) => [labels, Number(value)]));
  }

  /** Starts a server with people in it: { customer, other, expert, admin }. `settings` are lines of YAML. */
  static async start({ settings = '' } = {}) {
    const office = new Office();
    office.settings = settings;
    await office.up();
    for (const [name, role] of [['customer', 'customer'], ['other', 'customer'], ['expert', 'expert'], ['admin', 'admin']]) {
      office[name] = await office.person(name, role);
    }
    return office;
  }

  async up(hear = () => {}) {
    const flags = ['--dev', '--bind', '127.0.0.1', '--node-ip', IP, '--data-dir', this.folder];
    const ports = ['--port', PORTS.http, '--tcp-port', PORTS.tcp, '--udp-port', this.udp].map(String);
    const settings = this.settings ? ['--config-body', this.settings] : [];
    this.child = spawn(process.env.VISAVIS_BIN, [this.command, ...flags, ...ports, ...settings], { stdio: ['ignore', 'pipe', 'pipe'] });
    const log = createWriteStream(out('office.log'), { flags: 'a' });
    for (const pipe of [this.child.stdout, this.child.stderr]) pipe.pipe(log, { end: false });
    this.child.stdout.on('data', (text) => hear(String(text)));
    this.exited = new Promise((ok) => this.child.on('exit', ok));
    await until('the office to answer', async () => (await fetch(`${this.url}/api/time`).catch(() => undefined))?.ok);
  }

  async person(name, role) {
    const email = `${name}@example.org`;
    const add = ['user', 'add', '--data-dir', this.folder, '--email', email, '--name', `The ${name}`, '--role', role, '--generate'];
    const told = execFileSync(process.env.VISAVIS_BIN, add, { encoding: 'utf8' });
    const password = told.match(/[23456789a-z]{4}(?:-[23456789a-z]{4})+/)?.[0];
    assert.ok(password, `no password in: ${told}`);
    const person = new Person(this, { name: `The ${name}`, email, role, password });
    await person.must('POST', '/api/session', { email, password });
    return Object.assign(person, { session: await person.must('GET', '/api/session') });
  }

  /** Moves the calendar: milliseconds ahead of the machine's, or a moment. */
  async moveTo(moment) {
    const now = typeof moment === 'number' ? new Date(moment).toISOString() : moment;
    await this.anybody.must('POST', '/dev/clock', { now });
  }

  async now() {
    return Date.parse((await this.anybody.must('GET', '/api/time')).now);
  }

  /** A service of an expert's that is offered around the clock. */
  async service(fields = {}, expert = this.expert) {
    const week = [1, 2, 3, 4, 5, 6, 7].map((weekday) => ({ weekday, fromMin: 0, toMin: 1440, tz: "UTC" }));
    await expert.must('PUT', '/api/me/availability', { weekly: week, exceptions: [] }, { 'if-match': '*' });
    if (expert === this.expert) {
      await expert.must('PUT', '/api/me/expert-profile', { slug: 'the-expert', headline: 'Knows', bio: '', specialities: ['tests'], languages: ['en'], published: true }, { 'if-match': '*' });
    }
    return expert.must('POST', '/api/services', {
      title: 'Advice', durationMin: 60, stepMin: 30, minNoticeMin: 0, horizonDays: 60, approval: 'manual', lobby: 'on', ...fields,
    });
  }

  /**
   * An approved appointment with the expert, its start and end in milliseconds. `fields` are those of a service that is
   * made for it, or `service` itself with what is said in the request.
   */
  async approved({ message = 'Gladly.', ...fields } = {}, customer = this.customer) {
    const asked = await this.requested(fields, customer);
    const appointment = await this.experts(asked).change(asked, 'approve', { message });
    assert.equal(appointment.status, 'approved');
    return { ...appointment, start: Date.parse(appointment.startsAt), end: Date.parse(appointment.endsAt) };
  }

  /** One that the expert has not answered yet, at the `slot`th of the times that are free, or the first that it takes. */
  async requested({ slot = 4, service: given, note = 'It is about tests.', participants, ...fields } = {}, customer = this.customer) {
    const service = given ?? (await this.service(fields));
    const now = await this.now();
    const [from, to] = [now, now + 2 * 24 * 3_600_000].map((it) => new Date(it).toISOString());
    const found = await customer.must('GET', `/api/services/${service.id}/slots?from=${from}&to=${to}&tz=Europe/Rome`);
    const { startsAt } = typeof slot === 'function' ? found.slots.find(slot) : found.slots[slot];
    const held = await customer.must('POST', '/api/holds', { serviceId: service.id, startsAt, tz: 'Europe/Rome' });
    const asked = await customer.must('POST', '/api/appointments', { holdId: held.id, note, participants });
    assert.equal(asked.status, 'pending');
    assert.equal(asked.meetingUrl ?? null, null, 'no room before the approval');
    return asked;
  }

  /** Whose appointment it is. */
  experts({ expertId }) {
    return [this.expert, this.rival].find((it) => it?.session.user.id === expertId);
  }

  /** The calendar objects that somebody has been sent, the oldest first, once there are so many. */
  async invitations(to, count) {
    const letters = await until(`${count} invitations to ${to}`, async (saw) => {
      const all = await this.anybody.must('GET', '/dev/mail');
      saw(all.map((it) => `${it.to}: ${it.subject}`));
      const found = all.filter((it) => it.to === to && it.hasInvite).sort((a, b) => a.number - b.number);
      return found.length >= count && found;
    });
    const whole = await Promise.all(letters.map((it) => this.anybody.must('GET', `/dev/mail/${it.number}`)));
    return whole.map((it) => it.invite.ics);
  }

  kill(signal = 'SIGKILL') {
    this.child.kill(signal);
    return this.exited;
  }

  async stop() {
    this.child.kill('SIGTERM');
    await Promise.race([this.exited, sleep(8000)]);
    this.child.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }
}

let kept;

/** A server that suites share, with people (`start`) or as the demo has it (`demo`); one of the other kind is stopped. */
export async function sharedOffice(kind = 'start') {
  if (kept?.kind !== kind) {
    await stopSharedOffice();
    kept = { kind, office: Office[kind]({ settings: SETTINGS }) };
  }
  return kept.office;
}

export async function stopSharedOffice() {
  const office = await kept?.office.catch(() => {});
  kept = undefined;
  await office?.stop();
}
