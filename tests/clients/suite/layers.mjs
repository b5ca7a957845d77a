// One publisher of three layers, one subscriber who changes its mind twenty times.

import assert from 'node:assert/strict';
import { scenario } from '../lib/scenario.mjs';
import { until } from '../lib/puppet.mjs';

const WIDTHS = { low: 320, medium: 640, high: 960 };
// Neighbours and jumps in both directions.
const ORDER = ['low', 'high', 'medium', 'low', 'medium', 'high', 'low', 'medium', 'low', 'high'];

for (const [publisher, subscriber] of [['chromium-v1', 'chromium-v1'], ['chromium-v0', 'chromium-v0'], ['chromium-1x', 'chromium-1x']]) {
  scenario(
    `${subscriber} switches layers twenty times without a freeze`,
    { covers: [[subscriber, '20 layer switches']], seconds: 110 },
    async (call) => {
      const ana = await call.join(publisher, 'ana');
      const ben = await call.join(subscriber, 'ben');
      await ana.publishCamera({ width: 960, height: 540, simulcast: true });
      const { sid } = await ben.subscribed(ana, 'camera');
      // The publisher's own ramp-up is not the subject: wait until the highest layer is there.
      const start = await ben.sees(ana, 'camera', { width: 960, frames: 15 });

      for (let i = 0; i < 20; i++) {
        const level = ORDER[i % ORDER.length];
        await ben.command('quality', { sid, level });
        await ben.sees(ana, 'camera', { width: WIDTHS[level], frames: 3 });
      }

      const end = await ben.report(ana, 'camera');
      // A freeze in this statistic is a gap well above the usual one, not necessarily a long one;
      // were one longer than a second, the sum would show it.
      const freezeSeconds = end.freezeSeconds - start.freezeSeconds;
      const freezes = end.freezes - start.freezes;
      assert.ok(freezeSeconds <= freezes && freezeSeconds < 1, `froze ${freezes} times, ${freezeSeconds} s in all`);
      assert.ok(end.keyFrames - start.keyFrames >= 20, `${end.keyFrames - start.keyFrames} key frames for 20 switches`);
      const dropped = end.dropped - start.dropped;
      const decoded = end.frames - start.frames;
      assert.ok(dropped <= decoded / 20, `${dropped} frames dropped, ${decoded} decoded`);
      // Key frames for a switch are asked for by the server, so the subscriber has hardly to ask.
      assert.ok(end.pli - start.pli <= 10, `subscriber sent ${end.pli - start.pli} picture loss indications`);
      assert.equal(end.lost - start.lost, 0, 'sequence numbers are continuous');
      const asked = (await ana.command('sent')).reduce((sum, s) => sum + s.pli, 0);
      assert.ok(asked <= 120, `publisher was asked for ${asked} key frames`);
      assert.deepEqual(await ben.command('errors'), []);
    },
  );
}

scenario(
  'a subscriber that asks for dimensions, or for nothing, gets that',
  { covers: [['chromium-v1', 'track settings']] },
  async (call) => {
    const ana = await call.join('chromium-v1', 'ana');
    const ben = await call.join('chromium-v1', 'ben');
    await ana.publishCamera({ width: 960, height: 540, simulcast: true });
    const { sid } = await ben.subscribed(ana, 'camera');
    await ben.sees(ana, 'camera', { width: 960 });
    await ben.command('dimensions', { sid, width: 300, height: 170 });
    await ben.sees(ana, 'camera', { width: 320 });
    await ben.command('enabled', { sid, on: false });
    await ben.stopsReceiving(ana, 'camera');
    await ben.command('enabled', { sid, on: true });
    await ben.sees(ana, 'camera', { width: 320 });
    await ben.command('dimensions', { sid, width: 960, height: 540 });
    await ben.sees(ana, 'camera', { width: 960 });
  },
);

scenario(
  'adaptive stream lowers a small picture and stops a hidden one',
  { covers: [['chromium-v1', 'adaptive stream']] },
  async (call) => {
    const ana = await call.join('chromium-v1', 'ana');
    const ben = await call.join('chromium-v1', 'ben', { adaptiveStream: true });
    await ana.publishCamera({ width: 960, height: 540, simulcast: true });
    // The page shows it 160 pixels wide: the lowest layer is enough.
    await ben.sees(ana, 'camera', { width: 320 });
    await ben.command('showVideo', { width: 960 });
    await ben.sees(ana, 'camera', { width: 960 });
    await ben.command('showVideo', { width: 0 });
    await ben.stopsReceiving(ana, 'camera');
    await ben.command('showVideo', { width: 960 });
    await ben.sees(ana, 'camera', { width: 960 });
  },
);

for (const [codec, size] of [['vp9', { width: 960, height: 540 }], ['av1', { width: 640, height: 360 }]]) {
  scenario(
    `a subscriber chooses among the layers inside a ${codec} stream`,
    { covers: [['chromium-v1', `${codec} SVC layer switches`]], seconds: 300 },
    async (call) => {
      const patience = 60_000;
      const ana = await call.join('chromium-v1', 'ana');
      const ben = await call.join('chromium-v1', 'ben');
      await ana.publishCamera({ ...size, codec, simulcast: true });
      const { sid } = await ben.subscribed(ana, 'camera');
      await ben.sees(ana, 'camera', { width: size.width, frames: 15, patience });

      await ben.command('quality', { sid, level: 'low' });
      const small = await until(
        'a smaller picture',
        async (saw) => {
          const now = await ben.report(ana, 'camera');
          saw(now);
          return now && now.width > 0 && now.width <= size.width / 2 && now;
        },
        patience,
      );
      await ben.sees(ana, 'camera', { width: small.width, frames: 15, patience });

      await ben.command('quality', { sid, level: 'high' });
      await ben.sees(ana, 'camera', { width: size.width, frames: 15, patience });
      const end = await ben.report(ana, 'camera');
      assert.equal(end.lost, 0, 'sequence numbers are continuous');
      assert.deepEqual(await ben.command('errors'), []);
    },
  );
}
