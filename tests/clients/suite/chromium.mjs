// livekit-client in Chromium: 2.x in both connection modes, and 1.x, which knows only two.

import assert from 'node:assert/strict';
import { scenario } from '../lib/scenario.mjs';
import { until } from '../lib/puppet.mjs';

// Every kind publishes and receives at least once, and each mode meets the others.
const PAIRS = [
  ['chromium-v1', 'chromium-v0'],
  ['chromium-v0', 'chromium-1x'],
  ['chromium-1x', 'chromium-v1'],
];
const KINDS = ['chromium-v1', 'chromium-v0', 'chromium-1x'];
const covers = (from, to, ...what) => ({ covers: [from, to].flatMap((c) => what.map((w) => [c, w])) });

for (const [from, to] of PAIRS) {
  scenario(`${to} hears and sees ${from}`, covers(from, to, 'microphone', 'camera'), async (call) => {
    const ana = await call.join(from, 'ana');
    const ben = await call.join(to, 'ben');
    await ana.publishMic();
    await ana.publishCamera();
    await ben.hears(ana);
    const picture = await ben.sees(ana, 'camera', { width: 320, height: 180 });
    assert.equal(picture.freezes, 0);
    assert.equal(picture.lost, 0);
  });

  scenario(`${from} publishes three layers and ${to} decodes the highest`, covers(from, to, 'simulcast'), async (call) => {
    const ana = await call.join(from, 'ana');
    const ben = await call.join(to, 'ben');
    await ana.publishCamera({ width: 960, height: 540, simulcast: true });
    await ben.sees(ana, 'camera', { width: 960, height: 540 });
    const layers = await until('all three layers to be sent', async (saw) => {
      const sent = (await ana.command('sent')).filter((s) => s.active && s.frames > 0 && s.packets > 0);
      saw(sent);
      return sent.length === 3 && sent;
    });
    assert.deepEqual(layers.map((l) => l.rid).sort(), ['f', 'h', 'q']);
  });

  scenario(`${to} sees the screen that ${from} shares beside a camera`, covers(from, to, 'screen share'), async (call) => {
    const ana = await call.join(from, 'ana');
    const ben = await call.join(to, 'ben');
    await ana.publishCamera();
    const { sid } = await ana.publishScreen();
    await ben.sees(ana, 'screen_share', { frames: 3 });
    await ben.sees(ana, 'camera', { width: 320 });
    await ana.command('unpublish', { sid });
    await ben.event('unsubscribed', { identity: 'ana', source: 'screen_share' });
    await ben.sees(ana, 'camera', { width: 320 });
    // The section that the screen left behind carries the next one.
    await ana.publishScreen();
    await ben.sees(ana, 'screen_share', { frames: 3 });
  });

  scenario(`${from} and ${to} exchange data`, covers(from, to, 'data'), async (call) => {
    const ana = await call.join(from, 'ana');
    const ben = await call.join(to, 'ben');
    const eve = await call.join('chromium-v1', 'eve');
    await ana.event('participant-joined', { identity: 'eve' });
    await ana.send('to all', { topic: 'chat' });
    for (const them of [ben, eve]) {
      const got = await them.event('data', { text: 'to all', topic: 'chat', reliable: true });
      assert.equal(got.identity, 'ana');
    }
    await ben.send('for ana', { to: ['ana'] });
    await ben.send('for both');
    await ana.event('data', { identity: 'ben', text: 'for ana' });
    await eve.event('data', { identity: 'ben', text: 'for both' });
    assert.equal(await eve.count('data', { text: 'for ana' }), 0);
    for (let i = 0; i < 10; i++) await ana.send('dot', { reliable: false });
    await ben.event('data', { text: 'dot', reliable: false });
  });

  scenario(`${to} notices that ${from} mutes and unmutes`, covers(from, to, 'mute'), async (call) => {
    const ana = await call.join(from, 'ana');
    const ben = await call.join(to, 'ben');
    const mic = await ana.publishMic({ tone: 440 });
    const camera = await ana.publishCamera();
    await ben.hears(ana);
    await ben.sees(ana);
    await ana.command('mute', mic);
    await ana.command('mute', camera);
    await ben.event('muted', { identity: 'ana', source: 'microphone' });
    await ben.event('muted', { identity: 'ana', source: 'camera' });
    await ben.stopsReceiving(ana, 'camera');
    await ana.command('unmute', mic);
    await ana.command('unmute', camera);
    await ben.event('unmuted', { identity: 'ana', source: 'microphone' });
    await ben.event('unmuted', { identity: 'ana', source: 'camera' });
    await ben.hears(ana);
    await ben.sees(ana);
  });
}

// A client may go on sending although it said it is muted; people trust the crossed-out microphone.
for (const kind of ['chromium-v1', 'chromium-v0']) {
  scenario(`what is muted is not forwarded, even while ${kind} goes on sending`, covers(kind, kind, 'mute enforced'), async (call) => {
    const ana = await call.join(kind, 'ana');
    const ben = await call.join(kind, 'ben');
    const mic = await ana.publishMic({ tone: 440 });
    await ben.hears(ana);
    const sent = async () => (await ana.command('sent')).find((s) => s.kind === 'audio').packets;
    await ana.command('muteInNameOnly', mic);
    await ben.event('muted', { identity: 'ana', source: 'microphone' });
    const before = await sent();
    await ben.stopsReceiving(ana, 'microphone');
    assert.ok((await sent()) > before + 10, 'the publisher went on sending');
    await ana.command('unmute', mic);
    await ben.event('unmuted', { identity: 'ana', source: 'microphone' });
    await ben.hears(ana);
    assert.ok((await ben.report(ana, 'microphone')).lost < 5, 'the gap is not counted as loss');
  });
}

