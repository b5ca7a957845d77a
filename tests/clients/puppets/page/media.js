// What a page measures: statistics of its tracks, flattened to the few numbers the tests ask for.

window.media = {
  /** A steady tone as a track: unlike the fake device's beeps it never falls silent. */
  tone(frequency) {
    const context = new AudioContext({ sampleRate: 48000 });
    const oscillator = context.createOscillator();
    oscillator.frequency.value = frequency;
    const gain = context.createGain();
    gain.gain.value = 0.4;
    const out = context.createMediaStreamDestination();
    oscillator.connect(gain).connect(out);
    oscillator.start();
    return out.stream.getAudioTracks()[0];
  },

  async inbound(track) {
    const stats = track.receiver ? [...(await track.receiver.getStats()).values()] : [];
    const rtp = stats.find((s) => s.type === 'inbound-rtp');
    if (!rtp) return { packets: 0, frames: 0, energy: 0 };
    const codec = stats.find((s) => s.id === rtp.codecId);
    return {
      packets: rtp.packetsReceived ?? 0,
      lost: rtp.packetsLost ?? 0,
      bytes: rtp.bytesReceived ?? 0,
      nack: rtp.nackCount ?? 0,
      codec: codec?.mimeType,
      ssrc: rtp.ssrc,
      ...(rtp.kind === 'audio'
        ? {
            energy: rtp.totalAudioEnergy ?? 0,
            concealed: rtp.concealedSamples,
            samples: rtp.totalSamplesReceived,
            frames: rtp.jitterBufferEmittedCount ?? 0,
          }
        : {
            frames: rtp.framesDecoded ?? 0,
            width: rtp.frameWidth ?? 0,
            height: rtp.frameHeight ?? 0,
            dropped: rtp.framesDropped ?? 0,
            received: rtp.framesReceived ?? 0,
            keyFrames: rtp.keyFramesDecoded ?? 0,
            freezes: rtp.freezeCount ?? 0,
            freezeSeconds: rtp.totalFreezesDuration ?? 0,
            pli: rtp.pliCount ?? 0,
            decoder: rtp.decoderImplementation,
          }),
    };
  },

  async outbound(track) {
    const sender = track.sender;
    if (!sender) return [];
    const stats = [...(await sender.getStats()).values()];
    return stats
      .filter((s) => s.type === 'outbound-rtp')
      .map((s) => ({
        kind: s.kind,
        rid: s.rid ?? '',
        active: s.active,
        frames: s.framesEncoded ?? 0,
        width: s.frameWidth ?? 0,
        height: s.frameHeight ?? 0,
        packets: s.packetsSent ?? 0,
        bytes: s.bytesSent ?? 0,
        keyFrames: s.keyFramesEncoded ?? 0,
        pli: s.pliCount ?? 0,
        nack: s.nackCount ?? 0,
        mode: s.scalabilityMode,
        codec: stats.find((c) => c.id === s.codecId)?.mimeType,
      }));
  },

  /** Selected candidate pairs with what has come over them. */
  async pairs(connections) {
    const found = [];
    for (const connection of connections) {
      const stats = await connection.getStats();
      for (const s of stats.values()) {
        const selected = s.type === 'candidate-pair' && s.nominated && s.state === 'succeeded';
        if (!selected) continue;
        const local = stats.get(s.localCandidateId);
        const remote = stats.get(s.remoteCandidateId);
        found.push({
          protocol: local?.protocol,
          local: local?.port,
          received: s.bytesReceived,
          sent: s.bytesSent,
          remote: `${remote?.address}:${remote?.port}`,
          ufrag: remote?.usernameFragment,
        });
      }
    }
    return found;
  },
};
