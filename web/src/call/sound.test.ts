import { expect, it } from 'vitest';
import { loudness } from './sound';

it('silence is nothing, a full sine is nearly all, and half of it is six decibels less', () => {
  const sine = (peak: number) => Float32Array.from({ length: 1024 }, (_, i) => peak * Math.sin(i / 5));
  expect(loudness(new Float32Array(1024))).toBe(0);
  expect(loudness(new Float32Array(0))).toBe(0);
  expect(loudness(sine(1))).toBeGreaterThan(0.9);
  expect(loudness(sine(1)) - loudness(sine(0.5))).toBeCloseTo(6.02 / 60, 2);
});
