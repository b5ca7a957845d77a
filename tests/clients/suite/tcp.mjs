// With UDP gone, the call runs over ICE-TCP. The firewall rule lives in this run's own network
// namespace, and only as long as the test.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { scenario } from '../lib/scenario.mjs';
import { until } from '../lib/puppet.mjs';

const nft = (rules) => execFileSync('nft', ['-f', '-'], { input: rules, stdio: ['pipe', 'pipe', 'inherit'] });

async function withoutUdp(body) {
  nft('table inet no_udp { chain out { type filter hook output priority 0; meta l4proto udp counter drop; }; }');
  try {
    await body();
  } finally {
    nft('delete table inet no_udp');
  }
}

async function runsOverTcp(puppet) {
  await until(`${puppet.label} to use TCP`, async (saw) => {
    const pairs = await puppet.command('pairs');
    saw(pairs);
    return pairs.length > 0 && pairs.every((p) => p.protocol === 'tcp');
  });
}

for (const client of ['chromium-v1', 'chromium-v0', 'python-v1', 'python-v0', 'firefox-v1']) {
  scenario(`${client} talks over TCP where UDP is blocked`, { covers: [[client, 'ICE-TCP']], seconds: 90 }, async (call) => {
    await withoutUdp(async () => {
      const ana = await call.join(client, 'ana');
      const ben = await call.join(client, 'ben');
      await ana.publishMic();
      await ana.publishCamera();
      await ben.hears(ana, { patience: 40_000 });
      await ben.sees(ana, 'camera', { width: 320 });
      await ana.send('over tcp');
      await ben.event('data', { text: 'over tcp' });
      await runsOverTcp(ben);
      await runsOverTcp(ana);
    });
  });
}

scenario(
  'a participant over TCP and one over UDP hear each other',
  { covers: [['chromium-v1', 'ICE-TCP']] },
  async (call) => {
    const ben = await call.join('chromium-v1', 'ben');
    await ben.publishMic({ tone: 660 });
    // The rule lets through the flow that ben's connection is already known by.
    const [{ local }] = await until('ben to be connected', async () => {
      const pairs = await ben.command('pairs');
      return pairs.length > 0 && pairs;
    });
    assert.ok(local > 0);
    nft(`table inet one_udp { chain out { type filter hook output priority 0; udp dport ${local} accept; udp sport ${local} accept; meta l4proto udp drop; }; }`);
    try {
      const ana = await call.join('chromium-v0', 'ana');
      await ana.publishMic({ tone: 440 });
      await ben.hears(ana);
      await ana.hears(ben);
      await runsOverTcp(ana);
      assert.ok((await ben.command('pairs')).every((p) => p.protocol === 'udp'));
    } finally {
      nft('delete table inet one_udp');
    }
  },
);
