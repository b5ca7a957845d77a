// A participant of livekit-client (1.x or 2.x) that does what `run(name, args)` says and keeps
// what the SDK reports in `events`.

(() => {
  const LK = window.LivekitClient;
  const two = Boolean(LK.Room.prototype.registerRpcMethod || LK.Room.prototype.registerTextStreamHandler);
  const events = [];
  const errors = [];
  const decode = (bytes) => new TextDecoder().decode(bytes);
  const tell = (event, fields = {}) => events.push({ event, ...fields });
  // 1.x and 2.x name the remote side differently.
  const remotes = () => room.remoteParticipants ?? room.participants;
  const publications = (p) => [...(p.trackPublications ?? p.tracks).values()];

  let room;
  const local = new Map();
  const dataTracks = new Map();

  window.addEventListener('error', (e) => errors.push(String(e.message)));
  window.addEventListener('unhandledrejection', (e) => errors.push(String(e.reason)));

  // --- events of the SDK ---

  function about(publication, participant) {
    return { identity: participant?.identity, sid: publication.trackSid, source: publication.source, kind: publication.kind };
  }

  function listen() {
    const E = LK.RoomEvent;
    room.on(E.TrackSubscribed, (track, publication, participant) => {
      // Without an element there is no playout, and without playout no audio energy.
      const element = track.attach();
      element.style.width = '160px';
      element.muted = false;
      document.body.append(element);
      tell('subscribed', { ...about(publication, participant), mime: publication.mimeType });
    });
    room.on(E.TrackUnsubscribed, (track, publication, participant) => {
      for (const element of track.detach()) element.remove();
      tell('unsubscribed', about(publication, participant));
    });
    room.on(E.TrackPublished, (publication, participant) => tell('published', about(publication, participant)));
    room.on(E.TrackUnpublished, (publication, participant) => tell('unpublished', about(publication, participant)));
    room.on(E.TrackMuted, (publication, participant) => tell('muted', about(publication, participant)));
    room.on(E.TrackUnmuted, (publication, participant) => tell('unmuted', about(publication, participant)));
    room.on(E.TrackSubscriptionFailed, (sid, participant) => tell('subscription-failed', { identity: participant.identity, sid }));
    room.on(E.TrackSubscriptionPermissionChanged, (publication, status, participant) =>
      tell('permission', { ...about(publication, participant), status }));
    room.on(E.LocalTrackPublished, (publication) => tell('local-published', about(publication)));
    room.on(E.LocalTrackUnpublished, (publication) => tell('local-unpublished', about(publication)));
    room.on(E.LocalTrackSubscribed, (publication) => tell('heard-by-someone', about(publication)));
    room.on(E.ParticipantConnected, (p) => tell('participant-joined', { identity: p.identity }));
    room.on(E.ParticipantDisconnected, (p) => tell('participant-left', { identity: p.identity }));
    room.on(E.ActiveSpeakersChanged, (list) => tell('speakers', { identities: list.map((p) => p.identity).sort() }));
    room.on(E.ParticipantMetadataChanged, (_, p) => tell('metadata', { identity: p.identity, value: p.metadata }));
    room.on(E.ParticipantNameChanged, (name, p) => tell('name', { identity: p.identity, value: name }));
    room.on(E.ParticipantAttributesChanged ?? 'none', (changed, p) => tell('attributes', { identity: p.identity, changed }));
    room.on(E.ParticipantPermissionsChanged, (_, p) => tell('permissions', { identity: p.identity }));
    room.on(E.ConnectionQualityChanged, (quality, p) => tell('quality', { identity: p.identity, quality }));
    room.on(E.SignalReconnecting ?? 'none', () => tell('signal-reconnecting'));
    room.on(E.Reconnecting, () => tell('reconnecting'));
    room.on(E.Reconnected, () => tell('reconnected'));
    room.on(E.SignalConnected, () => tell('signal-connected'));
    room.on(E.Disconnected, (reason) => tell('disconnected', { reason: reason === undefined ? undefined : LK.DisconnectReason[reason] }));
    room.on(E.MediaDevicesError, (e) => tell('device-error', { error: String(e) }));
    room.on(E.DataReceived, (payload, participant, kind, topic) =>
      tell('data', {
        identity: participant?.identity, text: decode(payload).slice(0, 200), length: payload.length,
        topic: topic ?? '', reliable: kind === undefined ? undefined : kind === LK.DataPacket_Kind.RELIABLE,
      }));
    if (E.DataTrackPublished) room.on(E.DataTrackPublished, (track) => readDataTrack(track));
  }

  function readDataTrack(track) {
    const name = track.info.name;
    const identity = track.publisherIdentity;
    tell('data-track', { identity, sid: track.info.sid, name });
    const read = async () => {
      const reader = (await track.subscribe()).getReader();
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        tell('data-frame', { identity, name, text: decode(value.payload).slice(0, 64), length: value.payload.length });
      }
    };
    read().catch((e) => errors.push(String(e)));
  }

  // --- help for the commands ---

  const QUALITY = { low: 0, medium: 1, high: 2 };
  const SOURCES = { mic: 'microphone', camera: 'camera', screen: 'screen_share' };

  function remote(sid) {
    for (const participant of remotes().values()) {
      const found = publications(participant).find((p) => p.trackSid === sid);
      if (found) return found;
    }
    throw new Error(`no remote track ${sid}`);
  }

  function published(sid) {
    // A full reconnect renames the tracks, so the publication is kept, not its name.
    const found = local.get(sid) ?? publications(room.localParticipant).find((p) => p.trackSid === sid);
    if (!found) throw new Error(`no local track ${sid}`);
    return found;
  }

  function keep(publication) {
    if (!publication) throw new Error(`nothing was published; ${errors.at(-1) ?? 'no error was seen'}`);
    local.set(publication.trackSid, publication);
    return { sid: publication.trackSid };
  }

  function connections() {
    const manager = room.engine.pcManager;
    return [manager.publisher, manager.subscriber].filter(Boolean).map((t) => t._pc ?? t.pc).filter(Boolean);
  }

  function view(participant) {
    return {
      identity: participant.identity, sid: participant.sid, name: participant.name ?? '',
      metadata: participant.metadata ?? '', attributes: { ...(participant.attributes ?? {}) },
      permissions: participant.permissions && { canPublish: participant.permissions.canPublish, canSubscribe: participant.permissions.canSubscribe, canPublishData: participant.permissions.canPublishData },
      tracks: publications(participant).map((p) => ({
        sid: p.trackSid, source: p.source, kind: p.kind, muted: p.isMuted,
        simulcasted: Boolean(p.simulcasted), mime: p.mimeType, subscribed: p.isSubscribed,
        width: p.dimensions?.width, height: p.dimensions?.height,
      })),
    };
  }

  // --- commands ---

  const commands = {
    hello: () => ({ version: LK.version }),
    events: ({ since }) => events.slice(since),
    errors: () => errors,

    async join({ url, token, mode, autoSubscribe = true, ...options }) {
      room = new LK.Room({
        adaptiveStream: false, dynacast: false, ...options,
        ...(two ? { singlePeerConnection: mode === 'v1' } : {}),
      });
      listen();
      await room.connect(url, token, { autoSubscribe });
      room.engine.on('resumed', () => tell('resumed'));
      room.engine.on('restarted', () => tell('restarted'));
      const me = view(room.localParticipant);
      return { ...me, server: room.serverInfo?.version };
    },

    leave: () => room?.disconnect(),

    /** The fake device, or a steady tone in its place. */
    async publishMic({ tone, ...options } = {}) {
      if (tone === undefined) return keep(await room.localParticipant.setMicrophoneEnabled(true, undefined, options));
      return keep(await room.localParticipant.publishTrack(window.media.tone(tone), { source: SOURCES.mic, ...options }));
    },

    async publishCamera({ width = 320, height = 180, fps = 15, simulcast = false, codec = 'vp8', backupCodec = false, ...options } = {}) {
      return keep(await room.localParticipant.setCameraEnabled(
        true, { resolution: { width, height, frameRate: fps } }, { simulcast, videoCodec: codec, backupCodec, ...options }));
    },

    async publishScreen({ width = 640, height = 360, fps = 5, simulcast = false } = {}) {
      return keep(await room.localParticipant.setScreenShareEnabled(
        true, { resolution: { width, height, frameRate: fps } }, { simulcast }));
    },

    unpublish: ({ sid }) => room.localParticipant.unpublishTrack(published(sid).track),
    mute: ({ sid }) => published(sid).mute(),
    unmute: ({ sid }) => published(sid).unmute(),

    /** Mutes as far as anybody is told, while the sound goes on being sent. */
    async muteInNameOnly({ sid }) {
      await published(sid).mute();
      published(sid).track.mediaStreamTrack.enabled = true;
    },

    async send({ text, reliable = true, topic = '', to = [] }) {
      const data = new TextEncoder().encode(text);
      if (two) return room.localParticipant.publishData(data, { reliable, topic, destinationIdentities: to });
      const destination = to.map((identity) => [...remotes().values()].find((p) => p.identity === identity).sid);
      return room.localParticipant.publishData(
        data, reliable ? LK.DataPacket_Kind.RELIABLE : LK.DataPacket_Kind.LOSSY, { topic, destination });
    },

    onText: ({ topic }) => room.registerTextStreamHandler(topic, async (reader, { identity }) => {
      const text = await reader.readAll();
      tell('text', { identity, topic, text: text.slice(0, 200), length: text.length });
    }),
    onBytes: ({ topic }) => room.registerByteStreamHandler(topic, async (reader, { identity }) => {
      const bytes = new Uint8Array(await new Blob(await reader.readAll()).arrayBuffer());
      tell('bytes', { identity, topic, length: bytes.length, sum: bytes.reduce((a, b) => a + b, 0), name: reader.info.name });
    }),
    async sendText({ text, topic, to = [] }) {
      await room.localParticipant.sendText(text, { topic, destinationIdentities: to });
    },
    async sendBytes({ length, topic, to = [], name = 'blob.bin' }) {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 7) % 251);
      await room.localParticipant.sendFile(new File([bytes], name), { topic, destinationIdentities: to });
      return { sum: bytes.reduce((a, b) => a + b, 0) };
    },

    rpcRegister: ({ method }) => (room.registerRpcMethod ? room : room.localParticipant).registerRpcMethod(method, async ({ callerIdentity, payload }) => {
      if (payload === 'fail') throw new LK.RpcError(1234, 'asked to fail');
      return `${callerIdentity}:${payload}`;
    }),
    async rpcCall({ to, method, payload }) {
      try {
        return { answer: await room.localParticipant.performRpc({ destinationIdentity: to, method, payload }) };
      } catch (e) {
        return { code: e.code, message: e.message };
      }
    },

    async publishDataTrack({ name }) {
      const track = await room.localParticipant.publishDataTrack({ name });
      dataTracks.set(name, track);
      return { sid: track.info?.sid };
    },
    pushData: ({ name, text }) => dataTracks.get(name).tryPush({ payload: new TextEncoder().encode(text) }),

    setName: ({ value }) => room.localParticipant.setName(value),
    setMetadata: ({ value }) => room.localParticipant.setMetadata(value),
    setAttributes: ({ value }) => room.localParticipant.setAttributes(value),

    subscribe: ({ sid, on }) => remote(sid).setSubscribed(on),
    quality: ({ sid, level }) => remote(sid).setVideoQuality(QUALITY[level]),
    dimensions: ({ sid, width, height }) => remote(sid).setVideoDimensions({ width, height }),
    enabled: ({ sid, on }) => remote(sid).setEnabled(on),
    /** Resizes or hides what is shown, for the adaptive stream to notice. */
    showVideo({ width }) {
      for (const video of document.querySelectorAll('video')) {
        video.style.display = width === 0 ? 'none' : '';
        if (width) Object.assign(video.style, { width: `${width}px`, height: `${(width * 9) / 16}px` });
      }
    },
    allow: ({ everyone, list = [] }) => room.localParticipant.setTrackSubscriptionPermissions(everyone, list),

    simulate: ({ scenario, value }) => void room.simulateScenario(scenario, value),
    /** Has media go to another port of the server's address than the server says, over UDP alone. */
    goBy({ from, to }) {
      const other = (line) => line.replace(` ${from} typ `, ` ${to} typ `);
      const { setRemoteDescription, addIceCandidate } = RTCPeerConnection.prototype;
      RTCPeerConnection.prototype.setRemoteDescription = function (description) {
        const lines = description.sdp.split('\r\n').filter((line) => !/^a=candidate:.* tcp /i.test(line));
        return setRemoteDescription.call(this, { type: description.type, sdp: lines.map(other).join('\r\n') });
      };
      RTCPeerConnection.prototype.addIceCandidate = function (candidate) {
        if (/ tcp /i.test(candidate?.candidate ?? '')) return Promise.resolve();
        const fields = candidate?.toJSON?.() ?? candidate;
        return addIceCandidate.call(this, fields && { ...fields, candidate: other(fields.candidate) });
      };
    },
    iceRestart: () => room.engine.pcManager.triggerIceRestart(),

    async received() {
      const all = [];
      for (const participant of remotes().values()) {
        for (const publication of publications(participant)) {
          if (!publication.track) continue;
          all.push({ ...about(publication, participant), ...(await window.media.inbound(publication.track)) });
        }
      }
      return all;
    },

    async sent() {
      const all = [];
      for (const publication of publications(room.localParticipant)) {
        if (!publication.track) continue;
        const backups = [...(publication.track.simulcastCodecs?.values() ?? [])].filter((b) => b.sender);
        for (const sender of [publication.track, ...backups]) {
          for (const stat of await window.media.outbound(sender)) all.push({ ...about(publication), ...stat });
        }
      }
      return all;
    },

    pairs: () => window.media.pairs(connections()),
    fingerprint: () => connections().map((c) => c.localDescription?.sdp.match(/a=ice-ufrag:(\S+)/)?.[1]),

    room: async () => ({
      sid: room.sid || (await room.getSid?.()), metadata: room.metadata, state: room.state,
      local: view(room.localParticipant), participants: [...remotes().values()].map(view),
    }),
  };

  window.puppet = {
    async run(name, args) {
      try {
        return { result: (await commands[name](args)) ?? null };
      } catch (e) {
        const more = e && typeof e === 'object' ? ` reason=${e.reason} status=${e.status}` : '';
        return { error: `${e?.name ?? 'Error'}: ${e?.message ?? e}${more}` };
      }
    },
  };
})();
