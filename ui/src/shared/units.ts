// Numbers for people: a value and a Grafana unit id in, a short text out.

interface Scale {
  readonly factor: number; // one of this unit, in the family's base unit
  readonly suffix: string;
}

const SI: readonly Scale[] = [
  { factor: 1, suffix: '' },
  { factor: 1e3, suffix: 'K' },
  { factor: 1e6, suffix: 'M' },
  { factor: 1e9, suffix: 'B' },
  { factor: 1e12, suffix: 'T' },
];
const SI_PREFIX = ['', 'k', 'M', 'G', 'T', 'P', 'E'];
const IEC_PREFIX = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];

function prefixed(prefixes: readonly string[], base: number, unit: string): Scale[] {
  return prefixes.map((prefix, power) => ({ factor: base ** power, suffix: ` ${prefix}${unit}` }));
}

// In seconds.
const TIME: readonly Scale[] = [
  { factor: 1e-9, suffix: ' ns' },
  { factor: 1e-6, suffix: ' µs' },
  { factor: 1e-3, suffix: ' ms' },
  { factor: 1, suffix: ' s' },
  { factor: 60, suffix: ' min' },
  { factor: 3600, suffix: ' h' },
  { factor: 86_400, suffix: ' d' },
  { factor: 7 * 86_400, suffix: ' wk' },
  { factor: 365 * 86_400, suffix: ' yr' },
];

interface Family {
  readonly scales: readonly Scale[];
  readonly baseFactor: number; // value x this = family's base unit
  readonly tail: string;
}

const SIMPLE_TIME: Readonly<Record<string, number>> = {
  ns: 1e-9,
  µs: 1e-6,
  us: 1e-6,
  ms: 1e-3,
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
  dtdurations: 1,
  dtdurationms: 1e-3,
};

const PER_SECOND: Readonly<Record<string, string>> = {
  reqps: ' req/s',
  'req/s': ' req/s',
  rps: ' rd/s',
  wps: ' wr/s',
  ops: ' ops/s',
  iops: ' io/s',
  cps: ' c/s',
  eps: ' ev/s',
  mps: ' msg/s',
  reqpm: ' req/min',
  opm: ' ops/min',
};

function familyOf(unit: string): Family | null {
  const seconds = SIMPLE_TIME[unit];
  if (seconds !== undefined) return { scales: TIME, baseFactor: seconds, tail: '' };
  const rate = PER_SECOND[unit];
  if (rate !== undefined) return { scales: SI, baseFactor: 1, tail: rate };
  switch (unit) {
    case 'short':
      return { scales: SI, baseFactor: 1, tail: '' };
    case 'bytes':
      return { scales: prefixed(IEC_PREFIX, 1024, 'B'), baseFactor: 1, tail: '' };
    case 'kbytes':
      return { scales: prefixed(IEC_PREFIX, 1024, 'B'), baseFactor: 1024, tail: '' };
    case 'mbytes':
      return { scales: prefixed(IEC_PREFIX, 1024, 'B'), baseFactor: 1024 ** 2, tail: '' };
    case 'decbytes':
      return { scales: prefixed(SI_PREFIX, 1000, 'B'), baseFactor: 1, tail: '' };
    case 'bits':
      return { scales: prefixed(IEC_PREFIX, 1024, 'b'), baseFactor: 1, tail: '' };
    case 'decbits':
      return { scales: prefixed(SI_PREFIX, 1000, 'b'), baseFactor: 1, tail: '' };
    case 'Bps':
      return { scales: prefixed(SI_PREFIX, 1000, 'B/s'), baseFactor: 1, tail: '' };
    case 'binBps':
      return { scales: prefixed(IEC_PREFIX, 1024, 'B/s'), baseFactor: 1, tail: '' };
    case 'bps':
      return { scales: prefixed(SI_PREFIX, 1000, 'b/s'), baseFactor: 1, tail: '' };
    case 'hertz':
      return { scales: prefixed(SI_PREFIX, 1000, 'Hz'), baseFactor: 1, tail: '' };
    default:
      return null;
  }
}

function trimmed(value: number, decimals: number): string {
  const text = value.toFixed(decimals);
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

// Three significant digits read well; integers stay integers.
function digits(value: number, decimals: number | undefined): string {
  if (decimals !== undefined) return value.toFixed(decimals);
  const size = Math.abs(value);
  if (size === 0) return '0';
  if (size >= 1e15 || size < 1e-6) return value.toExponential(2);
  if (size >= 100) return trimmed(value, Number.isInteger(value) ? 0 : 1).replace(/^(-?\d{4,})\.\d$/, '$1');
  if (size >= 10) return trimmed(value, 1);
  if (size >= 1) return trimmed(value, 2);
  return trimmed(value, Math.min(8, 2 - Math.floor(Math.log10(size))));
}

export function formatValue(value: number | null | undefined, unit = 'none', decimals?: number): string {
  if (value === null || value === undefined || Number.isNaN(value)) return '–';
  if (value === Infinity) return '+∞';
  if (value === -Infinity) return '−∞';
  if (unit === 'percent') return `${digits(value, decimals)}%`;
  if (unit === 'percentunit') return `${digits(value * 100, decimals)}%`;
  if (unit === 'bool') return value === 0 ? 'False' : 'True';
  if (unit === 'dateTimeAsIso' || unit === 'dateTimeAsSystem' || unit === 'dateTimeAsLocal') {
    return new Date(value).toLocaleString();
  }
  const family = familyOf(unit);
  if (family === null) return digits(value, decimals) + customSuffix(unit);
  const base = value * family.baseFactor;
  return scaled(base, family.scales, decimals) + family.tail;
}

function scaled(base: number, scales: readonly Scale[], decimals: number | undefined): string {
  const size = Math.abs(base);
  let chosen = scales[0];
  if (size === 0) chosen = scales.find((scale) => scale.factor === 1) ?? chosen;
  // The small slack keeps 0.9999999 s from reading "1000 ms".
  else for (const scale of scales) if (size >= scale.factor * 0.9999995) chosen = scale;
  if (chosen === undefined) return String(base);
  return digits(base / chosen.factor, decimals) + chosen.suffix;
}

// "suffix:apples" and plain words ("req") stand for themselves.
function customSuffix(unit: string): string {
  if (unit === '' || unit === 'none' || unit === 'locale' || unit === 'string' || unit === 'sishort') return '';
  if (unit.startsWith('suffix:')) return ` ${unit.slice('suffix:'.length)}`;
  if (unit.startsWith('prefix:')) return '';
  return ` ${unit}`;
}

// A duration given in nanoseconds: "503.4 ms".
export function formatNanos(ns: number): string {
  return formatValue(ns, 'ns');
}
