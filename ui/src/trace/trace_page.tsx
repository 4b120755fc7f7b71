// /trace/{id}?span=&ds=: the waterfall of one trace and the details of one span.
import { useCallback, useEffect, useMemo, type ReactNode } from 'react';
import { getTrace } from '../api/tempo';
import { CopyButton } from '../shared/copy_button';
import { findSource, useDataSources } from '../shared/data_sources';
import { Link, setQuery, useLocation } from '../shared/location';
import { Notice, Skeleton } from '../shared/notice';
import { seriesColour, useTheme } from '../shared/theme';
import { formatTime } from '../shared/time_range';
import { formatNanos } from '../shared/units';
import { useRequest, useTicker } from '../shared/use_request';
import type { Trace } from './decode';
import { buildTree, servicesOf, type ServiceShare } from './layout';
import { SpanDetails } from './span_details';
import './trace.css';
import { Waterfall } from './waterfall';

// A trace, or the wanted span of it, may still be on its way when someone
// follows a fresh dot.
const RETRY_MS = 2000;
const RETRIES_MAX = 5;

export function TracePage({ traceId }: { traceId: string }): ReactNode {
  const { query } = useLocation();
  const { sources, ready, error: sourcesError } = useDataSources();
  const wanted = query.get('ds') ?? '';
  const source = findSource(sources, wanted, 'tempo') ?? (ready ? findSource(sources, '', 'tempo') : undefined);
  const valid = /^[0-9a-fA-F]{1,32}$/.test(traceId);
  const key = valid && source ? JSON.stringify([source.uid, traceId]) : null;
  const ticker = useTicker(key ? RETRY_MS : 0);
  const first = useRequest(key, 0, (signal) => getTrace(source?.uid ?? '', traceId, signal));
  const spanId = query.get('span');
  const missing = !first.loading && (first.data === null || (first.data !== undefined && spanId !== null && !holds(first.data, spanId)));
  const retry = useRequest(missing && ticker > 0 ? key : null, Math.min(ticker, RETRIES_MAX), (signal) => getTrace(source?.uid ?? '', traceId, signal));
  const trace = retry.data ?? first.data;

  useEffect(() => {
    document.title = trace ? `${trace.spans[0]?.name ?? 'Trace'} · Sightline` : 'Trace · Sightline';
  }, [trace]);

  if (trace) return <OpenTrace key={trace.traceId} trace={trace} spanId={spanId} />;
  const fault = sourcesError ?? first.error;
  return (
    <main className="page">
      <h1>Trace</h1>
      <p className="mono break">{traceId}</p>
      {!valid ? (
        <Notice kind="error" title="This is not a trace id">
          A trace id is 1 to 32 hexadecimal digits. Check the end of the address.
        </Notice>
      ) : ready && !source ? (
        <Notice kind="error" title="There is no trace data source">
          Add one of type tempo to the provisioning folder under datasources/.
        </Notice>
      ) : fault ? (
        <Notice kind="error" title="The trace cannot be read">
          {fault.message}
        </Notice>
      ) : first.data === null && !first.loading ? (
        <NotFound waiting={ticker < RETRIES_MAX} sourceName={source?.name ?? ''} />
      ) : (
        <Skeleton lines={8} />
      )}
    </main>
  );
}

function holds(trace: Trace, spanId: string): boolean {
  const wanted = spanId.toLowerCase().padStart(16, '0');
  return trace.spans.some((span) => span.spanId === wanted);
}

function NotFound({ waiting, sourceName }: { waiting: boolean; sourceName: string }): ReactNode {
  return (
    <Notice kind="empty" title={waiting ? 'Not here yet; looking again…' : `${sourceName} does not hold this trace`}>
      <ul>
        <li>Its spans may still be on their way: exporters send every few seconds.</li>
        <li>It may be older than the retention of the trace store.</li>
        <li>It may have been dropped by sampling before it came here, or belong to another system.</li>
      </ul>
      <p>
        <Link href="/explore?tab=traces">Search the traces that are here</Link>
      </p>
    </Notice>
  );
}

function OpenTrace({ trace, spanId }: { trace: Trace; spanId: string | null }): ReactNode {
  const theme = useTheme();
  const tree = useMemo(() => buildTree(trace.spans), [trace]);
  const services = useMemo(() => servicesOf(trace.spans), [trace]);
  const colourOf = useMemo(() => {
    const colours = new Map(services.map(({ service, colour }) => [service, seriesColour(colour, theme)]));
    return (service: string): string => colours.get(service) ?? '#888888';
  }, [services, theme]);
  const root = tree.roots[0];
  const wanted = spanId?.toLowerCase().padStart(16, '0');
  const selected = (wanted ? tree.byId.get(wanted) : undefined) ?? root;
  const select = useCallback((id: string) => setQuery({ span: id }, true), []);
  if (!root || !selected) return null;
  return (
    <main className="trace-page">
      <TraceHeader trace={trace} services={services} colourOf={colourOf} />
      {wanted && !tree.byId.has(wanted) && (
        <p className="panel-stale" role="status">
          The span {wanted} is not in this trace (yet); the root span is selected instead.
        </p>
      )}
      <div className="trace-split">
        <Waterfall trace={trace} tree={tree} selected={selected} colourOf={colourOf} onSelect={select} />
        <SpanDetails node={selected} trace={trace} colour={colourOf(selected.span.resource.service)} onSelect={select} />
      </div>
    </main>
  );
}

function TraceHeader({ trace, services, colourOf }: { trace: Trace; services: ServiceShare[]; colourOf: (service: string) => string }): ReactNode {
  const root = trace.spans.find((span) => span.parentSpanId === '') ?? trace.spans[0];
  const errors = trace.spans.filter((span) => span.statusCode === 'error').length;
  return (
    <header className="trace-head">
      <div className="trace-title">
        <h1>
          {root?.name} <span>{root?.resource.service}</span>
        </h1>
        <p className="trace-id">
          <code>{trace.traceId}</code>
          <CopyButton text={trace.traceId} what="trace id" />
        </p>
      </div>
      <dl className="facts">
        <div>
          <dt>Duration</dt>
          <dd>{formatNanos(trace.durationNs)}</dd>
        </div>
        <div>
          <dt>Spans</dt>
          <dd>{trace.spans.length}</dd>
        </div>
        <div className={errors > 0 ? 'fact-error' : undefined}>
          <dt>Errors</dt>
          <dd>{errors}</dd>
        </div>
        <div>
          <dt>Start</dt>
          <dd>{formatTime(Number(trace.startUnixNs / 1_000_000n), undefined, true)}</dd>
        </div>
      </dl>
      <ul className="services" aria-label="Services">
        {services.map(({ service, spans }) => (
          <li key={service}>
            <i style={{ background: colourOf(service) }} />
            {service} <small>{spans}</small>
          </li>
        ))}
      </ul>
    </header>
  );
}
