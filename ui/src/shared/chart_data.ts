// Series of several queries brought onto one time axis, as the chart wants them.
import type { Labels } from './legend';
import type { ValueRange } from './exemplars';

export interface QuerySeries {
  labels: Labels;
  samples: ReadonlyArray<readonly [timeSeconds: number, value: string]>;
}

export interface QueryGrid {
  fromMs: number;
  toMs: number;
  stepMs: number;
  series: readonly QuerySeries[];
}

export interface AlignedData {
  times: number[]; // seconds, ascending
  values: Array<Array<number | null>>; // one row per series, in query order
  mixedSteps: boolean; // then a null between two values is no gap
}

const GRID_POINTS_MAX = 11_001;

// Every step of every query is a time, so that a missing sample is a null (a
// gap) and not a line drawn across.
export function alignSeries(grids: readonly QueryGrid[]): AlignedData {
  const times = new Set<number>();
  for (const grid of grids) {
    const count = Math.min(GRID_POINTS_MAX, Math.floor((grid.toMs - grid.fromMs) / grid.stepMs) + 1);
    for (let index = 0; index < count; index++) times.add(grid.fromMs + index * grid.stepMs);
    for (const series of grid.series) for (const [time] of series.samples) times.add(Math.round(time * 1000));
  }
  const ordered = [...times].sort((a, b) => a - b);
  const indexOf = new Map(ordered.map((time, index) => [time, index]));
  const values: AlignedData['values'] = [];
  for (const grid of grids) {
    for (const series of grid.series) {
      const row = new Array<number | null>(ordered.length).fill(null);
      for (const [time, text] of series.samples) {
        const index = indexOf.get(Math.round(time * 1000));
        const value = Number(text);
        if (index !== undefined && Number.isFinite(value)) row[index] = value;
      }
      values.push(row);
    }
  }
  const mixedSteps = new Set(grids.map((grid) => grid.stepMs)).size > 1;
  return { times: ordered.map((time) => time / 1000), values, mixedSteps };
}

// The samples of an instant query, each behind those of the series with its
// labels; a series that has only this sample comes last.
export function appendNewest(series: readonly QuerySeries[], newest: readonly QuerySeries[]): QuerySeries[] {
  const keyOf = (labels: Labels): string => JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
  const tails = new Map(newest.map((each) => [keyOf(each.labels), each]));
  const joined = series.map((each) => {
    const key = keyOf(each.labels);
    const tail = tails.get(key);
    tails.delete(key);
    return tail ? { ...each, samples: [...each.samples, ...tail.samples] } : each;
  });
  return [...joined, ...tails.values()];
}

// Each row on top of the sum of the rows before it; a null adds nothing.
export function stackRows(rows: ReadonlyArray<ReadonlyArray<number | null>>): Array<Array<number | null>> {
  const length = rows[0]?.length ?? 0;
  const sums = new Array<number>(length).fill(0);
  return rows.map((row) =>
    row.map((value, index) => {
      if (value === null) return null;
      const sum = (sums[index] ?? 0) + value;
      sums[index] = sum;
      return sum;
    }),
  );
}

export function extentOf(rows: ReadonlyArray<ReadonlyArray<number | null>>): ValueRange | null {
  let min = Infinity;
  let max = -Infinity;
  for (const row of rows) {
    for (const value of row) {
      if (value === null) continue;
      if (value < min) min = value;
      if (value > max) max = value;
    }
  }
  return min <= max ? { min, max } : null;
}

export interface AxisBounds {
  min?: number | undefined;
  max?: number | undefined;
  softMin?: number | undefined;
  softMax?: number | undefined;
}

// Room above the highest value; zero below unless the values are all far from it.
export function axisLimits(extent: ValueRange | null, bounds: AxisBounds): [number, number] {
  let { min, max } = extent ?? { min: 0, max: 1 };
  if (bounds.softMin !== undefined) min = Math.min(min, bounds.softMin);
  if (bounds.softMax !== undefined) max = Math.max(max, bounds.softMax);
  if (min >= 0 && min <= 0.6 * max) min = 0;
  if (min === max) {
    const room = Math.abs(max) * 0.5 || 1;
    min = min >= 0 ? 0 : min - room;
    max += room;
  }
  const span = max - min;
  const low = bounds.min ?? (min === 0 ? 0 : min - span * 0.06);
  const high = bounds.max ?? max + span * 0.08;
  return low < high ? [low, high] : [low, low + 1];
}
