// Tokens: those of LiveKit's SDKs are accepted, ours satisfy their verifiers, and bad ones are
// refused in the words that the clients turn into errors.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { JoinRequest } from '@livekit/protocol';
import { scenario } from '../lib/scenario.mjs';
import { API_KEY, API_SECRET } from '../lib/server.mjs';
import { encodeJoinRequest } from '../lib/tap.mjs';
import { verify } from '../lib/tokens.mjs';

const PYTHON = fileURLToPath(new URL('../.venv/bin/python', import.meta.url));
const PYTHON_TOKENS = fileURLToPath(new URL('../puppets/python/tokens.py', import.meta.url));
const python = (...args) => execFileSync(PYTHON, ['-W', 'ignore', PYTHON_TOKENS, ...args], { encoding: 'utf8' }).trim();

scenario('a token by livekit-server-sdk opens the room with what it grants', { covers: [['node-v1', 'livekit-server-sdk tokens']] }, async (call) => {
  const ana = await call.join('node-v1', 'ana', { token: { name: 'Ana', metadata: 'm', attributes: { a: '1' } } });
  assert.deepEqual([ana.joined.identity, ana.joined.name, ana.joined.metadata, ana.joined.attributes], ['ana', 'Ana', 'm', { a: '1' }]);
});

scenario('a token by Python livekit-api opens the room with what it grants', { covers: [['python-v1', 'livekit-api tokens']] }, async (call) => {
  const ana = await call.open('python-v1', 'ana');
  const me = await ana.join(python('mint', call.room, 'ana', 'Ana'));
  assert.deepEqual([me.identity, me.name, me.attributes], ['ana', 'Ana', { by: 'python' }]);
});

// The reference server has no such command; against it there is nothing to test here.
if (!process.env.CLIENTS_SERVER_CMD) {
  scenario('tokens by our command line satisfy both SDKs and open the room', { covers: [['python-v1', 'our tokens'], ['node-v1', 'our tokens']] }, async (call) => {
    const binary = process.env.VISAVIS_BIN;
    assert.ok(existsSync(binary), `no ${binary}`);
    const create = (identity, ...flags) =>
      execFileSync(binary, ['token', 'create', '--api-key', API_KEY, '--api-secret', API_SECRET,
        '--room', call.room, '--identity', identity, '--join', ...flags], { encoding: 'utf8' }).trim();

    const speaker = create('ana');
    const listener = create('ben', '--can-publish=false');
    for (const [jwt, identity] of [[speaker, 'ana'], [listener, 'ben']]) {
      const js = await verify(jwt);
      assert.deepEqual([js.sub, js.video.room, js.video.roomJoin], [identity, call.room, true]);
      const py = JSON.parse(python('verify', jwt));
      assert.deepEqual([py.identity, py.room, py.room_join], [identity, call.room, true]);
    }
    assert.equal((await verify(listener)).video.canPublish, false);
    assert.equal(JSON.parse(python('verify', listener)).can_publish, false);

    const ana = await call.open('python-v1', 'ana');
    await ana.join(speaker);
    const ben = await call.open('chromium-v1', 'ben');
    await ben.join(listener);
    await ana.publishMic({ tone: 440 });
    await ben.hears(ana);
    await assert.rejects(ben.publishMic({ tone: 330 }));
  });
}

const BAD = [
  ['expired', (call) => call.token('ana', { ttl: -3600 }), /expired/i],
  ['signed with another secret', (call) => call.token('ana', { secret: 'x'.repeat(32) }), /401|unauthorized|invalid token/i],
  ['of an unknown key', (call) => call.token('ana', { key: 'nobody' }), /401|unauthorized|invalid/i],
  ['without any grant', (call) => call.token('ana', { grants: null }), /401|unauthorized|permission/i],
  ['not allowed to join', (call) => call.token('ana', { grants: { roomJoin: false } }), /401|unauthorized|permission/i],
  ['no token at all', () => 'nonsense', /401|unauthorized|invalid/i],
];

for (const client of ['python-v1', 'python-v0', 'chromium-v1', 'chromium-v0']) {
  scenario(`${client} says why a bad token is refused, and tries no other way`, { covers: [[client, 'refused tokens']], seconds: 90 }, async (call) => {
    const ana = await call.open(client, 'ana');
    for (const [what, mint, text] of BAD) {
      const jwt = await mint(call);
      await assert.rejects(ana.join(jwt), (error) => {
        assert.match(error.message, client.startsWith('python') ? /401/ : /status=401/, `${what}: ${error.message}`);
        if (what === 'expired') assert.match(error.message, /expired|invalid token/i);
        else assert.match(error.message, text, `${what}: ${error.message}`);
        return true;
      });
      assert.ok(ana.tap.sessions.every((s) => s.version === ana.mode), `${what} made it fall back: ${JSON.stringify(ana.tap.sessions)}`);
    }
    await ana.join(await call.token('ana'));
  });
}

scenario('the server refuses bad tokens before the upgrade, with status and text', { covers: [] }, async (call) => {
  const request = encodeJoinRequest(new JoinRequest({ connectionSettings: { autoSubscribe: true } }));
  for (const path of ['/rtc/validate?', `/rtc/v1/validate?join_request=${request}&`]) {
    for (const [what, mint] of BAD) {
      const answer = await fetch(`http://127.0.0.1:7880${path}access_token=${await mint(call)}`);
      assert.equal(answer.status, 401, `${path} with a token ${what}`);
      assert.equal(answer.headers.get('access-control-allow-origin'), '*');
      assert.notEqual((await answer.text()).trim(), '');
    }
  }
  for (const path of ['/rtc/validate?', `/rtc/v1/validate?join_request=${request}&`]) {
    const good = await fetch(`http://127.0.0.1:7880${path}access_token=${await call.token('ana')}`);
    assert.equal(good.status, 200);
    assert.equal((await good.text()).trim(), 'success');
  }
  const without = await fetch(`http://127.0.0.1:7880/rtc/v1/validate?access_token=${await call.token('ana')}`);
  assert.equal(without.status, 400, 'this path needs a join request');
});