for (const kind of KINDS) {
  const it = (...what) => covers(kind, kind, ...what);

  scenario(`${kind} that joins late sees and hears at once`, it('late joiner'), async (call) => {
    const ana = await call.join('chromium-v1', 'ana');
    await ana.publishMic({ tone: 440 });
    await ana.publishCamera();
    const early = await call.join('python-v1', 'early');
    await early.sees(ana);
    const late = await call.join(kind, 'late');
    const picture = await late.sees(ana, 'camera', { width: 320, height: 180 });
    assert.ok(picture.keyFrames >= 1);
    await late.hears(ana);
  });

  scenario(`${kind} learns who is speaking`, it('active speakers'), async (call) => {
    const ana = await call.join('chromium-v1', 'ana');
    const ben = await call.join(kind, 'ben');
    const { sid } = await ana.publishMic({ tone: 440 });
    await ben.event('speakers', { identities: ['ana'] });
    const since = await ben.mark();
    await ana.command('mute', { sid });
    await ben.event('speakers', { identities: [] }, { since });
  });

  scenario(`${kind} tells and learns names, metadata and attributes`, it('participant updates'), async (call) => {
    const ana = await call.join(kind, 'ana', { token: { name: 'Ana', metadata: 'm0' } });
    const ben = await call.join(kind, 'ben');
    await ben.knows('ana', 'she joined', (p) => p.name === 'Ana' && p.metadata === 'm0');
    await ana.command('setName', { value: 'Anna' });
    await ben.event('name', { identity: 'ana', value: 'Anna' });
    await ana.command('setMetadata', { value: 'm1' });
    await ben.event('metadata', { identity: 'ana', value: 'm1' });
    if (kind === 'chromium-1x') return; // knows no attributes
    await ana.command('setAttributes', { value: { seat: '2' } });
    await ben.event('attributes', { identity: 'ana' });
    await ben.knows('ana', 'seated', (p) => p.attributes.seat === '2');
  });

  scenario(`${kind} without permission to publish only listens, and without permission to subscribe only speaks`, it('permissions'), async (call) => {
    const mute = await call.join(kind, 'mute', { grants: { canPublish: false, canPublishData: false } });
    const deaf = await call.join(kind, 'deaf', { grants: { canSubscribe: false } });
    await deaf.publishMic({ tone: 440 });
    await mute.hears(deaf);
    await assert.rejects(mute.publishMic({ tone: 330 }));
    const ben = await call.join('python-v1', 'ben');
    await ben.publishMic({ tone: 550 });
    await mute.hears(ben);
    await deaf.event('published', { identity: 'ben' });
    assert.equal(await deaf.count('subscribed'), 0);
  });

  scenario(`${kind} subscribes and unsubscribes by hand`, it('manual subscription'), async (call) => {
    const ana = await call.join('chromium-v1', 'ana');
    const ben = await call.join(kind, 'ben', { autoSubscribe: false });
    const { sid } = await ana.publishMic({ tone: 440 });
    await ben.event('published', { identity: 'ana', source: 'microphone' });
    assert.equal(await ben.count('subscribed'), 0);
    await ben.command('subscribe', { sid, on: true });
    await ben.hears(ana);
    await ben.command('subscribe', { sid, on: false });
    await ben.event('unsubscribed', { identity: 'ana' });
    const since = await ben.mark();
    await ben.command('subscribe', { sid, on: true });
    await ben.event('subscribed', { identity: 'ana' }, { since });
    await ben.hears(ana);
  });
}

scenario(
  'Chromium text, byte streams, calls and data tracks work with Python',
  { covers: [['chromium-v1', 'text streams'], ['chromium-v1', 'byte streams'], ['chromium-v1', 'RPC'], ['chromium-v1', 'data tracks']] },
  async (call) => {
    const ana = await call.join('chromium-v1', 'ana');
    const pia = await call.join('python-v1', 'pia');
    await ana.event('participant-joined', { identity: 'pia' });
    for (const [from, to] of [[ana, pia], [pia, ana]]) {
      await to.command('onText', { topic: 'letter' });
      await to.command('onBytes', { topic: 'file' });
      await to.command('rpcRegister', { method: 'echo' });
      await from.command('sendText', { text: 'dear '.repeat(8000), topic: 'letter' });
      await to.event('text', { length: 40_000 });
      const { sum } = await from.command('sendBytes', { length: 60_000, topic: 'file' });
      assert.equal((await to.event('bytes', { length: 60_000 })).sum, sum);
      const answer = await from.command('rpcCall', { to: to.identity, method: 'echo', payload: 'p' });
      assert.deepEqual(answer, { answer: `${from.identity}:p` });

      const name = `pose-of-${from.identity}`;
      await from.command('publishDataTrack', { name });
      await to.event('data-track', { name });
      await until('a frame of the data track', async () => {
        await from.command('pushData', { name, text: 'frame' });
        return to.count('data-frame', { name, text: 'frame' });
      });
    }
  },
);

scenario(
  'a publisher lets only the people she names subscribe',
  { covers: [['chromium-v1', 'subscription permissions']] },
  async (call) => {
    const ana = await call.join('chromium-v1', 'ana');
    const ben = await call.join('chromium-v0', 'ben');
    const eve = await call.join('python-v1', 'eve');
    await ana.command('allow', { everyone: false, list: [{ participantIdentity: 'ben', allowAll: true }] });
    await ana.publishMic({ tone: 440 });
    await ben.hears(ana);
    await eve.event('published', { identity: 'ana' });
    assert.equal(await eve.count('subscribed'), 0);
    await ana.command('allow', { everyone: true });
    await eve.hears(ana, { tone: 440 });
  },
);
