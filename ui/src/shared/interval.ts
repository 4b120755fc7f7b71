// Query steps as Grafana computes them, so that a dashboard asks here for the
// very points it asks for there. All durations are milliseconds.

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const WEEK = 7 * DAY;

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: SECOND,
  m: MINUTE,
  h: HOUR,
  d: DAY,
  w: WEEK,
  M: 30 * DAY,
  y: 365 * DAY,
};

// A step and the interval from which the next one takes over: mostly the
// midpoint to the next step, later from a day on.
const NICE_STEPS: ReadonlyArray<readonly [step: number, below: number]> = [
  [1, 10],
  [10, 15],
  [20, 35],
  [50, 75],
  [100, 150],
  [200, 350],
  [500, 750],
  [1 * SECOND, 1.5 * SECOND],
  [2 * SECOND, 3.5 * SECOND],
  [5 * SECOND, 7.5 * SECOND],
  [10 * SECOND, 12.5 * SECOND],
  [15 * SECOND, 17.5 * SECOND],
  [20 * SECOND, 25 * SECOND],
  [30 * SECOND, 45 * SECOND],
  [1 * MINUTE, 1.5 * MINUTE],
  [2 * MINUTE, 3.5 * MINUTE],
  [5 * MINUTE, 7.5 * MINUTE],
  [10 * MINUTE, 12.5 * MINUTE],
  [15 * MINUTE, 17.5 * MINUTE],
  [20 * MINUTE, 25 * MINUTE],
  [30 * MINUTE, 45 * MINUTE],
  [1 * HOUR, 1.5 * HOUR],
  [2 * HOUR, 2.5 * HOUR],
  [3 * HOUR, 4.5 * HOUR],
  [6 * HOUR, 9 * HOUR],
  [12 * HOUR, 1 * DAY],
  [1 * DAY, 1 * WEEK],
  [1 * WEEK, 3 * WEEK],
  [30 * DAY, 6 * WEEK],
];

export function niceRound(intervalMs: number): number {
  for (const [step, below] of NICE_STEPS) if (intervalMs < below) return step;
  return 365 * DAY;
}

// "15s", "1m30s", "500ms", "1d"; a leading ">" is ignored. null when it is none.
export function parseDuration(text: string): number | null {
  const body = text.trim().replace(/^>\s*/, '');
  if (/^\d+(\.\d+)?$/.test(body)) return Number(body) * SECOND;
  if (!/^(\d+(\.\d+)?(ms|[smhdwMy]))+$/.test(body)) return null;
  let total = 0;
  for (const part of body.matchAll(/(\d+(?:\.\d+)?)(ms|[smhdwMy])/g)) {
    total += Number(part[1]) * (UNIT_MS[part[2] ?? ''] ?? 0);
  }
  return total;
}

// The shortest exact spelling with one unit: 90000 -> "90s", 60000 -> "1m".
export function formatInterval(ms: number): string {
  const units: ReadonlyArray<readonly [string, number]> = [
    ['w', WEEK],
    ['d', DAY],
    ['h', HOUR],
    ['m', MINUTE],
    ['s', SECOND],
  ];
  for (const [name, size] of units) if (ms >= size && ms % size === 0) return `${ms / size}${name}`;
  return `${Math.max(1, Math.round(ms))}ms`;
}

export interface StepInput {
  rangeMs: number;
  maxDataPoints: number;
  // First of: panel interval, target interval, data source timeInterval.
  minInterval?: string | undefined;
  intervalFactor?: number | undefined;
}

export interface Step {
  intervalMs: number;
  rateIntervalMs: number;
}

const DEFAULT_SCRAPE_MS = 15 * SECOND;
const POINTS_MAX = 11_000;

// spec: step = max(min interval, niceRound(range / maxDataPoints), range / 11000) x intervalFactor
export function computeStep(input: StepInput): Step {
  const minMs = (input.minInterval && parseDuration(input.minInterval)) || DEFAULT_SCRAPE_MS;
  const wanted = niceRound(input.rangeMs / Math.max(1, input.maxDataPoints));
  const safe = Math.ceil(input.rangeMs / POINTS_MAX);
  const intervalMs = Math.max(minMs, wanted, safe) * Math.max(1, input.intervalFactor ?? 1);
  return { intervalMs, rateIntervalMs: Math.max(intervalMs + minMs, 4 * minMs) };
}

export interface AlignedRange {
  fromMs: number;
  toMs: number;
}

// Both ends down to a multiple of the step; utcOffsetMs moves the multiples so
// that steps of a day start at local midnight.
export function alignRange(fromMs: number, toMs: number, stepMs: number, utcOffsetMs = 0): AlignedRange {
  const down = (t: number): number => Math.floor((t + utcOffsetMs) / stepMs) * stepMs - utcOffsetMs;
  return { fromMs: down(fromMs), toMs: down(toMs) };
}
