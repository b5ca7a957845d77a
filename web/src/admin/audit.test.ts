import { expect, it } from 'vitest';
import { auditQuery, NO_FILTER, parted, placeOf } from './audit';

it('asks only for what is filtered', () => {
  expect(auditQuery(NO_FILTER)).toEqual({});
  expect(auditQuery({ ...NO_FILTER, action: ' user.* ', from: 'nonsense' })).toEqual({ action: 'user.*' });
});

it('takes dates as whole days, the last included', () => {
  const { from, to } = auditQuery({ ...NO_FILTER, from: '2026-11-26', to: '2026-11-26' });
  expect(Date.parse(to ?? '') - Date.parse(from ?? '')).toBe(86_400_000);
  expect(new Date(from ?? '').getHours()).toBe(0);
});

it('knows where in the app things are', () => {
  expect(parted('system')).toEqual({ kind: 'system', id: undefined });
  expect(placeOf('user:1')).toBe('/admin/people/1');
  expect(placeOf('appointment:2')).toBe('/appointments/2');
  expect([placeOf('system'), placeOf('retention:x')]).toEqual([undefined, undefined]);
});
