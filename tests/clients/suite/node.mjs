// @livekit/rtc-node: another build of the native library than Python's (it speaks DTLS 1.2 where
// Python's speaks 1.3), against Python.

import assert from 'node:assert/strict';
import { scenario } from '../lib/scenario.mjs';

for (const mode of ['v1', 'v0']) {
  const client = `node-${mode}`;
  const covers = (...what) => ({ covers: what.map((w) => [client, w]) });

  scenario(`Node and Python hear each other (${mode})`, covers('audio'), async (call) => {
    const nora = await call.join(client, 'nora');
    const pia = await call.join('python-v1', 'pia');
    await nora.publishMic({ tone: 550 });
    await pia.publishMic({ tone: 330 });
    await pia.hears(nora, { tone: 550 });
    await nora.hears(pia, { tone: 330 });
  });

  scenario(`Node's simulcast video reaches Python, and Python's Node (${mode})`, covers('simulcast video', 'layer switch by the subscriber'), async (call) => {
    const nora = await call.join(client, 'nora');
    const pia = await call.join('python-v1', 'pia');
    await nora.publishCamera({ width: 960, height: 540, simulcast: true });
    const { sid } = await pia.subscribed(nora, 'camera');
    await pia.sees(nora, 'camera', { width: 960, height: 540 });
    await pia.command('quality', { sid, level: 'low' });
    await pia.sees(nora, 'camera', { width: 320, height: 180 });
    await nora.command('unpublish', { sid });
    await pia.event('unsubscribed', { identity: 'nora' });

    await pia.publishCamera({ width: 960, height: 540, simulcast: true });
    await nora.sees(pia, 'camera', { width: 960, height: 540 });
  });

  scenario(`Node and Python exchange data, text, bytes and calls (${mode})`, covers('data', 'text streams', 'byte streams', 'RPC'), async (call) => {
    const nora = await call.join(client, 'nora');
    const pia = await call.join('python-v1', 'pia');
    await nora.event('participant-joined', { identity: 'pia' });
    for (const [from, to] of [[nora, pia], [pia, nora]]) {
      await to.command('onText', { topic: 'letter' });
      await to.command('onBytes', { topic: 'file' });
      await to.command('rpcRegister', { method: 'echo' });

      await from.send('hello', { topic: 'chat' });
      assert.equal((await to.event('data', { text: 'hello', topic: 'chat', reliable: true })).identity, from.identity);
      for (let i = 0; i < 10; i++) await from.send('dot', { topic: 'cursor', reliable: false });
      await to.event('data', { text: 'dot', reliable: false });

      await from.command('sendText', { text: 'dear '.repeat(8000), topic: 'letter' });
      await to.event('text', { length: 40_000 });
      const { sum } = await from.command('sendBytes', { length: 60_000, topic: 'file' });
      assert.equal((await to.event('bytes', { length: 60_000 })).sum, sum);
      const answer = await from.command('rpcCall', { to: to.identity, method: 'echo', payload: 'p' });
      assert.deepEqual(answer, { answer: `${from.identity}:p` });
    }
  });

  scenario(`Node sees names, metadata and attributes change (${mode})`, covers('participant updates'), async (call) => {
    const nora = await call.join(client, 'nora');
    const pia = await call.join('python-v0', 'pia');
    // News about somebody not yet announced would arrive with the announcement, not as an event.
    await nora.event('participant-joined', { identity: 'pia' });
    await pia.command('setName', { value: 'Pia P.' });
    await nora.event('name', { identity: 'pia', value: 'Pia P.' });
    await pia.command('setAttributes', { value: { desk: '7' } });
    await nora.event('attributes', { identity: 'pia' });
    await nora.command('setMetadata', { value: 'hi' });
    await pia.event('metadata', { identity: 'nora', value: 'hi' });
  });
}
