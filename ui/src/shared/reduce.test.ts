import { expect, it } from 'vitest';
import { reduceValues } from './reduce';

it.each([
  ['lastNotNull', 2],
  ['last', null],
  ['first', 4],
  ['min', 2],
  ['max', 6],
  ['mean', 4],
  ['sum', 12],
  ['count', 3],
  ['range', 4],
  ['diff', -2],
  ['unheard of', 2],
])('%s', (calc, want) => expect(reduceValues([4, 6, 2, null], calc)).toBe(want));

it('has nothing for nothing', () => {
  expect(reduceValues([null], 'mean')).toBeNull();
  expect(reduceValues([], 'count')).toBe(0);
});
