// The network fails in the ways it does, and the call goes on.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { scenario } from '../lib/scenario.mjs';
import { until } from '../lib/puppet.mjs';

const BROWSERS = ['chromium-v1', 'chromium-v0', 'chromium-1x'];
const NATIVES = ['python-v1', 'python-v0', 'node-v1', 'node-v0'];

/** Two people who hear each other; `ana` is the one things happen to. */
async function conversation(call, client, other = 'python-v1') {
  const ana = await call.join(client, 'ana');
  const ben = await call.join(other, 'ben');
  await ana.publishMic({ tone: 440 });
  await ben.publishMic({ tone: 660 });
  await ben.hears(ana, { tone: 440 });
  await ana.hears(ben, { tone: 660 });
  return { ana, ben };
}

for (const client of [...BROWSERS, ...NATIVES]) {
  scenario(`${client} resumes after its WebSocket is cut, and media never stops`, { covers: [[client, 'resume']] }, async (call) => {
    const { ana, ben } = await conversation(call, client);
    const since = await ana.mark();
    const benSince = await ben.mark();
    const before = await ben.report(ana, 'microphone');

    if (BROWSERS.includes(client)) {
      ana.tap.down();
      // While signalling is gone, the tone goes on in both directions.
      await ben.hears(ana, { tone: 440 });
      await ana.hears(ben, { tone: 660 });
      assert.equal(ana.tap.sessions.length, 1);
      ana.tap.up();
    } else {
      // The native SDKs give up resuming after the first refused attempt, so they may retry at once.
      ana.tap.cut();
    }

    await until('the client to come back', async (saw) => {
      saw(ana.tap.sessions);
      return ana.tap.sessions.length > 1;
    });
    await ana.event('reconnected', {}, { since });
    await ben.hears(ana, { tone: 440 });
    await ana.hears(ben, { tone: 660 });

    assert.ok(ana.tap.sessions.slice(1).every((s) => s.resume), `a full reconnect: ${JSON.stringify(ana.tap.sessions)}`);
    assert.equal(await ana.count('unsubscribed', {}, since), 0);
    assert.equal(await ana.count('republished', {}, since), 0);
    assert.equal(await ben.count('participant-left', {}, benSince), 0);
    assert.equal(await ben.count('unsubscribed', {}, benSince), 0);
    const after = await ben.report(ana, 'microphone');
    assert.equal(after.sid, before.sid);

    // The resumed signal connection works in both directions.
    await ana.command('setMetadata', { value: 'back' });
    await ben.event('metadata', { identity: 'ana', value: 'back' });
    await ben.send('welcome');
    await ana.event('data', { text: 'welcome' });
    await ana.send('thanks');
    await ben.event('data', { text: 'thanks' });
  });
}

scenario(
  'what was missed while signalling was cut is told at the resume',
  { covers: [['chromium-v1', 'resume']] },
  async (call) => {
    const { ana, ben } = await conversation(call, 'chromium-v1');
    const eve = await call.join('python-v1', 'eve');
    await ana.event('participant-joined', { identity: 'eve' });
    // Started before the outage, which must end before the server gives up on ana.
    const dan = await call.open('python-v1', 'dan');
    const pass = await call.token('dan');
    ana.tap.down();
    await eve.leave();
    await ben.event('participant-left', { identity: 'eve' });
    await ben.command('setName', { value: 'Benjamin' });
    await dan.join(pass);
    await dan.publishMic({ tone: 550 });
    ana.tap.up();
    await ana.event('participant-left', { identity: 'eve' });
    await ana.event('name', { identity: 'ben', value: 'Benjamin' });
    await ana.hears(dan);
    assert.ok(ana.tap.sessions.slice(1).every((s) => s.resume));
  },
);

