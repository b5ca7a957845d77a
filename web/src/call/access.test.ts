import { describe, expect, it } from 'vitest';
import { appointmentOf, doorOf, roomOfToken } from './access';

const window = { opensAt: '2026-11-26T09:00:00Z', closesAt: '2026-11-26T10:00:00Z' };
const opens = Date.parse(window.opensAt);
const closes = Date.parse(window.closesAt);

describe('the door of a room', () => {
  it('opens and closes to the millisecond: the close is outside', () => {
    expect(doorOf({ status: 'approved', window }, opens - 1)).toBe('early');
    expect(doorOf({ status: 'approved', window }, opens)).toBe('open');
    expect(doorOf({ status: 'in_progress', window }, closes - 1)).toBe('open');
    expect(doorOf({ status: 'in_progress', window }, closes)).toBe('closed');
  });

  it('says first what has become of the appointment', () => {
    expect(doorOf({ status: 'pending', window }, opens)).toBe('unconfirmed');
    expect(doorOf({ status: 'cancelled', window }, opens - 1)).toBe('called_off');
    expect(doorOf({ status: 'completed', window }, opens)).toBe('over');
  });
});

describe('names and tokens', () => {
  it('finds the appointment in the name of its room', () => {
    const id = '01a21710-ae88-764d-816a-e9348628d77b';
    expect(appointmentOf(`appointment-${id}-626770c0d11916389491`)).toBe(id);
    expect(appointmentOf('appointment-1')).toBeUndefined();
    expect(appointmentOf('trial-abc')).toBeUndefined();
  });

  it('reads the room out of a token and is not upset by what is none', () => {
    const payload = btoa(JSON.stringify({ video: { room: 'r' } })).replaceAll('=', '');
    expect(roomOfToken(`x.${payload}.y`)).toBe('r');
    for (const bad of ['', 'x', 'a.b.c', 'a.e30.c', '....']) expect(roomOfToken(bad)).toBeUndefined();
  });
});
