// /explore: a PromQL question as a chart with exemplars, or a TraceQL search.
// Everything asked is in the URL.
import { useEffect, useMemo, useState, type FormEvent, type KeyboardEvent, type ReactNode } from 'react';
import type { DataSource, DataSourceType } from '../api/sightline';
import { defaultOf } from '../api/sightline';
import { searchTraces } from '../api/tempo';
import { parseDashboard } from '../dashboard/model';
import { runPanel } from '../dashboard/run_targets';
import { rangeBuiltIns } from '../dashboard/run_targets';
import { TimeseriesPanel } from '../dashboard/timeseries_panel';
import { findSource, useDataSources } from '../shared/data_sources';
import { traceHref } from '../shared/exemplars';
import { navigate, setQuery, useLocation } from '../shared/location';
import { Notice, Skeleton } from '../shared/notice';
import { TimePicker, refreshMs } from '../shared/time_picker';
import { resolveRange, type TimeRange } from '../shared/time_range';
import { TraceTable } from '../shared/trace_table';
import { useRequest, useTicker } from '../shared/use_request';
import '../dashboard/dashboard.css';
import './explore.css';

const DEFAULT_FROM = 'now-30m';
const LIMITS = ['20', '50', '100', '500'];

export function ExplorePage(): ReactNode {
  const { query } = useLocation();
  const tab = query.get('tab') === 'traces' ? 'traces' : 'metrics';
  const raw = { from: query.get('from') ?? DEFAULT_FROM, to: query.get('to') ?? 'now' };
  const refresh = query.get('refresh') ?? '';
  const timer = useTicker(refreshMs(refresh === 'off' ? '' : refresh));
  const [asked, setAsked] = useState(0);
  const tick = timer + asked;
  const range = useMemo(() => resolveRange(raw, Date.now()), [raw.from, raw.to, tick]);
  const rangeKey = `${raw.from} ${raw.to}`;
  useEffect(() => {
    document.title = 'Explore · Sightline';
  }, []);
  return (
    <main className="page page-wide">
      <header className="page-head">
        <div className="tabs" role="group" aria-label="What to explore">
          {(['metrics', 'traces'] as const).map((each) => (
            <button key={each} type="button" aria-pressed={tab === each} onClick={() => setQuery({ tab: each, ds: null })}>
              {each === 'metrics' ? 'Metrics' : 'Traces'}
            </button>
          ))}
        </div>
        <TimePicker raw={raw} range={range} refresh={refresh === 'off' ? '' : refresh} onRefresh={() => setAsked((count) => count + 1)} />
      </header>
      {tab === 'metrics' ? <Metrics range={range} rangeKey={rangeKey} tick={tick} /> : <Traces range={range} rangeKey={rangeKey} tick={tick} />}
    </main>
  );
}

interface QueryFormProps {
  label: string;
  value: string;
  placeholder: string;
  type: DataSourceType;
  onRun: (text: string) => void;
  children?: ReactNode;
}

// Enter runs, Shift+Enter makes a new line.
function QueryForm({ label, value, placeholder, type, onRun, children }: QueryFormProps): ReactNode {
  const { query } = useLocation();
  const { sources } = useDataSources();
  const ofType = sources.filter((source) => source.type === type);
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  const run = (event: FormEvent | KeyboardEvent): void => {
    event.preventDefault();
    onRun(text.trim());
  };
  return (
    <form className="card query-form" onSubmit={run}>
      <label>
        <span>{label}</span>
        <textarea
          value={text}
          rows={Math.min(8, Math.max(2, text.split('\n').length))}
          placeholder={placeholder}
          spellCheck={false}
          autoCapitalize="off"
          autoCorrect="off"
          onChange={(event) => setText(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === 'Enter' && !event.shiftKey) run(event);
          }}
        />
      </label>
      <div className="query-actions">
        <button type="submit" className="button button-primary">
          Run
        </button>
        {ofType.length > 1 && (
          <select className="select" aria-label="Data source" value={query.get('ds') ?? defaultOf(sources, type)?.uid} onChange={(event) => setQuery({ ds: event.target.value })}>
            {ofType.map((source) => (
              <option key={source.uid} value={source.uid}>
                {source.name}
              </option>
            ))}
          </select>
        )}
        {children}
      </div>
    </form>
  );
}

function sourceOf(sources: readonly DataSource[], uid: string | null, type: DataSourceType): DataSource | undefined {
  return findSource(sources, uid ?? '', type) ?? findSource(sources, '', type);
}

// An ad hoc panel, so that a question here is asked as a dashboard asks it.
function panelFor(expr: string) {
  const [panel] = parseDashboard({
    panels: [{ id: 1, type: 'timeseries', title: expr, targets: [{ refId: 'A', expr, exemplar: true }] }],
  }).panels;
  return panel;
}

interface TabProps {
  range: TimeRange;
  rangeKey: string;
  tick: number;
}

