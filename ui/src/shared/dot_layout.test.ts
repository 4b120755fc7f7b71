import { describe, expect, it } from 'vitest';
import { spreadDots } from './dot_layout';

const dot = (left: number, top: number, value = 1) => ({ left, top, value });

describe('spreadDots', () => {
  it.each([
    ['far apart', [dot(0, 0), dot(100, 0)], [[0, 22], [100, 22]]],
    ['close in a row', [dot(0, 0), dot(12, 0), dot(24, 0)], [[0, 12], [12, 12], [24, 12]]],
    ['covered: the larger stays', [dot(0, 0, 1), dot(3, 0, 5), dot(50, 0, 2)], [[3, 22], [50, 22]]],
    ['covered: the first of equals stays', [dot(0, 0), dot(3, 0)], [[0, 22]]],
    ['above each other', [dot(0, 0), dot(0, 40), dot(1, 15)], [[0, 15], [0, 22], [1, 15]]],
    ['none', [], []],
  ])('%s', (_name, dots, want) => {
    expect(spreadDots(dots).map(({ spot, hitPx }) => [spot.left, hitPx])).toEqual(want);
  });
});
