// Every video codec a browser can send, and one track in two codecs at once.

import assert from 'node:assert/strict';
import { scenario } from '../lib/scenario.mjs';
import { until } from '../lib/puppet.mjs';

const SIZE = { width: 640, height: 360 };

for (const [codec, how] of [['vp9', 'SVC'], ['av1', 'SVC'], ['h264', 'simulcast'], ['vp8', 'simulcast']]) {
  scenario(
    `${codec} as Chromium sends it (${how}) is decoded in both connection modes`,
    { covers: [['chromium-v1', `${codec} ${how}`], ['chromium-v0', `receives ${codec}`]], seconds: 90 },
    async (call) => {
      const ana = await call.join('chromium-v1', 'ana');
      const ben = await call.join('chromium-v1', 'ben');
      const eve = await call.join('chromium-v0', 'eve');
      await ana.publishCamera({ ...SIZE, codec, simulcast: true });
      for (const them of [ben, eve]) {
        const seen = await them.sees(ana, 'camera', { frames: 15, patience: 40_000 });
        assert.equal(seen.codec.toLowerCase(), `video/${codec}`);
      }
      const sent = (await ana.command('sent')).filter((s) => s.active && s.frames > 0);
      if (how === 'SVC') {
        assert.equal(sent.length, 1, 'one stream holds all layers');
        assert.match(sent[0].mode, /^L[23]T/);
      } else assert.ok(sent.length >= 2, `layers: ${sent.map((s) => s.rid)}`);
      await ben.sees(ana, 'camera', { width: SIZE.width, patience: 40_000 });
    },
  );
}

scenario(
  'Python receives what Chromium sends in VP9, H.264 and AV1',
  { covers: [['python-v1', 'receives vp9, h264, av1']], seconds: 100 },
  async (call) => {
    const ana = await call.join('chromium-v0', 'ana');
    const pia = await call.join('python-v1', 'pia');
    for (const codec of ['vp9', 'h264', 'av1']) {
      const { sid } = await ana.publishCamera({ codec, simulcast: false });
      await pia.sees(ana, 'camera', { patience: 30_000 });
      await ana.command('unpublish', { sid });
      await pia.event('unsubscribed', { sid });
    }
  },
);

scenario(
  'a VP9 publisher with a backup codec is seen by Firefox and Chromium',
  { covers: [['chromium-v1', 'backup codec']], seconds: 90 },
  async (call) => {
    const ana = await call.join('chromium-v1', 'ana');
    await ana.publishCamera({ ...SIZE, codec: 'vp9', backupCodec: true });
    const ben = await call.join('chromium-v0', 'ben');
    const fox = await call.join('firefox-v1', 'fox');
    await ben.sees(ana, 'camera', { frames: 10, patience: 40_000 });
    await fox.sees(ana, 'camera', { frames: 10, patience: 40_000 });
    const codecs = await until('a codec to be named', async () => {
      const seen = await Promise.all([ben, fox].map(async (p) => (await p.report(ana, 'camera')).codec));
      return seen.every(Boolean) && seen;
    });
    assert.ok(codecs.every((c) => /VP[89]/i.test(c)), codecs.join());
  },
);
