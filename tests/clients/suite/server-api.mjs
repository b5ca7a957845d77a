// The server API (LiveKit's RoomService), asked by livekit-server-sdk while a call goes on.

import assert from 'node:assert/strict';
import { DataPacket_Kind, RoomServiceClient } from 'livekit-server-sdk';
import { scenario } from '../lib/scenario.mjs';
import { API_KEY, API_SECRET } from '../lib/server.mjs';

const service = (key = API_KEY, secret = API_SECRET) => new RoomServiceClient('http://127.0.0.1:7880', key, secret);
const both = (what) => ({ covers: [['chromium-v1', what], ['python-v1', what]] });

scenario('permissions change in mid-call: what is forbidden ends, for everybody', both('permissions changed in mid-call'), async (call) => {
  const ana = await call.join('chromium-v1', 'ana');
  const ben = await call.join('python-v1', 'ben');
  await ana.publishMic({ tone: 440 });
  await ben.hears(ana);
  const permission = { canPublish: false, canSubscribe: true, canPublishData: true };
  const told = await service().updateParticipant(call.room, 'ana', { permission });
  assert.equal(told.permission.canPublish, false);
  await ben.event('unpublished', { identity: 'ana', source: 'microphone' });
  await ana.event('local-unpublished', { source: 'microphone' });
  assert.equal((await service().getParticipant(call.room, 'ana')).tracks.length, 0);

  // The answer to the administrator may be there before the client has been told.
  const since = await ana.mark();
  await service().updateParticipant(call.room, 'ana', { permission: { ...permission, canPublish: true } });
  await ana.event('permissions', { identity: 'ana' }, { since });
  await ana.publishMic({ tone: 440 });
  await ben.hears(ana);
});

scenario('an administrator names, mutes and removes a participant', both('server API'), async (call) => {
  const ana = await call.join('chromium-v1', 'ana');
  const ben = await call.join('python-v1', 'ben');
  const mic = await ana.publishMic({ tone: 440 });
  await ben.hears(ana);
  await service().updateParticipant(call.room, 'ana', { name: 'Doctor Ana', attributes: { role: 'expert' } });
  await ben.event('name', { identity: 'ana', value: 'Doctor Ana' });
  const sid = (await service().getParticipant(call.room, 'ana')).tracks[0].sid;
  assert.equal((await service().mutePublishedTrack(call.room, 'ana', sid, true)).muted, true);
  await ben.event('muted', { identity: 'ana', source: 'microphone' });
  await ben.stopsReceiving(ana, 'microphone');
  await assert.rejects(service().mutePublishedTrack(call.room, 'ana', sid, false), /remote unmute not enabled/);

  await service().removeParticipant(call.room, 'ana');
  assert.deepEqual((await service().listParticipants(call.room)).map((it) => it.identity), ['ben']);
  await ana.event('disconnected', { reason: 'PARTICIPANT_REMOVED' });
  await ben.event('participant-left', { identity: 'ana' });
  assert.ok(mic);
});

scenario('rooms are made, listed, told of and deleted', both('server API'), async (call) => {
  const made = await service().createRoom({ name: call.room, metadata: 'first', maxParticipants: 2 });
  assert.deepEqual([made.name, made.metadata, made.maxParticipants], [call.room, 'first', 2]);
  const ana = await call.join('chromium-v1', 'ana');
  const ben = await call.join('python-v1', 'ben');
  await assert.rejects(call.join('python-v1', 'cleo'), /503|full/, 'a third is one too many');
  await service().sendData(call.room, new TextEncoder().encode('from the office'), DataPacket_Kind.RELIABLE, { topic: 'notice' });
  for (const puppet of [ana, ben]) await puppet.event('data', { text: 'from the office', topic: 'notice' });
  assert.equal((await service().updateRoomMetadata(call.room, 'second')).metadata, 'second');
  assert.deepEqual((await service().listRooms([call.room])).map((it) => it.metadata), ['second']);
  await service().deleteRoom(call.room);
  for (const puppet of [ana, ben]) await puppet.event('disconnected', { reason: 'ROOM_DELETED' });
  assert.equal((await service().listRooms([call.room])).length, 0);
});

scenario('without the grant, or on what is not there, the server API says no', both('server API'), async (call) => {
  const ask = (sdk) => sdk.getParticipant(call.room, 'nobody');
  await assert.rejects(ask(service()), /does not exist/);
  await assert.rejects(ask(service('devkey', 'another secret')), /permissions denied/);
  assert.deepEqual(await service().listParticipants(call.room), []);
});
