// livekit-client 2.x in Firefox: another WebRTC stack's neighbour with other habits. It does not
// send its offer with the join, receives no RED, wraps ids in braces, and probes with old packets.

import assert from 'node:assert/strict';
import { scenario } from '../lib/scenario.mjs';
import { until } from '../lib/puppet.mjs';

// Firefox's fake microphone hums at 1000 Hz.

for (const mode of ['v1', 'v0']) {
  const client = `firefox-${mode}`;
  const covers = (...what) => ({ covers: what.map((w) => [client, w]), seconds: 90 });

  scenario(`Firefox hears and sees Chromium, and Chromium Firefox (${mode})`, covers('microphone', 'camera', 'data', 'RED stripped'), async (call) => {
    const fox = await call.join(client, 'fox');
    const ana = await call.join('chromium-v1', 'ana');
    // The device's one channel goes out as RED; a stereo track would not.
    await ana.publishMic();
    await ana.publishCamera();
    const pia = await call.join('python-v1', 'pia');
    assert.equal((await pia.subscribed(ana, 'microphone')).mime, 'audio/red');
    await fox.hears(ana);
    assert.equal((await fox.report(ana, 'microphone')).codec, 'audio/opus');
    await fox.sees(ana, 'camera', { width: 320 });

    await fox.publishMic();
    await fox.publishCamera();
    await ana.hears(fox);
    await ana.sees(fox);
    await pia.hears(fox, { tone: 1000 });

    await fox.send('ahoy', { topic: 'chat' });
    await ana.event('data', { identity: 'fox', text: 'ahoy', topic: 'chat', reliable: true });
    await ana.send('hello');
    await fox.event('data', { identity: 'ana', text: 'hello' });
  });

  scenario(`Firefox publishes simulcast and its layers are switched (${mode})`, covers('simulcast', 'layer switch'), async (call) => {
    const fox = await call.join(client, 'fox');
    const pia = await call.join('python-v1', 'pia');
    await fox.publishCamera({ width: 960, height: 540, simulcast: true });
    const { sid } = await pia.subscribed(fox, 'camera');
    const whole = await pia.sees(fox, 'camera', { patience: 30_000 });
    await pia.command('quality', { sid, level: 'low' });
    await until('a smaller picture', async (saw) => {
      const now = await pia.report(fox, 'camera');
      saw(now);
      return now.width < whole.width || now.width === 320;
    });
    await pia.command('quality', { sid, level: 'high' });
    await pia.sees(fox, 'camera', { width: 960, patience: 30_000 });
  });

  scenario(`Firefox restarts ICE and then resumes, and is heard all along (${mode})`, covers('ICE restart', 'resume'), async (call) => {
    const fox = await call.join(client, 'fox');
    const pia = await call.join('python-v1', 'pia');
    await fox.publishMic();
    await pia.publishMic({ tone: 440 });
    await pia.hears(fox, { tone: 1000 });
    await fox.hears(pia);
    const left = await pia.mark();

    const [before] = await fox.command('fingerprint');
    await fox.command('iceRestart');
    await until('new ICE credentials', async () => (await fox.command('fingerprint'))[0] !== before);
    await pia.hears(fox, { tone: 1000 });
    await fox.hears(pia);

    const since = await fox.mark();
    fox.tap.down();
    await pia.hears(fox, { tone: 1000 });
    await fox.hears(pia);
    fox.tap.up();
    await fox.event('reconnected', {}, { since });
    await pia.hears(fox, { tone: 1000 });
    await fox.hears(pia);
    assert.ok(fox.tap.sessions.slice(1).every((s) => s.resume), JSON.stringify(fox.tap.sessions));
    assert.equal(await pia.count('participant-left', {}, left), 0);
    assert.equal(await pia.count('unsubscribed', {}, left), 0);
  });

  scenario(`Firefox reconnects from scratch and sees again (${mode})`, covers('full reconnect'), async (call) => {
    const fox = await call.join(client, 'fox');
    const pia = await call.join('python-v1', 'pia');
    await pia.publishCamera();
    await fox.publishMic();
    await fox.sees(pia);
    const since = await fox.mark();
    await fox.command('simulate', { scenario: 'full-reconnect' });
    await fox.event('reconnected', {}, { since, patience: 30_000 });
    await fox.sees(pia);
    await pia.hears(fox, { tone: 1000 });
  });
}
