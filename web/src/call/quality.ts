import { ConnectionQuality, type Room, type Track } from 'livekit-client';
import { useEffect, useState } from 'react';

/** What the line did in the last few seconds. Rates in bits per second, losses from 0 to 1. */
export interface Line {
  up: number;
  down: number;
  lossUp: number | undefined;
  lossDown: number | undefined;
  rttMs: number | undefined;
  jitterMs: number | undefined;
  /** Of the pair of addresses that is used. */
  protocol: string | undefined;
}

export type Cause = 'loss_up' | 'loss_down' | 'delay' | 'jitter' | 'server';
export type Level = 'good' | 'fair' | 'poor' | 'lost';
export interface Verdict {
  level: Level;
  cause: Cause | undefined;
}

/** From where on something is heard or seen, and from where on it disturbs. */
const LIMITS = {
  loss: [0.03, 0.1],
  delay: [250, 500],
  jitter: [40, 100],
} as const;

function grade(value: number | undefined, [fair, poor]: readonly [number, number]): 0 | 1 | 2 {
  if (value === undefined || value < fair) return 0;
  return value < poor ? 1 : 2;
}

/** How the line is, and what it is that makes it so. What was measured here explains what the server says. */
export function judge(line: Line | undefined, server: ConnectionQuality): Verdict {
  if (server === ConnectionQuality.Lost) return { level: 'lost', cause: undefined };
  const grades: [Cause, 0 | 1 | 2][] = line
    ? [
        ['loss_up', grade(line.lossUp, LIMITS.loss)],
        ['loss_down', grade(line.lossDown, LIMITS.loss)],
        ['delay', grade(line.rttMs, LIMITS.delay)],
        ['jitter', grade(line.jitterMs, LIMITS.jitter)],
      ]
    : [];
  // The first of the worst: what is lost on the way up is the likeliest to be felt by the other side.
  const worst = grades.reduce<[Cause | undefined, 0 | 1 | 2]>(
    (found, [cause, value]) => (value > found[1] ? [cause, value] : found),
    [undefined, 0],
  );
  if (worst[1] === 2) return { level: 'poor', cause: worst[0] };
  if (server === ConnectionQuality.Poor) return { level: 'poor', cause: worst[0] ?? 'server' };
  return worst[1] === 1 ? { level: 'fair', cause: worst[0] } : { level: 'good', cause: undefined };
}

/** Counters that only grow, summed over everything that is sent and received. */
export interface Counters {
  at: number;
  sent: number;
  received: number;
  packets: number;
  lost: number;
  lossUp: number[];
  rtt: number[];
  jitter: number[];
  protocol?: string | undefined;
}

type Entry = Record<string, unknown> & { type?: string; id?: string };
const number = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);

/** Adds one report of `getStats` to the counters. */
export function count(into: Counters, report: Iterable<Entry>): void {
  const entries = [...report];
  for (const entry of entries) {
    switch (entry.type) {
      case 'outbound-rtp':
        into.sent += number(entry.bytesSent) ?? 0;
        break;
      case 'inbound-rtp':
        into.received += number(entry.bytesReceived) ?? 0;
        into.packets += number(entry.packetsReceived) ?? 0;
        into.lost += Math.max(0, number(entry.packetsLost) ?? 0);
        if (entry.kind === 'audio') into.jitter.push((number(entry.jitter) ?? 0) * 1000);
        break;
      case 'remote-inbound-rtp':
        into.lossUp.push(number(entry.fractionLost) ?? 0);
        break;
      case 'candidate-pair': {
        const rtt = number(entry.currentRoundTripTime);
        if (entry.state === 'succeeded' && entry.nominated && rtt !== undefined) {
          into.rtt.push(rtt * 1000);
          const local = entries.find(({ id }) => id === entry.localCandidateId);
          if (typeof local?.protocol === 'string') into.protocol = local.protocol;
        }
        break;
      }
    }
  }
}

export function counters(at: number): Counters {
  return { at, sent: 0, received: 0, packets: 0, lost: 0, lossUp: [], rtt: [], jitter: [] };
}

const most = (values: number[]) => (values.length > 0 ? Math.max(...values) : undefined);

/** The line between two readings. Counters that went back belong to other tracks by now and say nothing. */
export function between(before: Counters, after: Counters): Line {
  const seconds = Math.max(0.001, (after.at - before.at) / 1000);
  const rate = (from: number, to: number) => (to >= from ? ((to - from) * 8) / seconds : 0);
  const packets = after.packets - before.packets;
  const lost = after.lost - before.lost;
  return {
    up: rate(before.sent, after.sent),
    down: rate(before.received, after.received),
    lossUp: most(after.lossUp),
    lossDown: packets > 0 && lost >= 0 ? lost / (packets + lost) : undefined,
    rttMs: most(after.rtt),
    jitterMs: most(after.jitter),
    protocol: after.protocol,
  };
}

/** Reads what every track of a room has to say. */
export async function read(room: Room): Promise<Counters> {
  const into = counters(performance.now());
  const tracks: Track[] = [];
  for (const participant of [room.localParticipant, ...room.remoteParticipants.values()]) {
    for (const { track } of participant.trackPublications.values()) if (track) tracks.push(track);
  }
  const reports = await Promise.all(tracks.map((track) => track.getRTCStatsReport().catch(() => undefined)));
  for (const report of reports) if (report) count(into, report.values() as Iterable<Entry>);
  return into;
}

const EVERY_MS = 2000;

/** The line as it is now, measured every two seconds. */
export function useLine(room: Room): Line | undefined {
  const [line, setLine] = useState<Line>();
  useEffect(() => {
    let before: Counters | undefined;
    let gone = false;
    const timer = setInterval(() => {
      void read(room).then((after) => {
        if (gone) return;
        if (before) setLine(between(before, after));
        before = after;
      });
    }, EVERY_MS);
    return () => {
      gone = true;
      clearInterval(timer);
    };
  }, [room]);
  return line;
}
