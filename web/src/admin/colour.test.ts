import { expect, it } from 'vitest';
import { tooLight } from './colour';

it('warns of colours that cannot be read on white, and of nothing else', () => {
  expect(['#ffff00', '#7dd3fc', '#1d4ed8', '#000000', 'nonsense'].map(tooLight)).toEqual([
    true,
    true,
    false,
    false,
    false,
  ]);
});
