import { describe, expect, it } from 'vitest';
import { belongs, filtered, median, outcome, type Round } from './trial';

const udp = 'candidate:1 1 udp 2130706431 192.0.2.1 7882 typ host';
const tcp = 'candidate:2 1 tcp 1671430143 192.0.2.1 7881 typ host tcptype passive';

describe('the addresses of a server', () => {
  it('are told apart by their transport', () => {
    expect(belongs(udp, 'udp')).toBe(true);
    expect(belongs(tcp, 'udp')).toBe(false);
    expect(belongs(tcp, 'tcp')).toBe(true);
    expect(belongs('', 'tcp')).toBe(false);
  });

  it('of the other way are left out of a description, and nothing else is', () => {
    const sdp = `v=0\r\na=${udp}\r\na=${tcp}\r\na=mid:0\r\n`;
    expect(filtered(sdp, 'tcp')).toBe(`v=0\r\na=${tcp}\r\na=mid:0\r\n`);
  });
});

describe('what rounds mean', () => {
  const fine: Round = { over: 'udp', connected: true, up: 1e6, down: 1e6, rttMs: 20, lossUp: 0, lossDown: 0 };
  it('a good line, a weak one, one through TCP alone, none', () => {
    expect(outcome([fine])).toBe('good');
    expect(outcome([{ ...fine, lossDown: 0.2 }])).toBe('weak');
    expect(outcome([{ ...fine, up: 100_000 }])).toBe('weak');
    const closed: Round = { over: 'udp', connected: false };
    expect(outcome([closed, { ...fine, over: 'tcp' }])).toBe('tcp_only');
    expect(outcome([closed, { over: 'tcp', connected: false }])).toBe('nothing');
    expect(outcome([])).toBe('nothing');
  });
});

it('the median is not upset by one that took long', () => {
  expect(median([5, 1, 900])).toBe(5);
  expect(median([])).toBeUndefined();
});
