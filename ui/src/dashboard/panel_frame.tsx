// One panel: asks for its data when it comes into view, and shows what it got,
// or says what is missing and what to do.
import { useEffect, useRef, useState, type ReactNode } from 'react';
import type { DataSource } from '../api/sightline';
import { defaultOf } from '../api/sightline';
import { asString } from '../shared/json';
import { Notice } from '../shared/notice';
import type { TimeRange } from '../shared/time_range';
import { useRequest } from '../shared/use_request';
import { interpolate, type Scope } from './interpolate';
import { Markdown, plainText } from './markdown';
import type { Panel } from './model';
import { rangeBuiltIns, runPanel, type PanelResult } from './run_targets';
import { TablePanel } from './table_panel';
import { TimeseriesPanel } from './timeseries_panel';
import { BarGaugePanel, StatPanel } from './value_panels';

const QUERYING = new Set(['timeseries', 'stat', 'table', 'gauge', 'bargauge']);

interface Props {
  panel: Panel;
  sources: readonly DataSource[];
  scope: Scope;
  range: TimeRange;
  rangeKey: string; // the range as asked for: "now-1h" stays the same while it moves
  tick: number;
  timeZone: string | undefined;
  syncKey: string | undefined;
  onZoom: (range: TimeRange) => void;
}

export function PanelFrame(props: Props): ReactNode {
  const { panel, scope, range, rangeKey, tick } = props;
  const frame = useRef<HTMLElement>(null);
  const [seen, setSeen] = useState(false);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const element = frame.current;
    if (!element) return undefined;
    const observer = new IntersectionObserver((entries) => setSeen(entries.some((entry) => entry.isIntersecting)), { rootMargin: '300px' });
    observer.observe(element);
    setWidth(element.clientWidth);
    return () => observer.disconnect();
  }, []);

  const full: Scope = new Map([...rangeBuiltIns(range), ...scope]);
  const title = interpolate(panel.title, full, 'text');
  const asks = QUERYING.has(panel.type);
  const key = asks && seen && width > 0 ? JSON.stringify([rangeKey, [...scope], panel.id, width]) : null;
  const { data, error, loading } = useRequest(key, tick, (signal) =>
    runPanel({ panel, sources: props.sources, scope: full, range, widthPx: width }, signal),
  );

  return (
    <section ref={frame} className={panel.transparent ? 'panel panel-bare' : 'panel'} data-testid="panel" data-panel-title={title} aria-label={title || panel.type} aria-busy={asks && loading}>
      {title !== '' && (
        <header className="panel-head">
          <h3>{title}</h3>
          {panel.description !== '' && (
            <span className="panel-info" title={interpolate(panel.description, full, 'text')} role="note" tabIndex={0} aria-label={interpolate(panel.description, full, 'text')}>
              i
            </span>
          )}
          {data && <PanelNotices result={data} />}
        </header>
      )}
      {asks && loading && <div className="panel-loading" />}
      <div className="panel-body">
        <Body {...props} title={title} full={full} data={data} error={error} />
      </div>
    </section>
  );
}

function PanelNotices({ result }: { result: PanelResult }): ReactNode {
  const notices = result.exemplarError ? [...result.notices, `No exemplars: ${result.exemplarError}`] : result.notices;
  if (notices.length === 0) return null;
  const text = [...new Set(notices)].join('\n');
  return (
    <span className="panel-warning" title={text} role="note" tabIndex={0} aria-label={text}>
      !
    </span>
  );
}

interface BodyProps extends Props {
  title: string;
  full: Scope;
  data: PanelResult | undefined;
  error: Error | undefined;
}

function Body({ panel, title, full, data, error, range, timeZone, syncKey, sources, onZoom }: BodyProps): ReactNode {
  if (panel.type === 'text') {
    const content = interpolate(asString(panel.options['content']), full, 'text');
    const html = asString(panel.options['mode']) === 'html';
    return <Markdown text={html ? plainText(content) : content} />;
  }
  if (!QUERYING.has(panel.type)) {
    return (
      <Notice kind="empty" title={`Panel type “${panel.type}” is not drawn here yet`}>
        Its queries still work in <a href="/explore">Explore</a>.
      </Notice>
    );
  }
  if (error && !data) {
    return (
      <Notice kind="error" title="This panel's query failed">
        {error.message}
      </Notice>
    );
  }
  if (!data) return null;
  const stale = error ? (
    <p className="panel-stale" role="status">
      Could not refresh: {error.message}
    </p>
  ) : null;
  if (isEmpty(data)) {
    return (
      <>
        {stale}
        <EmptyPanel data={data} />
      </>
    );
  }
  const defaultTempoUid = defaultOf(sources, 'tempo')?.uid ?? null;
  return (
    <>
      {stale}
      {panel.type === 'timeseries' && (
        <TimeseriesPanel panel={panel} title={title} result={data} range={range} timeZone={timeZone} syncKey={syncKey} defaultTempoUid={defaultTempoUid} onZoom={onZoom} />
      )}
      {panel.type === 'stat' && <StatPanel panel={panel} result={data} />}
      {(panel.type === 'bargauge' || panel.type === 'gauge') && <BarGaugePanel panel={panel} result={data} />}
      {panel.type === 'table' && <TablePanel panel={panel} result={data} timeZone={timeZone} />}
    </>
  );
}

// Exemplars alone are worth a chart.
function isEmpty(data: PanelResult): boolean {
  const traces = data.traces?.length ?? 0;
  return traces === 0 && data.results.every((result) => result.series.every(({ samples }) => samples.length === 0) && result.exemplars.length === 0);
}

function EmptyPanel({ data }: { data: PanelResult }): ReactNode {
  if (data.queries.length === 0) return <Notice kind="empty" title="This panel has no query" />;
  return (
    <Notice kind="empty" title="No data in this range">
      Choose a longer time range, or send a request to a traced service. The query was <code>{data.queries.join('; ').slice(0, 240)}</code>
    </Notice>
  );
}
