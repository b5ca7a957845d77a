// livekit-client in Chromium: 2.x in both connection modes, and 1.x, which knows only two.

import assert from 'node:assert/strict';
import { scenario } from '../lib/scenario.mjs';
import { until } from '../lib/puppet.mjs';

const PAIRS = [
  ['chromium-v1', 'chromium-v0'],
  ['chromium-v0', 'chromium-v1'],
  ['chromium-1x', 'chromium-v1'],
  ['chromium-v1', 'chromium-1x'],
];

for (const [from, to] of PAIRS) {
  scenario(
    `${from} is heard and seen by ${to}`,
    { covers: [[from, 'publish audio and video'], [to, 'receive audio and video']] },
    async (call) => {
      const ana = await call.join(from, 'ana');
      const ben = await call.join(to, 'ben');
      await ana.publishMic();
      await ana.publishCamera();
      await ben.hears(ana);
      const picture = await ben.sees(ana, 'camera', { width: 320, height: 180 });
      assert.equal(picture.freezes, 0);
    },
  );
}
