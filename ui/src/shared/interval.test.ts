import { describe, expect, it } from 'vitest';
import { alignRange, computeStep, formatInterval, niceRound, parseDuration } from './interval';

describe('niceRound', () => {
  it.each([
    [3, 1],
    [12, 10],
    [1_400, 1_000],
    [1_500, 2_000],
    [7_400, 5_000],
    [12_499, 10_000],
    [24_000, 20_000],
    [44_999, 30_000],
    [45_000, 60_000],
    [5_399_999, 3_600_000],
    [23 * 3_600_000, 12 * 3_600_000],
    [25 * 3_600_000, 86_400_000],
    [1e12, 365 * 86_400_000],
  ])('%d ms -> %d ms', (given, want) => expect(niceRound(given)).toBe(want));
});

describe('parseDuration', () => {
  it.each([
    ['15s', 15_000],
    ['>10s', 10_000],
    ['1m30s', 90_000],
    ['500ms', 500],
    ['30', 30_000],
    ['1d', 86_400_000],
    ['', null],
    ['fast', null],
    ['1x', null],
  ])('%s -> %s', (given, want) => expect(parseDuration(given)).toBe(want));
});

describe('formatInterval', () => {
  it.each([
    [15_000, '15s'],
    [90_000, '90s'],
    [3_600_000, '1h'],
    [250, '250ms'],
  ])('%d -> %s', (given, want) => expect(formatInterval(given)).toBe(want));
});

describe('computeStep', () => {
  it.each([
    // 1 h over 1000 px wants 3.6 s -> 5 s, but the scrape interval is 15 s.
    [{ rangeMs: 3_600_000, maxDataPoints: 1000 }, 15_000, 60_000],
    [{ rangeMs: 3_600_000, maxDataPoints: 1000, minInterval: '1s' }, 5_000, 6_000],
    [{ rangeMs: 900_000, maxDataPoints: 1000, minInterval: '1s' }, 1_000, 4_000],
    [{ rangeMs: 86_400_000, maxDataPoints: 800 }, 120_000, 135_000],
    [{ rangeMs: 3_600_000, maxDataPoints: 1000, intervalFactor: 2 }, 30_000, 60_000],
    // 11 000 points at most, however many were asked for.
    [{ rangeMs: 11_000_000, maxDataPoints: 1_000_000, minInterval: '1ms' }, 1_000, 1_001],
  ])('%j', (input, interval, rate) => {
    expect(computeStep(input)).toEqual({ intervalMs: interval, rateIntervalMs: rate });
  });
});

describe('alignRange', () => {
  it.each([
    [100_001, 200_009, 15_000, 0, 90_000, 195_000],
    [90_000, 195_000, 15_000, 0, 90_000, 195_000],
    [100_000, 200_000, 86_400_000, 3_600_000, -3_600_000, -3_600_000],
  ])('%d..%d step %d offset %d', (from, to, step, offset, wantFrom, wantTo) => {
    expect(alignRange(from, to, step, offset)).toEqual({ fromMs: wantFrom, toMs: wantTo });
  });
});