function Metrics({ range, rangeKey, tick }: TabProps): ReactNode {
  const { query } = useLocation();
  const { sources, ready } = useDataSources();
  const expr = query.get('expr') ?? '';
  const source = sourceOf(sources, query.get('ds'), 'prometheus');
  const panel = useMemo(() => panelFor(expr), [expr]);
  const key = expr !== '' && source ? JSON.stringify([source.uid, expr, rangeKey]) : null;
  const { data, error, loading } = useRequest(key, tick, (signal) => {
    if (!panel) throw new Error('There is no query.');
    const asked = { ...panel, datasource: { uid: source?.uid ?? '', type: 'prometheus' } };
    return runPanel({ panel: asked, sources, scope: rangeBuiltIns(range), range, widthPx: Math.min(1400, window.innerWidth - 60) }, signal);
  });
  const empty = data?.results.every((result) => result.series.length === 0 && result.exemplars.length === 0) ?? false;
  return (
    <>
      <QueryForm label="PromQL" value={expr} placeholder='sum by (span_name) (rate(traces_span_metrics_calls_total[$__rate_interval]))' type="prometheus" onRun={(text) => setQuery({ expr: text })} />
      {ready && !source && <Notice kind="error" title="There is no Prometheus data source">Add one to the provisioning folder under datasources/.</Notice>}
      {expr === '' && (
        <Notice kind="empty" title="Ask for a metric">
          Try <button type="button" className="link-button" onClick={() => setQuery({ expr: 'sum by (span_name) (traces_span_metrics_calls_total)' })}>sum by (span_name) (traces_span_metrics_calls_total)</button>
        </Notice>
      )}
      {error && <Notice kind="error" title="The query failed">{error.message}</Notice>}
      {!error && data && empty && <Notice kind="empty" title="No data in this range">Choose a longer time range, or check the metric's name.</Notice>}
      {!error && data && !empty && panel && (
        <section className="panel explore-chart" data-testid="panel" data-panel-title={expr} aria-busy={loading}>
          {loading && <div className="panel-loading" />}
          {data.exemplarError && <p className="panel-stale">No exemplars: {data.exemplarError}</p>}
          {data.notices.length > 0 && <p className="panel-stale">{data.notices.join(' ')}</p>}
          <div className="panel-body">
            <TimeseriesPanel
              panel={panel}
              title={expr}
              result={data}
              range={range}
              timeZone={undefined}
              syncKey={undefined}
              defaultTempoUid={defaultOf(sources, 'tempo')?.uid ?? null}
              onZoom={(to) => setQuery({ from: String(to.fromMs), to: String(to.toMs) })}
            />
          </div>
        </section>
      )}
      {key !== null && !data && !error && <Skeleton lines={6} />}
    </>
  );
}

function Traces({ range, rangeKey, tick }: TabProps): ReactNode {
  const { query } = useLocation();
  const { sources, ready } = useDataSources();
  const text = query.get('q') ?? '{}';
  const limit = LIMITS.find((each) => each === query.get('limit')) ?? '20';
  const source = sourceOf(sources, query.get('ds'), 'tempo');
  const key = source ? JSON.stringify([source.uid, text, limit, rangeKey]) : null;
  const { data, error, loading } = useRequest(key, tick, (signal) =>
    searchTraces(source?.uid ?? '', { query: text, limit: Number(limit), fromMs: range.fromMs, toMs: range.toMs }, signal),
  );
  const run = (asked: string): void => {
    if (/^[0-9a-fA-F]{16,32}$/.test(asked)) navigate(traceHref(asked, null, source?.uid ?? null));
    else setQuery({ q: asked || '{}' });
  };
  return (
    <>
      <QueryForm label="TraceQL or a trace id" value={text} placeholder='{ span.http.status_code >= 500 && duration > 100ms }' type="tempo" onRun={run}>
        <label className="query-limit">
          Limit
          <select className="select" value={limit} onChange={(event) => setQuery({ limit: event.target.value })}>
            {LIMITS.map((each) => (
              <option key={each}>{each}</option>
            ))}
          </select>
        </label>
      </QueryForm>
      {ready && !source && <Notice kind="error" title="There is no trace data source">Add one of type tempo to the provisioning folder under datasources/.</Notice>}
      {error && <Notice kind="error" title="The search failed">{error.message}</Notice>}
      {!error && data && (
        <section className="card" aria-busy={loading}>
          <header className="card-head">
            <h2>{data.length === 1 ? '1 trace' : `${data.length} traces`}</h2>
          </header>
          {data.length > 0 ? (
            <TraceTable traces={data} tempoUid={source?.uid ?? null} />
          ) : (
            <Notice kind="empty" title="No trace matches in this range">
              Choose a longer time range, or start from <code>{'{}'}</code>, which matches every trace.
            </Notice>
          )}
        </section>
      )}
      {key !== null && !data && !error && <Skeleton lines={6} />}
    </>
  );
}
