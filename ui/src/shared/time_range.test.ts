import { describe, expect, it } from 'vitest';
import { formatAgo, formatTime, rangeLabel, resolveRange, resolveTime } from './time_range';

const NOW = new Date(2026, 10, 24, 15, 48, 16, 250).getTime(); // a Tuesday

describe('resolveTime', () => {
  it.each([
    ['now', false, NOW],
    ['now-5m', false, NOW - 300_000],
    ['now-1h-30m', false, NOW - 5_400_000],
    ['now+10s', false, NOW + 10_000],
    ['now/d', false, new Date(2026, 10, 24).getTime()],
    ['now/d', true, new Date(2026, 10, 25).getTime() - 1],
    ['now-1d/d', false, new Date(2026, 10, 23).getTime()],
    ['now/w', false, new Date(2026, 10, 23).getTime()],
    ['now/M', false, new Date(2026, 10, 1).getTime()],
    ['1795485311163', false, 1_795_485_311_163],
    ['2026-11-24T00:00:00Z', false, Date.UTC(2026, 10, 24)],
    ['2026-11-24 10:00:00', false, new Date(2026, 10, 24, 10).getTime()],
    ['yesterday', false, null],
    ['', false, null],
  ])('%s (up: %s)', (text, up, want) => expect(resolveTime(text, NOW, up)).toBe(want));
});

describe('resolveRange', () => {
  it.each([
    [{ from: 'now-6h', to: 'now' }, NOW - 6 * 3600e3, NOW],
    [{ from: 'now', to: 'now-6h' }, NOW - 3600e3, NOW],
    [{ from: 'x', to: 'now' }, NOW - 3600e3, NOW],
  ])('%j', (raw, fromMs, toMs) => expect(resolveRange(raw, NOW)).toEqual({ fromMs, toMs }));
});

describe('labels', () => {
  it.each([
    [{ from: 'now-15m', to: 'now' }, 'Last 15 minutes'],
    [{ from: 'now-7m', to: 'now' }, 'Last 7 m'],
    [{ from: '1795485311163', to: '1795485312163' }, '2026-11-24 01:55:11 to 2026-11-24 01:55:12'],
  ])('%j -> %s', (raw, want) => expect(rangeLabel(raw, 'UTC')).toBe(want));

  it('shows milliseconds when asked', () => {
    expect(formatTime(1_795_485_311_063, 'UTC', true)).toBe('2026-11-24 01:55:11.063');
  });

  it.each([
    [500, 'just now'],
    [42_000, '42 s ago'],
    [600_000, '10 min ago'],
    [7_200_000, '2 h ago'],
    [5 * 86_400_000, '5 d ago'],
  ])('%d ms -> %s', (age, want) => expect(formatAgo(NOW - age, NOW)).toBe(want));
});
