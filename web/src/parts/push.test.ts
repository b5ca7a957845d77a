import { expect, test } from 'vitest';
import { landing, notice } from './push';

const origin = 'https://meet.example.org';

test('a notification leads to the appointment', () => {
  const url = `${origin}/appointments/01a2#rate`;
  const payload = JSON.stringify({ title: 'Praxis', body: 'Ada waits', url, tag: '01a2' });
  expect(notice(payload, origin)).toMatchObject({
    title: 'Praxis',
    body: 'Ada waits',
    tag: '01a2',
    data: url,
  });
});

test('no other address is ever opened', () => {
  for (const url of [
    'https://evil.example/appointments/1',
    '//evil.example/appointments',
    'javascript:alert(1)',
    `${origin}/link#magic=secret`,
    `${origin}/appointmentsx`,
    undefined,
    7,
  ]) {
    expect(landing(url, origin)).toBe(`${origin}/appointments`);
  }
});

test('what cannot be read is shown all the same', () => {
  for (const payload of [undefined, '', 'null', '[', '"x"'])
    expect(notice(payload, origin).title).toBe('visavis');
});
