import { expect, test } from 'vitest';
import { deviceOf } from './device';
import { minutesOf, timeOf } from './minutes';

test.each([
  [
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
    'Chrome',
    'Linux',
  ],
  [
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0',
    'Edge',
    'Windows',
  ],
  [
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1',
    'Safari',
    'iPhone',
  ],
  [
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0',
    'Firefox',
    'macOS',
  ],
  ['curl/8.1', 'curl/8.1', undefined],
])('%s is called by what people call it', (agent, browser, system) => {
  expect(deviceOf(agent)).toMatchObject({ browser, system });
});

test('minutes of the day and times of a clock are the same', () => {
  for (const minutes of [0, 1, 59, 60, 22 * 60 + 30, 1439]) expect(minutesOf(timeOf(minutes))).toBe(minutes);
  expect(timeOf(1320)).toBe('22:00');
});
