// From the answer of query_exemplars to the dots on a chart: flatten, drop
// repeats, thin, decide where each dot lies, and find its trace.
import type { Labels } from './legend';

export interface ExemplarPoint {
  timeMs: number;
  value: number;
  seriesLabels: Labels;
  labels: Labels; // of the exemplar itself
  traceId: string | null;
  spanId: string | null;
}

export interface ExemplarSeries {
  seriesLabels: Labels;
  exemplars: ReadonlyArray<{ labels: Labels; value: string; timestamp: number }>;
}

// One entry of the data source's jsonData.exemplarTraceIdDestinations.
export interface TraceDestination {
  name: string;
  datasourceUid?: string | undefined;
  url?: string | undefined;
  urlDisplayLabel?: string | undefined;
}

export interface TraceAction {
  label: string;
  href: string;
  external: boolean;
}

// OTLP metrics name them trace_id and span_id, older Jaeger clients and Tempo's
// generator traceID and spanID.
const TRACE_KEYS = ['trace_id', 'traceID', 'traceId'];
const SPAN_KEYS = ['span_id', 'spanID', 'spanId'];

function firstOf(labels: Labels, keys: readonly string[]): string | null {
  for (const key of keys) {
    const value = labels[key];
    if (value) return value.replace(/^"|"$/g, '');
  }
  return null;
}

export function flattenExemplars(series: readonly ExemplarSeries[]): ExemplarPoint[] {
  const points: ExemplarPoint[] = [];
  const seen = new Set<string>();
  for (const { seriesLabels, exemplars } of series) {
    for (const exemplar of exemplars) {
      const point: ExemplarPoint = {
        timeMs: Math.round(exemplar.timestamp * 1000),
        value: Number(exemplar.value),
        seriesLabels,
        labels: exemplar.labels,
        traceId: firstOf(exemplar.labels, TRACE_KEYS),
        spanId: firstOf(exemplar.labels, SPAN_KEYS),
      };
      const key = [point.timeMs, point.value, point.traceId ?? JSON.stringify(point.labels), point.spanId].join(' ');
      if (!Number.isFinite(point.value) || seen.has(key)) continue;
      seen.add(key);
      points.push(point);
    }
  }
  return points.sort((a, b) => a.timeMs - b.timeMs || a.value - b.value);
}

// What a reader needs to see: a trace id answered under several names, for the
// sake of data sources, stands there once.
export function shownLabels(labels: Labels): Labels {
  const shown: Record<string, string> = {};
  for (const [key, value] of Object.entries(labels)) {
    const said = TRACE_KEYS.slice(0, Math.max(0, TRACE_KEYS.indexOf(key))).some((earlier) => labels[earlier] === value);
    if (!said) shown[key] = value;
  }
  return shown;
}

// Per step the largest value, and further ones only at least two standard
// deviations apart from the last one kept. Keeps time order.
export function thinExemplars(points: readonly ExemplarPoint[], stepMs: number): ExemplarPoint[] {
  const buckets = new Map<number, ExemplarPoint[]>();
  for (const point of points) {
    const bucket = Math.floor(point.timeMs / stepMs);
    const list = buckets.get(bucket);
    if (list) list.push(point);
    else buckets.set(bucket, [point]);
  }
  const apart = 2 * standardDeviation(points.map((point) => point.value));
  const kept: ExemplarPoint[] = [];
  for (const bucket of buckets.values()) {
    bucket.sort((a, b) => b.value - a.value || b.timeMs - a.timeMs);
    let last: number | null = null;
    for (const point of bucket) {
      if (last !== null && (apart === 0 || last - point.value < apart)) continue;
      kept.push(point);
      last = point.value;
    }
  }
  return kept.sort((a, b) => a.timeMs - b.timeMs || a.value - b.value);
}

function standardDeviation(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const square = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  return Math.sqrt(square);
}

export interface ValueRange {
  min: number;
  max: number;
}

// How far above the series an exemplar may lie and still stretch the axis: at
// 2 the lines keep at least half of the height.
const STRETCH_MAX = 2;

