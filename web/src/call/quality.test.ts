import { ConnectionQuality } from 'livekit-client';
import { describe, expect, it } from 'vitest';
import { between, count, counters, judge, type Line } from './quality';

const fine: Line = {
  up: 1_000_000,
  down: 1_000_000,
  lossUp: 0,
  lossDown: 0,
  rttMs: 20,
  jitterMs: 3,
  protocol: 'udp',
};
const { Excellent, Poor, Lost } = ConnectionQuality;

describe('the quality of a line', () => {
  it('is good when nothing disturbs', () => {
    expect(judge(fine, Excellent)).toEqual({ level: 'good', cause: undefined });
    expect(judge(undefined, Excellent)).toEqual({ level: 'good', cause: undefined });
  });

  it('names what disturbs most', () => {
    expect(judge({ ...fine, lossUp: 0.05, rttMs: 900 }, Excellent)).toEqual({
      level: 'poor',
      cause: 'delay',
    });
    expect(judge({ ...fine, lossDown: 0.04 }, Excellent)).toEqual({ level: 'fair', cause: 'loss_down' });
    expect(judge({ ...fine, lossUp: 0.2, lossDown: 0.2 }, Excellent).cause).toBe('loss_up');
  });

  it("takes the server's word where nothing was measured here", () => {
    expect(judge(fine, Poor)).toEqual({ level: 'poor', cause: 'server' });
    expect(judge(fine, Lost).level).toBe('lost');
  });
});

describe('counters', () => {
  it('make rates and losses of two readings', () => {
    const before = counters(0);
    const after = counters(2000);
    count(before, [{ type: 'inbound-rtp', bytesReceived: 1000, packetsReceived: 100, packetsLost: 0 }]);
    count(after, [
      {
        type: 'inbound-rtp',
        kind: 'audio',
        bytesReceived: 26_000,
        packetsReceived: 190,
        packetsLost: 10,
        jitter: 0.01,
      },
      { type: 'outbound-rtp', bytesSent: 50_000 },
      { type: 'remote-inbound-rtp', fractionLost: 0.02 },
      {
        type: 'candidate-pair',
        state: 'succeeded',
        nominated: true,
        currentRoundTripTime: 0.03,
        localCandidateId: 'L',
      },
      { type: 'local-candidate', id: 'L', protocol: 'tcp' },
    ]);
    expect(between(before, after)).toEqual({
      up: 200_000,
      down: 100_000,
      lossUp: 0.02,
      lossDown: 0.1,
      rttMs: 30,
      jitterMs: 10,
      protocol: 'tcp',
    });
  });

  it('that went back say nothing', () => {
    const before = counters(0);
    count(before, [{ type: 'inbound-rtp', bytesReceived: 9000, packetsReceived: 100, packetsLost: 5 }]);
    expect(between(before, counters(1000))).toMatchObject({ down: 0, lossDown: undefined });
  });
});
