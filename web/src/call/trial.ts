import { Room, RoomEvent, Track } from 'livekit-client';
import { between, read } from './quality';

/** What a round through the server and back has shown, over one way of transport. */
export interface Round {
  over: 'udp' | 'tcp';
  connected: boolean;
  /** From the call of the server until media flows. */
  connectMs?: number;
  /** There and back through the server, as data takes it. */
  loopMs?: number;
  /** To the server and back, as the browser measures it. */
  rttMs?: number;
  lossUp?: number;
  lossDown?: number;
  jitterMs?: number;
  up?: number;
  down?: number;
  /** What the browser really used. */
  protocol?: string;
  error?: string;
}

export type Outcome = 'good' | 'weak' | 'tcp_only' | 'nothing';

/** From here on a call is a pleasure: losses in shares, times in milliseconds, rates in bits per second. */
const GOOD = { loss: 0.03, rttMs: 250, jitterMs: 50, rate: 400_000 };

export function isGood(round: Round): boolean {
  const { connected, lossUp = 0, lossDown = 0, rttMs = 0, jitterMs = 0, up = 0, down = 0 } = round;
  return (
    connected &&
    Math.max(lossUp, lossDown) <= GOOD.loss &&
    rttMs <= GOOD.rttMs &&
    jitterMs <= GOOD.jitterMs &&
    Math.min(up, down) >= GOOD.rate
  );
}

/** What the rounds mean for calls: the better way is the one that calls take. */
export function outcome(rounds: readonly Round[]): Outcome {
  const udp = rounds.find(({ over }) => over === 'udp');
  const tcp = rounds.find(({ over }) => over === 'tcp');
  if (udp?.connected) return isGood(udp) ? 'good' : 'weak';
  return tcp?.connected ? 'tcp_only' : 'nothing';
}

interface Call {
  serverUrl: string;
  nearToken: string;
  farToken: string;
}

const PROBE = 'visavis.probe';
const SETTLE_MS = 2500;
const MEASURE_MS = 6000;
const PATIENCE_MS = 12_000;

/** One round: the near end sends, the far end receives what comes back from the server. */
export async function run(
  call: Call,
  over: Round['over'],
  tracks: readonly MediaStreamTrack[],
  progress: (share: number) => void,
  signal: AbortSignal,
): Promise<Round> {
  const [near, far] = [new Room({ disconnectOnPageLeave: true }), new Room({ disconnectOnPageLeave: true })];
  const began = performance.now();
  try {
    const options = { maxRetries: 0, peerConnectionTimeout: PATIENCE_MS };
    await only(over, async () => {
      await far.connect(call.serverUrl, call.farToken, options);
      await near.connect(call.serverUrl, call.nearToken, options);
      const received = flows(far);
      for (const track of tracks) {
        const video = track.kind === 'video';
        await near.localParticipant.publishTrack(track.clone(), {
          simulcast: false,
          source: video ? Track.Source.Camera : Track.Source.Microphone,
          ...(video ? { videoEncoding: { maxBitrate: 1_500_000, maxFramerate: 30 } } : {}),
        });
      }
      await within(received, PATIENCE_MS);
    });
    const connectMs = Math.round(performance.now() - began);
    await pause(SETTLE_MS, signal);
    const [nearBefore, farBefore] = await Promise.all([read(near), read(far)]);
    const loops: number[] = [];
    const steps = 10;
    for (let step = 1; step <= steps; step += 1) {
      await pause(MEASURE_MS / steps, signal);
      const loop = await echo(near, far);
      if (loop !== undefined) loops.push(loop);
      progress(step / steps);
    }
    const [nearAfter, farAfter] = await Promise.all([read(near), read(far)]);
    const sent = between(nearBefore, nearAfter);
    const got = between(farBefore, farAfter);
    return {
      over,
      connected: true,
      connectMs,
      ...defined({
        loopMs: median(loops),
        rttMs: sent.rttMs ?? got.rttMs,
        lossUp: sent.lossUp,
        lossDown: got.lossDown,
        jitterMs: got.jitterMs,
        protocol: sent.protocol ?? got.protocol,
      }),
      up: sent.up,
      down: got.down,
    };
  } catch (error) {
    signal.throwIfAborted();
    return { over, connected: false, error: error instanceof Error ? error.message : String(error) };
  } finally {
    await Promise.allSettled([near.disconnect(), far.disconnect()]);
  }
}

function defined<T extends object>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;
}

export function median(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

function flows(far: Room): Promise<void> {
  return new Promise((done) => far.once(RoomEvent.TrackSubscribed, () => done()));
}

/** How long a packet of data takes from one end through the server to the other and back. */
async function echo(near: Room, far: Room): Promise<number | undefined> {
  const sent = performance.now();
  const heard = (room: Room) =>
    new Promise<void>((done) => {
      const hear = (_payload: unknown, _from: unknown, _kind: unknown, topic?: string) => {
        if (topic !== PROBE) return;
        room.off(RoomEvent.DataReceived, hear);
        done();
      };
      room.on(RoomEvent.DataReceived, hear);
    });
  const data = new Uint8Array([1]);
  const there = heard(far);
  const back = heard(near);
  try {
    await near.localParticipant.publishData(data, { topic: PROBE, reliable: true });
    await within(there, 2000);
    await far.localParticipant.publishData(data, { topic: PROBE, reliable: true });
    await within(back, 2000);
    return performance.now() - sent;
  } catch {
    return undefined;
  }
}

function within<T>(promise: Promise<T>, ms: number): Promise<T> {
  return new Promise((done, failed) => {
    const timer = setTimeout(() => failed(new Error('timed out')), ms);
    promise.then(done, failed).finally(() => clearTimeout(timer));
  });
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((done, failed) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        failed(signal.reason);
      },
      { once: true },
    );
  });
}

/** Whether an address of the server belongs to a way of transport. */
export function belongs(candidate: string, over: Round['over']): boolean {
  // candidate:<foundation> <component> <protocol> …
  return candidate.trim().split(/\s+/)[2]?.toLowerCase() === over;
}

/** A description without the addresses of the other way. */
export function filtered(sdp: string, over: Round['over']): string {
  return sdp
    .split('\r\n')
    .filter((line) => !line.startsWith('a=candidate:') || belongs(line, over))
    .join('\r\n');
}

/**
 * Lets connections that begin meanwhile know only those addresses of the server that belong to one way: browsers have
 * no setting for that, and the server, which is ICE-lite, never calls by itself.
 */
async function only<T>(over: Round['over'], act: () => Promise<T>): Promise<T> {
  const Whole = window.RTCPeerConnection;
  class Half extends Whole {
    override addIceCandidate(candidate?: RTCIceCandidateInit | null): Promise<void> {
      if (candidate?.candidate && !belongs(candidate.candidate, over)) return Promise.resolve();
      return super.addIceCandidate(candidate);
    }
    override setRemoteDescription(description: RTCSessionDescriptionInit): Promise<void> {
      const { type, sdp } = description;
      return super.setRemoteDescription(sdp ? { type, sdp: filtered(sdp, over) } : description);
    }
  }
  window.RTCPeerConnection = Half;
  try {
    return await act();
  } finally {
    window.RTCPeerConnection = Whole;
  }
}
