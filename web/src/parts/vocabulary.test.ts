import { expect, test } from 'vitest';
import { frameMessage, hostMessage, marked, originOf } from './vocabulary';

test('what was sent is understood', () => {
  for (const message of [
    { type: 'ready' },
    { type: 'resize', height: 640 },
    { type: 'booked', appointmentId: 'a', status: 'pending', startsAt: '2026-11-26T10:00:00Z' },
    { type: 'problem', code: 'slot_taken' },
  ] as const) {
    expect(frameMessage(marked(message))).toEqual(message);
  }
  expect(hostMessage(marked({ type: 'theme', theme: 'dark' }))).toEqual({ type: 'theme', theme: 'dark' });
});

test('what others send is not ours', () => {
  for (const data of [
    undefined,
    null,
    'ready',
    { type: 'ready' },
    { source: 'visavis', type: 'open', url: 'javascript:alert(1)' },
    { source: 'visavis', type: 'resize', height: Number.POSITIVE_INFINITY },
    { source: 'visavis', type: 'resize', height: '9' },
    { source: 'visavis', type: 'booked', appointmentId: 1 },
  ]) {
    expect(frameMessage(data)).toBeUndefined();
  }
  expect(hostMessage({ source: 'visavis', type: 'theme', theme: 'red' })).toBeUndefined();
});

test('only the web has origins', () => {
  expect(originOf('https://www.example.org/page?x=1')).toBe('https://www.example.org');
  for (const text of [null, '', 'www.example.org', 'javascript:alert(1)', 'data:text/html,x', 'null']) {
    expect(originOf(text)).toBeUndefined();
  }
});
