// A participant of @livekit/rtc-node that does what the lines on its standard input say:
// {"id", "cmd", "args"} in, {"id", "result"} or {"id", "error"} and {"event", ...} out.

import { createInterface } from 'node:readline';
import * as rtc from '@livekit/rtc-node';
import { Camera, Ear, Eye, Speaker } from './media.mjs';

const { RoomEvent: E } = rtc;
const SOURCES = {
  [rtc.TrackSource.SOURCE_CAMERA]: 'camera',
  [rtc.TrackSource.SOURCE_MICROPHONE]: 'microphone',
  [rtc.TrackSource.SOURCE_SCREENSHARE]: 'screen_share',
};
const CODECS = { vp8: rtc.VideoCodec.VP8, h264: rtc.VideoCodec.H264, vp9: rtc.VideoCodec.VP9, av1: rtc.VideoCodec.AV1 };

const room = new rtc.Room();
const senses = new Map();
const local = new Map();

const plain = (_, value) => (typeof value === 'bigint' ? Number(value) : value);
const say = (message) => process.stdout.write(`${JSON.stringify(message, plain)}\n`);
const tell = (event, fields = {}) => say({ event, ...fields });
const source = (publication) => SOURCES[publication.source] ?? 'unknown';
const kind = (publication) => (publication.kind === rtc.TrackKind.KIND_AUDIO ? 'audio' : 'video');
const about = (publication, participant) => ({
  identity: participant?.identity, sid: publication.sid, source: source(publication), kind: kind(publication),
});

// --- events of the SDK ---

room.on(E.TrackSubscribed, (track, publication, participant) => {
  const sense = kind(publication) === 'audio' ? new Ear(track) : new Eye(track);
  senses.set(publication.sid, { sense, publication, participant });
  tell('subscribed', { ...about(publication, participant), mime: publication.mimeType });
});
room.on(E.TrackUnsubscribed, (_, publication, participant) => {
  senses.get(publication.sid)?.sense.stop();
  senses.delete(publication.sid);
  tell('unsubscribed', about(publication, participant));
});
room.on(E.TrackPublished, (publication, participant) => tell('published', about(publication, participant)));
room.on(E.TrackUnpublished, (publication, participant) => tell('unpublished', about(publication, participant)));
room.on(E.TrackMuted, (publication, participant) => tell('muted', about(publication, participant)));
room.on(E.TrackUnmuted, (publication, participant) => tell('unmuted', about(publication, participant)));
room.on(E.TrackSubscriptionFailed, (sid, participant) => tell('subscription-failed', { identity: participant.identity, sid }));
room.on(E.LocalTrackSubscribed, (track) => tell('heard-by-someone', { sid: track.sid }));
room.on(E.LocalTrackRepublished, (publication, previous) => tell('republished', { sid: publication.sid, previous }));
room.on(E.ParticipantConnected, (p) => tell('participant-joined', { identity: p.identity }));
room.on(E.ParticipantDisconnected, (p) => tell('participant-left', { identity: p.identity }));
room.on(E.ActiveSpeakersChanged, (list) => tell('speakers', { identities: list.map((p) => p.identity).sort() }));
room.on(E.ParticipantMetadataChanged, (value, p) => tell('metadata', { identity: p.identity, value: p.metadata }));
room.on(E.ParticipantNameChanged, (value, p) => tell('name', { identity: p.identity, value: p.name }));
room.on(E.ParticipantAttributesChanged, (changed, p) => tell('attributes', { identity: p.identity, changed }));
room.on(E.Reconnecting, () => tell('reconnecting'));
room.on(E.Reconnected, () => tell('reconnected'));
room.on(E.Disconnected, (reason) => tell('disconnected', { reason: rtc.DisconnectReason[reason] }));
room.on(E.DataReceived, (payload, participant, kind, topic) => {
  const text = Buffer.from(payload).toString();
  tell('data', {
    identity: participant?.identity, text, length: payload.length, topic: topic ?? '',
    reliable: kind === rtc.DataPacketKind.KIND_RELIABLE,
  });
});

// --- commands ---

const me = () => room.localParticipant;

const view = (p) => ({
  identity: p.identity, sid: p.sid, name: p.name, metadata: p.metadata, attributes: p.attributes,
  tracks: [...p.trackPublications.values()].map((t) => ({
    ...about(t), muted: t.muted, simulcasted: t.simulcasted, mime: t.mimeType,
  })),
});

async function publish(media, options) {
  const publication = await me().publishTrack(media.track, new rtc.TrackPublishOptions(options));
  media.start();
  local.set(publication.sid, { media, publication });
  return { sid: publication.sid };
}

function published(sid) {
  return local.get(sid) ?? [...local.values()].find((entry) => entry.publication.sid === sid);
}

