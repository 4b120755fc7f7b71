// The Prometheus HTTP API of one data source, through the server's proxy.
import type { Labels } from '../shared/legend';
import type { ExemplarSeries } from '../shared/exemplars';
import { asArray, asObject, asString } from '../shared/json';
import { ApiError, fetchJson, postForm } from './http';

export type Sample = readonly [timeSeconds: number, value: string];

export interface Series {
  labels: Labels;
  samples: Sample[];
}

export interface QueryAnswer {
  series: Series[];
  notices: string[]; // the warnings and infos of the server
}

export interface QueryTimes {
  fromMs: number;
  toMs: number;
}

function base(uid: string): string {
  return `/api/datasources/proxy/uid/${encodeURIComponent(uid)}/api/v1`;
}

function seconds(ms: number): string {
  return String(ms / 1000);
}

function unwrap(body: unknown): { data: unknown; notices: string[] } {
  const envelope = asObject(body);
  if (envelope['status'] !== 'success') throw new ApiError(asString(envelope['error'], 'The answer has no status.'), 200);
  const notices = [...asArray(envelope['warnings']), ...asArray(envelope['infos'])].map((text) => asString(text));
  return { data: envelope['data'], notices };
}

// Matrix, vector and scalar all become series. The elements of a result are as
// the API promises them; they are not checked one by one.
export function decodeQuery(body: unknown): QueryAnswer {
  const { data, notices } = unwrap(body);
  const { resultType, result } = asObject(data);
  if (resultType === 'scalar' || resultType === 'string') {
    return { series: [{ labels: {}, samples: [result as Sample] }], notices };
  }
  const series: Series[] = [];
  let histograms = 0;
  for (const value of asArray(result)) {
    const entry = value as { metric?: Labels; value?: Sample; values?: Sample[]; histogram?: unknown; histograms?: unknown };
    const samples = entry.values ?? (entry.value ? [entry.value] : []);
    if (samples.length === 0 && (entry.histogram ?? entry.histograms) !== undefined) histograms += 1;
    else series.push({ labels: entry.metric ?? {}, samples });
  }
  if (histograms > 0) notices.push(`${histograms} native histogram series cannot be drawn as lines; use histogram_quantile().`);
  return { series, notices };
}

export async function queryRange(uid: string, expr: string, times: QueryTimes, stepMs: number, signal: AbortSignal): Promise<QueryAnswer> {
  const form = { query: expr, start: seconds(times.fromMs), end: seconds(times.toMs), step: seconds(stepMs) };
  return decodeQuery(await postForm(`${base(uid)}/query_range`, form, signal));
}

export async function queryInstant(uid: string, expr: string, timeMs: number, signal: AbortSignal): Promise<QueryAnswer> {
  return decodeQuery(await postForm(`${base(uid)}/query`, { query: expr, time: seconds(timeMs) }, signal));
}

export async function queryExemplars(uid: string, expr: string, times: QueryTimes, signal: AbortSignal): Promise<ExemplarSeries[]> {
  const form = { query: expr, start: seconds(times.fromMs), end: seconds(times.toMs) };
  const { data } = unwrap(await postForm(`${base(uid)}/query_exemplars`, form, signal));
  return asArray(data) as readonly ExemplarSeries[] as ExemplarSeries[];
}

export async function labelNames(uid: string, match: string, times: QueryTimes, signal: AbortSignal): Promise<string[]> {
  return strings(unwrap(await fetchJson(`${base(uid)}/labels?${matchParams(match, times)}`, { signal })).data);
}

export async function labelValues(uid: string, label: string, match: string, times: QueryTimes, signal: AbortSignal): Promise<string[]> {
  const path = `${base(uid)}/label/${encodeURIComponent(label)}/values?${matchParams(match, times)}`;
  return strings(unwrap(await fetchJson(path, { signal })).data);
}

export async function seriesOf(uid: string, match: string, times: QueryTimes, signal: AbortSignal): Promise<Labels[]> {
  const body = await fetchJson(`${base(uid)}/series?${matchParams(match, times)}`, { signal });
  return asArray(unwrap(body).data) as readonly Labels[] as Labels[];
}

function strings(data: unknown): string[] {
  return asArray(data).map((text) => asString(text));
}

function matchParams(match: string, times: QueryTimes): string {
  const query = new URLSearchParams({ start: seconds(times.fromMs), end: seconds(times.toMs) });
  if (match !== '') query.append('match[]', match);
  return query.toString();
}