// The axis that shows the series and every exemplar that is near them. The
// others (durations on a chart of counts) go to a strip above the plot.
export function axisRange(series: ValueRange | null, exemplarValues: readonly number[]): ValueRange | null {
  if (series === null) {
    if (exemplarValues.length === 0) return null;
    return { min: Math.min(...exemplarValues), max: Math.max(...exemplarValues) };
  }
  const floor = Math.min(series.min, 0);
  const limit = floor + (series.max - floor) * STRETCH_MAX;
  let { min, max } = series;
  for (const value of exemplarValues) {
    if (value > max && value <= limit) max = value;
    if (value < min && value >= floor) min = value;
  }
  return { min, max };
}

// What an exemplar's value counts, read from the metric's name, where OpenMetrics
// puts the unit. The collector's span metrics count calls, yet a call's exemplar
// holds its duration in milliseconds; Tempo's generator uses seconds.
export function exemplarUnit(seriesLabels: Labels): string | null {
  const name = (seriesLabels['__name__'] ?? '').replace(/_(bucket|count|sum|total)$/, '');
  if (name.endsWith('_milliseconds') || name === 'traces_span_metrics_calls') return 'ms';
  if (name.endsWith('_seconds') || name.startsWith('traces_spanmetrics_')) return 's';
  if (name.endsWith('_bytes')) return 'bytes';
  return null;
}

const SECONDS_IN: Readonly<Record<string, number>> = { ns: 1e-9, µs: 1e-6, us: 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600 };
const UNSPECIFIC = ['', 'none', 'short', 'locale'];

// The exemplar's value in the axis' unit, or null when the axis measures
// something else: a count, a rate, a share.
export function axisValue(point: ExemplarPoint, axisUnit: string): number | null {
  const unit = exemplarUnit(point.seriesLabels);
  if ((point.seriesLabels['__name__'] ?? '').endsWith('_total')) return null;
  if (unit === null || unit === axisUnit || UNSPECIFIC.includes(axisUnit)) return point.value;
  const from = SECONDS_IN[unit];
  const to = SECONDS_IN[axisUnit];
  if (from === undefined && to === undefined) return point.value;
  return from === undefined || to === undefined ? null : (point.value * from) / to;
}

export type DotPlace = 'axis' | 'strip';

export function dotPlace(value: number | null, axis: ValueRange): DotPlace {
  return value !== null && value >= axis.min && value <= axis.max ? 'axis' : 'strip';
}

function sameTraceKey(destination: string, label: string): boolean {
  return destination === label || (TRACE_KEYS.includes(destination) && TRACE_KEYS.includes(label));
}

export function traceHref(traceId: string, spanId: string | null, tempoUid: string | null): string {
  const query = new URLSearchParams();
  if (spanId) query.set('span', spanId);
  if (tempoUid) query.set('ds', tempoUid);
  const tail = query.toString();
  return `/trace/${encodeURIComponent(traceId)}${tail ? `?${tail}` : ''}`;
}

// What a dot can open: every destination whose name is a label of the exemplar.
// Without a destination that leads to a trace here, a trace id still opens in
// the default trace source.
export function traceActions(
  point: ExemplarPoint,
  destinations: readonly TraceDestination[],
  defaultTempoUid: string | null,
): TraceAction[] {
  const actions = new Map<string, TraceAction>();
  const all: Labels = { ...point.seriesLabels, ...point.labels };
  for (const destination of destinations) {
    const label = Object.keys(all).find((key) => sameTraceKey(destination.name, key) && all[key]);
    const value = label === undefined ? undefined : all[label];
    if (value === undefined) continue;
    if (destination.datasourceUid) {
      const href = traceHref(value, point.spanId, destination.datasourceUid);
      actions.set(href, { label: destination.urlDisplayLabel || 'View trace', href, external: false });
    } else if (destination.url) {
      const href = destination.url
        .replace(/\$\{__value\.raw\}/g, encodeURIComponent(value))
        .replace(/\$\{__value\.text\}/g, encodeURIComponent(value));
      if (/^(https?:)?\//i.test(href)) {
        actions.set(href, { label: destination.urlDisplayLabel || new URL(href, 'http://here').host, href, external: true });
      }
    }
  }
  const list = [...actions.values()].sort((a, b) => Number(a.external) - Number(b.external));
  if (point.traceId && !list.some((action) => !action.external)) {
    list.unshift({ label: 'View trace', href: traceHref(point.traceId, point.spanId, defaultTempoUid), external: false });
  }
  return list;
}
