import { describe, expect, it } from 'vitest';
import { formatNanos, formatValue } from './units';

describe('formatValue', () => {
  it.each([
    [null, 's', '–'],
    [Number.NaN, 's', '–'],
    [Infinity, 's', '+∞'],
    [0, 's', '0 s'],
    [0.5, 's', '500 ms'],
    [0.00052, 's', '520 µs'],
    [90, 's', '1.5 min'],
    [501.107689, 'ms', '501.1 ms'],
    [1500, 'ms', '1.5 s'],
    [999.9999, 'ms', '1 s'],
    [1234, 'short', '1.23 K'.replace(' ', '')],
    [12, 'short', '12'],
    [2.5e6, 'short', '2.5M'],
    [12.345, 'reqps', '12.3 req/s'],
    [1200, 'reqps', '1.2K req/s'],
    [0.0333, 'reqps', '0.0333 req/s'],
    [42, 'percent', '42%'],
    [0.051, 'percentunit', '5.1%'],
    [1536, 'bytes', '1.5 KiB'],
    [1500, 'decbytes', '1.5 kB'],
    [1e6, 'Bps', '1 MB/s'],
    [5, 'none', '5'],
    [5, '', '5'],
    [503.406681, '', '503.4'],
    [1795485, 'none', '1795485'],
    [3, 'apples', '3 apples'],
    [3, 'suffix:pears', '3 pears'],
    [-0.25, 's', '-250 ms'],
  ])('%s %s -> %s', (value, unit, want) => expect(formatValue(value, unit)).toBe(want));

  it('keeps the decimals asked for', () => {
    expect(formatValue(1.5, 's', 3)).toBe('1.500 s');
    expect(formatValue(0.5, 'percentunit', 0)).toBe('50%');
  });
});

describe('formatNanos', () => {
  it.each([
    [0, '0 s'],
    [6_520, '6.52 µs'],
    [503_406_681, '503.4 ms'],
    [60_000_000_000, '1 min'],
  ])('%d -> %s', (ns, want) => expect(formatNanos(ns)).toBe(want));
});
