// The Tempo HTTP API of one data source, through the server's proxy.
import { asArray, asNumber, asObject, asString } from '../shared/json';
import { decodeTrace, type Trace } from '../trace/decode';
import { fetchJson } from './http';

export interface FoundTrace {
  traceId: string;
  service: string;
  name: string;
  startMs: number;
  durationMs: number;
  spans: number;
  errors: number;
  matched: number;
  firstSpanId: string | null; // the first span that matched
}

export interface Search {
  query: string;
  limit: number;
  fromMs?: number | undefined;
  toMs?: number | undefined;
}

function base(uid: string): string {
  return `/api/datasources/proxy/uid/${encodeURIComponent(uid)}`;
}

// null when the store does not hold the trace.
export async function getTrace(uid: string, traceId: string, signal: AbortSignal): Promise<Trace | null> {
  return decodeTrace(await fetchJson(`${base(uid)}/api/v2/traces/${encodeURIComponent(traceId)}`, { signal }));
}

export function decodeSearch(body: unknown): FoundTrace[] {
  return asArray(asObject(body)['traces']).map((value) => {
    const trace = asObject(value);
    const sets = asArray(trace['spanSets']).map(asObject);
    const first = asObject(asArray(sets[0]?.['spans'])[0]);
    let spans = 0;
    let errors = 0;
    for (const stats of Object.values(asObject(trace['serviceStats']))) {
      spans += asNumber(asObject(stats)['spanCount'], 0);
      errors += asNumber(asObject(stats)['errorCount'], 0);
    }
    return {
      traceId: asString(trace['traceID']).padStart(32, '0'),
      service: asString(trace['rootServiceName']),
      name: asString(trace['rootTraceName']) || '(no name)',
      startMs: asNumber(trace['startTimeUnixNano'], 0) / 1e6,
      durationMs: asNumber(trace['durationMs'], 0),
      spans,
      errors,
      matched: sets.reduce((sum, set) => sum + asNumber(set['matched'], 0), 0),
      firstSpanId: asString(first['spanID']) || null,
    };
  });
}

export async function searchTraces(uid: string, search: Search, signal: AbortSignal): Promise<FoundTrace[]> {
  const query = new URLSearchParams({ q: search.query, limit: String(search.limit) });
  if (search.fromMs !== undefined && search.toMs !== undefined) {
    query.set('start', String(Math.floor(search.fromMs / 1000)));
    query.set('end', String(Math.ceil(search.toMs / 1000)));
  }
  return decodeSearch(await fetchJson(`${base(uid)}/api/search?${query.toString()}`, { signal }));
}
