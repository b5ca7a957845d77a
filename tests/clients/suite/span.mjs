// A call that takes more than one of the server's threads: every other participant is on another one, which shows in
// the port that media goes to, and nobody notices.

import assert from 'node:assert/strict';
import { METRICS, Office } from '../lib/office.mjs';
import { until } from '../lib/puppet.mjs';
import { scenario } from '../lib/scenario.mjs';

const UDP = [7982, 7983];
const SETTINGS = `
prometheus_port: ${METRICS}
room: {departure_timeout: 1}
rtc: {room_shard_participants: 1}
`;

async function withShards(body) {
  const office = await Office.empty({ settings: SETTINGS, udp: UDP.join('-') });
  try {
    await body(office);
  } finally {
    await office.stop();
  }
}

const sum = (values) => Object.values(values).reduce((all, one) => all + one, 0);

/** Packets that went from a shard to the others. */
const relayed = async (office, shard) => (await office.metric('visavis_shard_relayed_packets_total'))[`shard="${shard}",direction="outgoing"`];

/** Which shard a browser's media goes to. */
async function shardOf(puppet) {
  return until(`${puppet.label} to be connected over UDP`, async (saw) => {
    const pairs = await puppet.command('pairs');
    saw(pairs);
    const ports = new Set(pairs.map((pair) => Number(pair.remote.split(':').at(-1))));
    const shard = UDP.indexOf([...ports][0]);
    return ports.size === 1 && shard >= 0 && { shard };
  });
}

