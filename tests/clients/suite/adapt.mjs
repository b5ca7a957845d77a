// Video follows what the line to a real browser carries.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { out } from '../lib/out.mjs';
import { Relay } from '../lib/relay.mjs';
import { scenario } from '../lib/scenario.mjs';

const run = promisify(execFile);

/** What the server's flight recorder says of that line, by the command that an operator has. */
async function recorded(room) {
  // Another server has none.
  if (process.env.CLIENTS_SERVER_CMD) return;
  const file = out('narrow.jsonl');
  await run(process.env.VISAVIS_BIN, ['call', 'export', room, '--dev', '--participant', 'ben', '--out', file]);
  const [call, ...lines] = readFileSync(file, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line));
  assert.equal(call.room, room);
  assert.ok(lines.some((line) => line.identity === 'ben' && line.client.includes('js')));
  const narrow = lines.filter((line) => line.down?.capacity > 240 && line.down.capacity < 360 && line.down.busy > 100);
  assert.ok(narrow.length >= 3, `the narrow line is not in ${file}`);
  const lowered = lines.some((line) => line.estimate?.kbps < 400 && ['delay', 'loss'].includes(line.estimate.why));
  assert.ok(lowered, `no estimate went down in ${file}`);
  assert.equal(/\d+\.\d+\.\d+\.\d+:/.test(readFileSync(file, 'utf8')), false, 'addresses do not belong there');
}

for (const client of ['chromium-v1']) {
  scenario(
    `${client} behind a line of 300 kbit/s has the lowest layer and whole sound, and the best picture when the line is wide again`,
    { covers: [[client, 'bandwidth adaptation']], seconds: 150 },
    async (call) => {
      const relay = await Relay.open();
      try {
        const ana = await call.join(client, 'ana');
        const ben = await call.open(client, 'ben');
        await ben.command('goBy', relay.way);
        await ben.join(await call.token('ben'));
        await ana.publishMic({ tone: 440 });
        await ana.publishCamera({ width: 960, height: 540, simulcast: true });
        await ben.subscribed(ana, 'camera');
        await ben.sees(ana, 'camera', { width: 960, frames: 10, patience: 40_000 });
        assert.ok((await ben.command('pairs')).every((pair) => pair.remote.endsWith(`:${relay.port}`)));

        relay.cap(300);
        await ben.sees(ana, 'camera', { width: 320, frames: 5 });
        // What waited in the line's queue has passed.
        await sleep(2000);
        const begin = await ben.report(ana, 'microphone');
        for (let last = begin, second = 0; second < 6; second++) {
          await sleep(1000);
          const now = await ben.report(ana, 'microphone');
          const concealed = now.concealed - last.concealed;
          const played = now.samples - last.samples;
          assert.ok(concealed <= played / 4, `${concealed} of ${played} samples in a second were made up`);
          last = now;
        }
        await ben.hears(ana, { tone: 440 });

        const lifted = Date.now();
        relay.cap();
        await ben.sees(ana, 'camera', { width: 960, frames: 5, patience: 40_000 });
        console.log(`the best picture was back after ${Date.now() - lifted} ms`);
        await recorded(call.room);
      } finally {
        await relay.close();
      }
    },
  );
}
