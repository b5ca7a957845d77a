import { describe, expect, it } from 'vitest';
import { cells, columns, focusOf } from './layout';

describe('the grid', () => {
  it('stacks two on a phone and puts them side by side on a desk', () => {
    expect(columns(2, 360, 500)).toBe(1);
    expect(columns(2, 1400, 700)).toBe(2);
    expect(columns(4, 1400, 700)).toBe(2);
    expect(columns(6, 1400, 700)).toBe(3);
    expect(columns(4, 360, 520)).toBe(2);
    expect(columns(1, 1400, 700)).toBe(1);
    expect(columns(3, 0, 0)).toBe(1);
  });
});

it('no tile is wider than a picture or much taller than wide', () => {
  expect(cells(1, 1600, 600, 8)).toEqual({ cols: 1, width: 600 * (16 / 9), height: 600 });
  const phone = cells(1, 360, 600, 8);
  expect(phone.height / phone.width).toBeCloseTo(8 / 7);
  expect(cells(2, 0, 0, 8)).toMatchObject({ width: 0, height: 0 });
});

describe('what stands large', () => {
  const own = { key: 'me', screen: false, local: true, identity: 'me' };
  const ada = { key: 'ada', screen: false, local: false, identity: 'ada' };
  const ben = { key: 'ben', screen: false, local: false, identity: 'ben' };
  const screen = { key: 'screen', screen: true, local: false, identity: 'ada' };

  it('nothing by itself, until somebody shows a screen', () => {
    expect(focusOf([own, ada], 'auto', undefined, 'ada')).toBeUndefined();
    expect(focusOf([own, ada, screen], 'auto', undefined, 'ben')).toBe('screen');
    expect(focusOf([own, ada, screen], 'grid', undefined, 'ada')).toBeUndefined();
  });

  it('who speaks in the speaker view, and never oneself while somebody else is there', () => {
    expect(focusOf([own, ada, ben], 'speaker', undefined, 'ben')).toBe('ben');
    expect(focusOf([own, ada, ben], 'speaker', undefined, 'me')).toBe('ada');
  });

  it('what is pinned, before everything, as long as it is there', () => {
    expect(focusOf([own, ada, screen], 'auto', 'ada', undefined)).toBe('ada');
    expect(focusOf([own, screen], 'auto', 'ada', undefined)).toBe('screen');
  });
});
