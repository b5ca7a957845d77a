import { describe, expect, it } from 'vitest';
import { type Appointment, agenda, conflicts, nextUp } from './agenda';

const DAY = Date.parse('2026-11-26T00:00:00Z');
const at = (clock: string) => Date.parse(`2026-11-26T${clock}:00Z`);

function appointment(from: string, to: string, status: Appointment['status'] = 'approved'): Appointment {
  const [startsAt, endsAt] = [from, to].map((clock) => `2026-11-26T${clock}:00Z`) as [string, string];
  const window = { opensAt: startsAt, closesAt: endsAt, state: 'open' };
  return { id: from, startsAt, endsAt, status, window } as Appointment;
}

function told(appointments: Appointment[], now: number): string[] {
  return agenda(appointments, now, [DAY, DAY + 86_400_000]).map((entry) => {
    if (entry.kind === 'now') return 'now';
    if (entry.kind === 'gap') return `gap ${(entry.to - entry.from) / 60_000}`;
    return `${entry.appointment.id} ${entry.when}`;
  });
}

describe('the day of an expert', () => {
  it('has its appointments in order, with the gaps between them', () => {
    expect(told([appointment('11:00', '11:30'), appointment('09:00', '10:00')], at('08:00'))).toEqual([
      'now',
      '09:00 next',
      'gap 60',
      '11:00 next',
    ]);
  });

  it('splits the gap in which the present moment lies', () => {
    expect(told([appointment('09:00', '10:00'), appointment('11:00', '12:00')], at('10:20'))).toEqual([
      '09:00 past',
      'gap 20',
      'now',
      'gap 40',
      '11:00 next',
    ]);
  });

  it('marks what goes on', () => {
    expect(told([appointment('09:00', '10:00')], at('09:30'))).toEqual(['now', '09:00 now']);
  });

  it('tells of the present moment after the last appointment, and not on other days', () => {
    const one = [appointment('09:00', '10:00')];
    expect(told(one, at('12:00'))).toEqual(['09:00 past', 'now']);
    expect(told(one, DAY - 1)).toEqual(['09:00 next']);
    expect(told([], at('12:00'))).toEqual(['now']);
  });

  it('counts appointments that follow each other, or overlap, as no gap', () => {
    const three = [
      appointment('09:00', '10:00'),
      appointment('09:30', '09:45'),
      appointment('10:03', '11:00'),
    ];
    expect(told(three, at('08:00')).filter((entry) => entry.startsWith('gap'))).toEqual([]);
  });

  it('leaves out what was called off', () => {
    expect(told([appointment('09:00', '10:00', 'cancelled')], at('08:00'))).toEqual(['now']);
  });
});

describe('what is next', () => {
  it('is what goes on or comes first, and never a request', () => {
    const list = [
      appointment('08:00', '08:30'),
      appointment('09:00', '10:00', 'pending'),
      appointment('11:00', '12:00'),
    ];
    expect(nextUp(list, at('08:10'))?.id).toBe('08:00');
    expect(nextUp(list, at('08:40'))?.id).toBe('11:00');
    expect(nextUp(list, at('13:00'))).toBeUndefined();
  });
});

describe('conflicts', () => {
  it('are other appointments that overlap; those that touch do not', () => {
    const list = [
      appointment('09:00', '10:00'),
      appointment('10:00', '11:00'),
      appointment('10:30', '11:30', 'rejected'),
    ];
    const found = conflicts({ from: at('09:30'), to: at('10:00'), not: 'x' }, list);
    expect(found.map(({ id }) => id)).toEqual(['09:00']);
    expect(conflicts({ from: at('09:30'), to: at('10:00'), not: '09:00' }, list)).toEqual([]);
  });
});
