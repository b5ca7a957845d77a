import { describe, expect, it } from 'vitest';
import { clockOf, copied, type Draft, draftOf, endOf, hoursOf, minuteOf, oneMore, wrongs } from './hours';

const ROME = 'Europe/Rome';
const rule = (weekday: number, fromMin: number, toMin: number) => ({ weekday, fromMin, toMin, tz: ROME });
const draft = (...rules: ReturnType<typeof rule>[]): Draft => draftOf({ weekly: rules }, ROME);

describe('hours that are being written', () => {
  it('come back as they were, midnight and exceptions with them', () => {
    const hours = {
      weekly: [rule(1, 0, 1440), rule(2, 540, 720)],
      exceptions: [
        { date: '2026-12-24', kind: 'closed' as const, fromMin: 0, toMin: 1440, tz: ROME, note: 'Eve' },
        { date: '2026-12-27', kind: 'open' as const, fromMin: 600, toMin: 660, tz: ROME },
      ],
    };
    expect(hoursOf(draftOf(hours, ROME))).toEqual(hours);
    expect(wrongs(draftOf(hours, ROME)).size).toBe(0);
  });

  it('read clocks, where midnight at the end is the end of the day', () => {
    expect([clockOf(570), clockOf(1440), minuteOf('09:30'), endOf('00:00')]).toEqual([
      '09:30',
      '00:00',
      570,
      1440,
    ]);
    expect([minuteOf(''), minuteOf('24:00'), minuteOf('9:30'), minuteOf('12:60')]).toEqual(
      Array(4).fill(undefined),
    );
  });

  it('are refused where an end is not after its start, or something is missing', () => {
    const written = draft(rule(1, 540, 720), rule(2, 540, 720));
    const [a, b] = written.spans;
    if (!a || !b) throw new Error('two');
    const found = wrongs({
      ...written,
      spans: [
        { ...a, to: '09:00' },
        { ...b, from: '' },
      ],
    });
    expect([found.get(a.key), found.get(b.key)]).toEqual(['endBeforeStart', 'missing']);
  });

  it('are refused where two overlap, and not where they touch or hold on other dates', () => {
    expect([...wrongs(draft(rule(1, 540, 720), rule(1, 700, 800))).values()]).toEqual(['overlap']);
    expect(wrongs(draft(rule(1, 540, 720), rule(1, 720, 800))).size).toBe(0);
    const written = draft(rule(1, 540, 720), rule(1, 540, 720));
    const [a, b] = written.spans;
    if (!a || !b) throw new Error('two');
    const spans = [
      { ...a, validTo: '2026-06-30' },
      { ...b, validFrom: '2026-07-01' },
    ];
    expect(wrongs({ ...written, spans }).size).toBe(0);
  });

  it('are refused where there are too many', () => {
    const spans = Array.from({ length: 201 }, (_, i) => rule(1 + (i % 7), i * 7, i * 7 + 5));
    expect(wrongs(draft(...spans)).get(0)).toBe('tooManyRules');
  });

  it('are refused for a date that is none and a note without end', () => {
    const except = {
      key: 9001,
      date: '',
      kind: 'closed' as const,
      wholeDay: true,
      from: '',
      to: '',
      note: '',
      tz: ROME,
    };
    expect(wrongs({ spans: [], excepts: [except] }).get(9001)).toBe('noDate');
    const long = { ...except, date: '2026-12-24', note: 'x'.repeat(201) };
    expect(wrongs({ spans: [], excepts: [long] }).get(9001)).toBe('noteTooLong');
  });
});

it('one more interval comes after the last, within the day', () => {
  expect(oneMore([], 1, ROME)).toMatchObject({ from: '09:00', to: '17:00' });
  expect(oneMore(draft(rule(1, 540, 720)).spans, 1, ROME)).toMatchObject({ from: '13:00', to: '16:00' });
  const late = oneMore(draft(rule(1, 540, 1320)).spans, 1, ROME);
  expect(wrongs({ spans: [late], excepts: [] }).size).toBe(0);
});

it('a day is copied to others in place of what they had', () => {
  const spans = copied(draft(rule(1, 540, 720), rule(2, 0, 60), rule(7, 0, 60)).spans, 1, [2, 3]);
  expect(spans.map(({ weekday, from }) => [weekday, from])).toEqual([
    [1, '09:00'],
    [7, '00:00'],
    [2, '09:00'],
    [3, '09:00'],
  ]);
});