if (!process.env.CLIENTS_SERVER_CMD) {
  const clients = ['chromium-v1', 'chromium-v0', 'python-v1'];
  const covers = clients.map((client) => [client, 'a room over several threads']);
  scenario('a call over two threads is like any other', { covers, seconds: 120 }, (call) => withShards(async (office) => {
    const join = async (client, identity) => {
      const puppet = await call.open(client, identity, office.port);
      await puppet.join(await call.token(identity));
      return puppet;
    };
    const ana = await join('chromium-v1', 'ana');
    const ben = await join('chromium-v0', 'ben');
    await ana.publishMic({ tone: 440 });
    const camera = await ana.publishCamera({ width: 960, height: 540, simulcast: true });
    const benMic = await ben.publishMic({ tone: 660 });
    await ben.publishCamera();

    // Sound and pictures in both directions.
    await ben.hears(ana, { tone: 440 });
    await ana.hears(ben, { tone: 660 });
    const { sid } = await ben.subscribed(ana, 'camera');
    await ben.sees(ana, 'camera', { width: 960 });
    await ana.sees(ben, 'camera', { width: 320 });
    const [first, second] = [await shardOf(ana), await shardOf(ben)].map(({ shard }) => shard);
    assert.notEqual(first, second, 'the room does not span both shards');
    for (const shard of [first, second]) assert.ok((await relayed(office, shard)) > 0, `shard ${shard} relays nothing`);

    // Somebody who comes later, beside the one and apart from the other.
    const cleo = await join('python-v1', 'cleo');
    await cleo.sees(ana, 'camera');
    await cleo.sees(ben, 'camera');
    await cleo.hears(ana, { tone: 440 });
    await cleo.hears(ben, { tone: 660 });
    const dora = await join('chromium-v1', 'dora');
    await dora.sees(ana, 'camera', { width: 960 });
    await dora.sees(ben, 'camera', { width: 320 });
    assert.equal((await shardOf(dora)).shard, second);

    // One subscriber's layers, down and up, while the other's beside it stay.
    for (const [level, width] of [['low', 320], ['high', 960], ['medium', 640], ['low', 320], ['high', 960]]) {
      await ben.command('quality', { sid, level });
      await ben.sees(ana, 'camera', { width, frames: 3 });
    }
    await dora.sees(ana, 'camera', { width: 960 });

    // Who speaks, wherever that is; silence, and the picture that stands still.
    for (const one of [ana, ben]) await one.event('speakers', { identities: ['ana', 'ben'] });
    let since = await dora.mark();
    const silent = await ana.mark();
    await ben.command('mute', benMic);
    await dora.event('muted', { identity: 'ben', source: 'microphone' }, { since });
    await ana.event('speakers', { identities: ['ana'] }, { since: silent });
    await ana.command('mute', camera);
    await dora.event('muted', { identity: 'ana', source: 'camera' }, { since });
    await dora.stopsReceiving(ana, 'camera');
    await ana.command('unmute', camera);
    const marks = [await ana.mark(), await dora.mark()];
    await ben.command('unmute', benMic);
    await ana.event('speakers', { identities: /ben/ }, { since: marks[0] });
    await dora.event('speakers', { identities: /ben/ }, { since: marks[1] });
    await ben.sees(ana, 'camera');
    await dora.sees(ana, 'camera');
    await ana.hears(ben, { tone: 660 });
    await cleo.hears(ben, { tone: 660 });

    // Data of every kind.
    await ana.send('to everybody');
    await ben.send('without guarantee', { reliable: false });
    await ben.send('for one alone', { to: ['ana'] });
    for (const other of [ben, cleo, dora]) await other.event('data', { text: 'to everybody', identity: 'ana' });
    for (const other of [ana, cleo, dora]) await other.event('data', { text: 'without guarantee', identity: 'ben' });
    await ana.event('data', { text: 'for one alone' });
    assert.equal(await dora.count('data', { text: 'for one alone' }), 0);
    await ana.command('publishDataTrack', { name: 'pulse' });
    for (const other of [ben, cleo, dora]) {
      await until(`${other.label} to get a frame of data`, async () => {
        await ana.command('pushData', { name: 'pulse', text: 'beat' });
        return (await other.count('data-frame', { identity: 'ana', text: 'beat' })) > 0;
      });
    }

    // Another way through the network, then a connection from scratch.
    for (const who of [ana, dora]) {
      const before = await who.command('fingerprint');
      await who.command('iceRestart');
      await until('new ICE credentials', async () => (await who.command('fingerprint'))[0] !== before[0]);
    }
    await dora.hears(ana, { tone: 440 });
    await dora.sees(ana, 'camera', { width: 960 });
    await ana.hears(ben, { tone: 660 });
    since = await ana.mark();
    await ana.command('simulate', { scenario: 'full-reconnect' });
    await ana.event('reconnected', {}, { since });
    for (const other of [ben, cleo, dora]) {
      await other.hears(ana, { tone: 440 });
      await other.sees(ana, 'camera');
    }
    await ana.sees(ben, 'camera');

    // Where nobody is left to look, nothing is relayed.
    const [home, away] = [await shardOf(ana), await shardOf(dora)].map(({ shard }) => shard);
    const there = [];
    for (const who of [ben, dora]) if ((await shardOf(who)).shard !== home) there.push(who);
    assert.ok(there.length > 0 && home !== away, 'the room does not span both shards any more');
    since = await ana.mark();
    for (const who of there) await who.leave();
    for (const { identity } of there) await ana.event('participant-left', { identity }, { since });
    await until('the relaying to end', async (saw) => {
      const before = await relayed(office, home);
      await cleo.hears(ana, { tone: 440 });
      await cleo.sees(ana, 'camera');
      saw([before, await relayed(office, home)]);
      return (await relayed(office, home)) === before;
    });

    for (const who of call.puppets.filter((it) => !there.includes(it))) await who.leave();
    for (const gauge of ['livekit_room_total', 'livekit_participant_total', 'livekit_track_published_total', 'livekit_track_subscribed_total', 'visavis_shard_holds']) {
      await until(`${gauge} to be back at nothing`, async (saw) => {
        const values = await office.metric(gauge);
        saw(values);
        return Object.keys(values).length > 0 && sum(values) === 0;
      });
    }
    const drops = await office.metric('visavis_shard_dropped_total');
    assert.deepEqual(Object.keys(drops).filter((labels) => labels.includes('relay_full')), [], JSON.stringify(drops));
    assert.deepEqual(await ben.command('errors'), []);
  }));
}
