import { expect, it } from 'vitest';
import { BOUNDS, formOf, NEW_SERVICE, type NumberField, serviceOf, wrongNumber } from './service-form';

it('a new service is one that the server takes', () => {
  for (const field of Object.keys(BOUNDS) as NumberField[])
    expect([field, wrongNumber(field, NEW_SERVICE[field])]).toEqual([field, undefined]);
});

it('numbers are whole, within bounds, and there', () => {
  expect(wrongNumber('durationMin', '')).toBe('required');
  expect(wrongNumber('openBeforeMin', ' ')).toBeUndefined();
  expect(wrongNumber('durationMin', '4')).toBe('range');
  expect(wrongNumber('durationMin', '721')).toBe('range');
  expect(wrongNumber('durationMin', '30.5')).toBe('whole');
  expect(wrongNumber('capacity', '-1')).toBe('whole');
  expect(wrongNumber('capacity', '9'.repeat(1000))).toBe('whole');
  expect(wrongNumber('capacity', ' 7 ')).toBeUndefined();
});

it('what is left out is as the server has it', () => {
  const draft = serviceOf({ ...NEW_SERVICE, title: ' Advice ' });
  expect(draft).toMatchObject({ title: 'Advice', stepMin: null, openBeforeMin: null, closeAnchor: null });
  const stored = { ...draft, id: 'x', stepMin: 30 } as Parameters<typeof formOf>[0];
  expect(serviceOf(formOf(stored))).toMatchObject({ title: 'Advice', stepMin: 30, openBeforeMin: null });
});
