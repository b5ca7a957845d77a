// Two participants of the Python SDK, with one peer connection (v1) and with two (v0).

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { scenario } from '../lib/scenario.mjs';

for (const mode of ['v1', 'v0']) {
  const client = `python-${mode}`;
  const covers = (...what) => ({ covers: what.map((w) => [client, w]) });

  scenario(`two Python participants hear each other's tones (${mode})`, covers('audio'), async (call) => {
    const ana = await call.join(client, 'ana');
    const ben = await call.join(client, 'ben');
    await ana.publishMic({ tone: 440 });
    await ben.publishMic({ tone: 880 });
    await ben.hears(ana, { tone: 440 });
    await ana.hears(ben, { tone: 880 });
  });

  scenario(`a muted Python microphone falls silent and comes back (${mode})`, covers('mute'), async (call) => {
    const ana = await call.join(client, 'ana');
    const ben = await call.join(client, 'ben');
    const { sid } = await ana.publishMic({ tone: 440 });
    await ben.hears(ana, { tone: 440 });
    await ana.command('mute', { sid });
    await ben.event('muted', { identity: 'ana', source: 'microphone' });
    await ben.stopsReceiving(ana, 'microphone');
    await ana.command('unmute', { sid });
    await ben.event('unmuted', { identity: 'ana', source: 'microphone' });
    await ben.hears(ana, { tone: 440 });
  });

  scenario(`Python data reaches everybody, or only those it names (${mode})`, covers('data'), async (call) => {
    const ana = await call.join(client, 'ana');
    const ben = await call.join(client, 'ben');
    const eve = await call.join(client, 'eve');
    await ana.event('participant-joined', { identity: 'eve' });

    await ana.send('to all', { topic: 'chat' });
    for (const them of [ben, eve]) {
      const got = await them.event('data', { text: 'to all', topic: 'chat' });
      assert.equal(got.identity, 'ana');
      assert.equal(got.reliable, true);
    }

    await ana.send('for ben', { topic: 'private', to: ['ben'] });
    await ana.send('after that', { topic: 'chat' });
    await ben.event('data', { text: 'for ben', topic: 'private' });
    // Reliable messages keep their order, so once the later one is here the earlier is not coming.
    await eve.event('data', { text: 'after that' });
    assert.equal(await eve.count('data', { text: 'for ben' }), 0);

    // Lossy ones may vanish; one of many must arrive, and as lossy.
    for (let i = 0; i < 10; i++) await ana.send(`lossy ${i}`, { reliable: false, topic: 'cursor' });
    await ben.event('data', { text: /^lossy/, topic: 'cursor', reliable: false });

    const long = 'x'.repeat(14_000);
    await ana.send(long, { topic: 'long' });
    assert.equal((await ben.event('data', { topic: 'long' })).length, long.length);
    assert.equal(await ana.count('data'), 0, 'nobody receives their own data');
  });

  scenario(`a hundred reliable messages arrive once each and in order (${mode})`, covers('data'), async (call) => {
    const ana = await call.join(client, 'ana');
    const ben = await call.join(client, 'ben');
    await ana.event('participant-joined', { identity: 'ben' });
    for (let i = 0; i < 100; i++) await ana.send(`n${i}`, { topic: 'row' });
    await ben.event('data', { text: 'n99' });
    const row = ben.events.filter((e) => e.event === 'data').map((e) => e.text);
    assert.deepEqual(row, Array.from({ length: 100 }, (_, i) => `n${i}`));
  });

  scenario(`Python text and byte streams arrive whole (${mode})`, covers('text streams', 'byte streams'), async (call) => {
    const ana = await call.join(client, 'ana');
    const ben = await call.join(client, 'ben');
    await ben.command('onText', { topic: 'letter' });
    await ben.command('onBytes', { topic: 'file' });
    await ana.event('participant-joined', { identity: 'ben' });

    await ana.command('sendText', { text: 'short', topic: 'letter' });
    assert.equal((await ben.event('text', { text: 'short' })).identity, 'ana');

    // Longer than a chunk of 15,000 bytes, and of a kind that does not compress to one.
    const long = Array.from({ length: 20_000 }, (_, i) => String.fromCharCode(97 + ((i * i * 31 + i * 7) % 26))).join('');
    await ana.command('sendText', { text: long, topic: 'letter' });
    await ben.event('text', { length: long.length });

    const { sum } = await ana.command('sendBytes', { length: 100_000, topic: 'file', name: 'photo.jpg' });
    const file = await ben.event('bytes', { topic: 'file' });
    assert.deepEqual([file.length, file.sum, file.name], [100_000, sum, 'photo.jpg']);
  });

  scenario(`a Python participant calls another's method (${mode})`, covers('RPC'), async (call) => {
    const ana = await call.join(client, 'ana');
    const ben = await call.join(client, 'ben');
    await ben.command('rpcRegister', { method: 'echo' });
    await ana.event('participant-joined', { identity: 'ben' });

    const ask = (payload, method = 'echo') => ana.command('rpcCall', { to: 'ben', method, payload });
    assert.deepEqual(await ask('hello'), { answer: 'ana:hello' });
    assert.equal((await ask('fail')).code, 1234);
    assert.equal((await ask('x', 'unknown')).code, 1400, 'unsupported method');
    const big = 'y'.repeat(14_000);
    assert.equal((await ask(big)).answer, `ana:${big}`);
  });

  scenario(`a Python data track delivers its frames (${mode})`, covers('data tracks'), async (call) => {
    const ana = await call.join(client, 'ana');
    const ben = await call.join(client, 'ben');
    await ana.command('publishDataTrack', { name: 'pose' });
    await ben.event('data-track', { identity: 'ana', name: 'pose' });
    // Frames before the subscription is complete go nowhere, and single ones may be lost.
    for (let i = 0; i < 100 && !(await ben.count('data-frame', { text: 'frame' })); i++) {
      await ana.command('pushData', { name: 'pose', text: 'frame' });
      await sleep(100);
    }
    const frame = await ben.event('data-frame', { name: 'pose' });
    assert.deepEqual([frame.identity, frame.text], ['ana', 'frame']);
  });

  scenario(
    `Python publishes three layers and Python chooses among them (${mode})`,
    covers('simulcast video', 'layer switch'),
    async (call) => {
      const ana = await call.join(client, 'ana');
      const ben = await call.join(client, 'ben');
      await ana.publishCamera({ width: 960, height: 540, simulcast: true });
      const { sid } = await ben.subscribed(ana, 'camera');
      await ben.sees(ana, 'camera', { width: 960, height: 540 });
      await ben.command('quality', { sid, level: 'low' });
      await ben.sees(ana, 'camera', { width: 320, height: 180 });
      await ben.command('quality', { sid, level: 'medium' });
      await ben.sees(ana, 'camera', { width: 640, height: 360 });
      await ben.command('quality', { sid, level: 'high' });
      await ben.sees(ana, 'camera', { width: 960, height: 540 });
    },
  );

  scenario(`Python participants see names, metadata and attributes change (${mode})`, covers('participant updates'), async (call) => {
    const ana = await call.join(client, 'ana', { token: { name: 'Ana', metadata: 'm0', attributes: { seat: '1', hat: 'red' } } });
    const ben = await call.join(client, 'ben');
    assert.deepEqual([ana.joined.name, ana.joined.metadata, ana.joined.attributes], ['Ana', 'm0', { seat: '1', hat: 'red' }]);
    await ben.knows('ana', 'she joined', (p) => p.name === 'Ana' && p.metadata === 'm0' && p.attributes.seat === '1');
    await ana.command('setName', { value: 'Anna' });
    await ben.event('name', { identity: 'ana', value: 'Anna' });
    await ana.command('setMetadata', { value: 'm1' });
    await ben.event('metadata', { identity: 'ana', value: 'm1' });
    await ana.command('setAttributes', { value: { seat: '2', hat: '' } });
    await ben.event('attributes', { identity: 'ana' });
    const them = await ben.knows('ana', 'reseated', (p) => p.attributes.seat === '2');
    assert.equal(them.attributes.hat || '', '', 'an empty attribute is a deleted one');
  });

  scenario(`a Python participant unpublishes, leaves, and is gone (${mode})`, covers('unpublish', 'leave'), async (call) => {
    const ana = await call.join(client, 'ana');
    const ben = await call.join(client, 'ben');
    const { sid } = await ana.publishMic({ tone: 440 });
    await ben.hears(ana);
    await ana.command('unpublish', { sid });
    await ben.event('unsubscribed', { identity: 'ana', source: 'microphone' });
    await ben.event('unpublished', { identity: 'ana', source: 'microphone' });
    await ana.leave();
    // Not merely that her connection broke: she said that she was leaving.
    await ben.event('participant-left', { identity: 'ana', reason: 'CLIENT_INITIATED' });
  });
}