for (const client of BROWSERS) {
  scenario(`${client} restarts ICE and the call goes on`, { covers: [[client, 'ICE restart']] }, async (call) => {
    const { ana, ben } = await conversation(call, client);
    const before = await ana.command('fingerprint');
    const benSince = await ben.mark();
    for (let round = 0; round < 2; round++) {
      await ana.command('iceRestart');
      await until('new ICE credentials', async (saw) => {
        const now = await ana.command('fingerprint');
        saw(now);
        return now[0] !== before[0];
      });
      before.splice(0, 2, ...(await ana.command('fingerprint')));
      // Traffic over the pair that was nominated after the restart.
      await ben.hears(ana, { tone: 440 });
      await ana.hears(ben, { tone: 660 });
    }
    await ana.publishCamera();
    await ben.sees(ana, 'camera', { width: 320 });
    assert.equal(await ben.count('participant-left', {}, benSince), 0);
    assert.equal(ana.tap.sessions.length, 1, 'the signal connection stayed');
  });
}

for (const client of [...BROWSERS, ...NATIVES]) {
  scenario(`${client} reconnects from scratch and is heard again`, { covers: [[client, 'full reconnect']] }, async (call) => {
    const { ana, ben } = await conversation(call, client);
    const since = await ana.mark();
    const benSince = await ben.mark();
    // Browsers do this by themselves; the native SDKs ask the server for the leave that LiveKit's
    // open-source server does not send, so for them the node fails instead.
    const scenario = BROWSERS.includes(client) ? 'full-reconnect' : 'node-failure';
    await ana.command('simulate', { scenario });
    await ana.event('reconnected', {}, { since, patience: 30_000 });
    assert.equal(ana.tap.sessions.at(-1).resume, false, JSON.stringify(ana.tap.sessions));
    assert.equal(ana.tap.sessions.at(-1).version, ana.mode);
    await ben.event('subscribed', { identity: 'ana' }, { since: benSince });
    await ben.hears(ana, { tone: 440 });
    await ana.hears(ben, { tone: 660 });
  });
}

scenario(
  'a client whose node has failed is refused the resume and joins anew',
  { covers: [['chromium-v1', 'node failure'], ['chromium-v0', 'node failure']], seconds: 90 },
  async (call) => {
    for (const client of ['chromium-v1', 'chromium-v0']) {
      const ana = await call.join(client, `ana-${client}`);
      const since = await ana.mark();
      await ana.command('simulate', { scenario: 'node-failure' });
      await ana.event('reconnected', {}, { since });
      const [, resume, anew] = ana.tap.sessions;
      assert.deepEqual([resume.resume, anew.resume, anew.version], [true, false, ana.mode]);
      await ana.publishMic({ tone: 440 });
      const ben = await call.join('python-v1', `ben-${client}`);
      await ben.hears(ana, { tone: 440 });
    }
  },
);

for (const client of ['chromium-v1', 'chromium-v0', 'chromium-1x', 'python-v1', 'python-v0', 'node-v1']) {
  scenario(`${client} is told why when its identity joins again`, { covers: [[client, 'duplicate identity']] }, async (call) => {
    const first = await call.join(client, 'ana');
    const ben = await call.join('python-v1', 'ben');
    const since = await ben.mark();
    const second = await call.join('python-v0', 'ana');
    await first.event('disconnected', { reason: 'DUPLICATE_IDENTITY' });
    await second.publishMic({ tone: 440 });
    await ben.hears(second, { tone: 440 });
    assert.ok((await ben.count('participant-left', {}, since)) <= 1);
  });

  scenario(`${client} is told why when the server makes it leave`, { covers: [[client, 'leave reason']] }, async (call) => {
    const ana = await call.join(client, 'ana');
    const ben = await call.join('python-v1', 'ben');
    const since = await ben.mark();
    await ana.command('simulate', { scenario: 'server-leave' });
    await ana.event('disconnected', { reason: 'SERVER_SHUTDOWN' });
    await ben.event('participant-left', { identity: 'ana' }, { since });
    await sleep(1000);
    assert.equal(ana.tap.sessions.length, 1, 'it does not come back');
  });
}

scenario('a client that vanishes without a word is soon gone for the others', { covers: [['python-v1', 'vanishing peer']] }, async (call) => {
  const { ana, ben } = await conversation(call, 'chromium-v1');
  // Signalling is cut for good and the page is closed: no leave is ever sent.
  ana.tap.down();
  await ana.destroy();
  await ben.event('participant-left', { identity: 'ana' }, { patience: 30_000 });
});