const commands = {
  hello: () => 'node',

  async join({ url, token, mode, autoSubscribe = true }) {
    // The option is passed on to the native library though the typings do not list it.
    await room.connect(url, token, { autoSubscribe, dynacast: false, singlePeerConnection: mode === 'v1' });
    return view(me());
  },
  async leave() {
    for (const { media } of local.values()) media.stop();
    await room.disconnect();
  },

  publishMic: ({ tone = 440 } = {}) => publish(new Speaker(tone), { source: rtc.TrackSource.SOURCE_MICROPHONE }),
  publishCamera: ({ width = 320, height = 180, fps = 15, simulcast = false, codec = 'vp8' } = {}) =>
    publish(new Camera(width, height, fps), { source: rtc.TrackSource.SOURCE_CAMERA, simulcast, videoCodec: CODECS[codec] }),
  publishScreen: ({ width = 320, height = 180, fps = 5 } = {}) =>
    publish(new Camera(width, height, fps), { source: rtc.TrackSource.SOURCE_SCREENSHARE, simulcast: false }),
  async unpublish({ sid }) {
    const { media, publication } = published(sid);
    media.stop();
    await me().unpublishTrack(publication.sid);
  },

  send: ({ text, reliable = true, topic = '', to = [] }) =>
    me().publishData(Buffer.from(text), { reliable, topic, destination_identities: to }),
  onText: ({ topic }) =>
    room.registerTextStreamHandler(topic, async (reader, { identity }) => {
      const text = await reader.readAll();
      tell('text', { identity, topic, text: text.slice(0, 200), length: text.length });
    }),
  onBytes: ({ topic }) =>
    room.registerByteStreamHandler(topic, async (reader, { identity }) => {
      const bytes = Buffer.concat(await reader.readAll());
      tell('bytes', { identity, topic, length: bytes.length, sum: bytes.reduce((a, b) => a + b, 0), name: reader.info.name });
    }),
  sendText: async ({ text, topic, to = [] }) => void (await me().sendText(text, { topic, destinationIdentities: to })),
  async sendBytes({ length, topic, to = [], name = 'blob.bin' }) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 7) % 251);
    const writer = await me().streamBytes({ name, topic, destinationIdentities: to, totalSize: length });
    await writer.write(bytes);
    await writer.close();
    return { sum: bytes.reduce((a, b) => a + b, 0) };
  },

  rpcRegister: ({ method }) =>
    me().registerRpcMethod(method, async ({ callerIdentity, payload }) => {
      if (payload === 'fail') throw new rtc.RpcError(1234, 'asked to fail');
      return `${callerIdentity}:${payload}`;
    }),
  async rpcCall({ to, method, payload }) {
    try {
      return { answer: await me().performRpc({ destinationIdentity: to, method, payload }) };
    } catch (e) {
      return { code: e.code, message: e.message };
    }
  },

  setName: ({ value }) => me().updateName(value),
  setMetadata: ({ value }) => me().updateMetadata(value),
  setAttributes: ({ value }) => me().setAttributes(value),
  subscribe({ sid, on }) {
    for (const p of room.remoteParticipants.values()) p.trackPublications.get(sid)?.setSubscribed(on);
  },
  simulate: ({ scenario }) =>
    room.simulateScenario(rtc.SimulateScenarioKind[`SIMULATE_${scenario.replaceAll('-', '_').toUpperCase()}`]),

  async received() {
    const counts = await inbound();
    return [...senses].map(([sid, { sense, publication, participant }]) => ({
      ...about(publication, participant), sid, ...sense.report(), ...counts.get(publication.sid),
    }));
  },
  async pairs() {
    const every = await stats();
    const locals = new Map(every.filter((s) => s.case === 'localCandidate').map((s) => [s.value.rtc.id, s.value.candidate]));
    return every
      .filter((s) => s.case === 'candidatePair' && s.value.candidatePair.nominated)
      .map((s) => s.value.candidatePair)
      .map((p) => ({ protocol: locals.get(p.localCandidateId)?.protocol, received: Number(p.bytesReceived) }));
  },
  room: async () => ({
    sid: await room.getSid(), metadata: room.metadata, local: view(me()),
    participants: [...room.remoteParticipants.values()].map(view),
  }),
};

async function stats() {
  const { publisherStats, subscriberStats } = await room.getRtcStats();
  return [...publisherStats, ...subscriberStats].map((s) => s.stats);
}

/** Statistics name tracks by what the SDP called them, which ends in the track's sid. */
async function inbound() {
  const found = new Map();
  for (const s of await stats()) {
    if (s.case !== 'inboundRtp') continue;
    const { received, inbound } = s.value;
    found.set(inbound.trackIdentifier, {
      packets: Number(received.packetsReceived), lost: Number(received.packetsLost), decoded: inbound.framesDecoded,
      freezes: inbound.freezeCount, freezeSeconds: inbound.totalFreezeDuration,
    });
  }
  return found;
}

createInterface({ input: process.stdin }).on('line', async (line) => {
  const { id, cmd, args } = JSON.parse(line);
  try {
    say({ id, result: (await commands[cmd](args)) ?? null });
  } catch (e) {
    say({ id, error: `${e?.name ?? 'Error'}: ${e?.message ?? e}` });
  }
});
process.stdin.on('end', () => process.exit(0));
