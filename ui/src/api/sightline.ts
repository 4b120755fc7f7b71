// Sightline's own routes: what runs, which data sources and dashboards there are.
import { asArray, asObject, asString } from '../shared/json';
import type { TraceDestination } from '../shared/exemplars';
import { fetchJson } from './http';

export type DataSourceType = 'prometheus' | 'tempo';

export interface DataSource {
  uid: string;
  name: string;
  type: DataSourceType;
  isDefault: boolean;
  timeInterval: string | undefined;
  traceDestinations: TraceDestination[];
}

export interface DashboardLink {
  uid: string;
  title: string;
  tags: string[];
  folder: string;
}

export interface Listener {
  name: string;
  address: string;
  role: string;
}

export interface ServiceReceived {
  name: string;
  spans_total: number;
  last_seen: string | null;
}

// /api/self/status, as the server sends it.
export interface Status {
  version: string;
  started_at: string;
  uptime_seconds: number;
  data_dir: string;
  roles: string[];
  listeners: Listener[];
  received: {
    spans_total: number;
    spans_per_second: number;
    rejected_spans_total: number;
    requests_total: number;
    last_span_at: string | null;
    services: ServiceReceived[];
  };
  stored: {
    series: number;
    samples_total: number;
    exemplars: number;
    live_traces: number;
    trace_blocks: number;
    spans: number;
    bytes_on_disk: number;
  };
}

const EMPTY_STATUS: Status = {
  version: '',
  started_at: '',
  uptime_seconds: 0,
  data_dir: '',
  roles: [],
  listeners: [],
  received: { spans_total: 0, spans_per_second: 0, rejected_spans_total: 0, requests_total: 0, last_span_at: null, services: [] },
  stored: { series: 0, samples_total: 0, exemplars: 0, live_traces: 0, trace_blocks: 0, spans: 0, bytes_on_disk: 0 },
};

// A role that does not run here has nothing to say: its numbers are zero.
export async function getStatus(signal: AbortSignal): Promise<Status> {
  const body = (await fetchJson('/api/self/status', { signal })) as Partial<Status> | null;
  return {
    ...EMPTY_STATUS,
    ...body,
    roles: body?.roles ?? [],
    listeners: body?.listeners ?? [],
    received: { ...EMPTY_STATUS.received, ...body?.received, services: body?.received?.services ?? [] },
    stored: { ...EMPTY_STATUS.stored, ...body?.stored },
  };
}

function decodeDestination(value: unknown): TraceDestination {
  const entry = asObject(value);
  return {
    name: asString(entry['name']),
    datasourceUid: asString(entry['datasourceUid']) || undefined,
    url: asString(entry['url']) || undefined,
    urlDisplayLabel: asString(entry['urlDisplayLabel']) || undefined,
  };
}

export function decodeDataSources(body: unknown): DataSource[] {
  const list: DataSource[] = [];
  for (const value of asArray(body)) {
    const entry = asObject(value);
    const type = asString(entry['type']);
    if (type !== 'prometheus' && type !== 'tempo') continue;
    const jsonData = asObject(entry['jsonData']);
    list.push({
      uid: asString(entry['uid']),
      name: asString(entry['name']),
      type,
      isDefault: entry['isDefault'] === true,
      timeInterval: asString(jsonData['timeInterval']) || undefined,
      traceDestinations: asArray(jsonData['exemplarTraceIdDestinations']).map(decodeDestination),
    });
  }
  return list;
}

export async function getDataSources(signal: AbortSignal): Promise<DataSource[]> {
  return decodeDataSources(await fetchJson('/api/ui/datasources', { signal }));
}

export async function getDashboards(signal: AbortSignal): Promise<DashboardLink[]> {
  return asArray(await fetchJson('/api/ui/dashboards', { signal })).map((value) => {
    const entry = asObject(value);
    return {
      uid: asString(entry['uid']),
      title: asString(entry['title']) || asString(entry['uid']),
      tags: asArray(entry['tags']).map((tag) => asString(tag)),
      folder: asString(entry['folder']),
    };
  });
}

export async function getDashboardJson(uid: string, signal: AbortSignal): Promise<unknown> {
  const body = asObject(await fetchJson(`/api/ui/dashboards/${encodeURIComponent(uid)}`, { signal }));
  return body['dashboard'];
}

// The default of a type: the one marked so, else the first.
export function defaultOf(sources: readonly DataSource[], type: DataSourceType): DataSource | undefined {
  const ofType = sources.filter((source) => source.type === type);
  return ofType.find((source) => source.isDefault) ?? ofType[0];
}

export function dashboardHref(link: { uid: string; title: string }): string {
  const slug = link.title.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '');
  return `/d/${encodeURIComponent(link.uid)}/${slug || 'dashboard'}`;
}
