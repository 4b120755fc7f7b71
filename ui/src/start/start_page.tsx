// /: what comes in, what is kept, and what to do when nothing comes.
import { useEffect, type ReactNode } from 'react';
import { dashboardHref, defaultOf, getDashboards, getStatus, type DashboardLink, type Listener, type Status } from '../api/sightline';
import { searchTraces } from '../api/tempo';
import { CopyButton } from '../shared/copy_button';
import { useDataSources } from '../shared/data_sources';
import { Link } from '../shared/location';
import { Notice, Skeleton } from '../shared/notice';
import { formatAgo } from '../shared/time_range';
import { TraceTable } from '../shared/trace_table';
import { formatValue } from '../shared/units';
import { useRequest, useTicker } from '../shared/use_request';
import './start.css';

const STATUS_MS = 1000;
const TRACES_MS = 2000;
const NEWEST_TRACES = 12;

export function StartPage(): ReactNode {
  const statusTick = useTicker(STATUS_MS);
  const traceTick = useTicker(TRACES_MS);
  const status = useRequest('status', statusTick, getStatus);
  const dashboards = useRequest('dashboards', 0, getDashboards);
  const { sources } = useDataSources();
  const tempo = defaultOf(sources, 'tempo');
  const traces = useRequest(tempo ? tempo.uid : null, traceTick, (signal) => searchTraces(tempo?.uid ?? '', { query: '{}', limit: NEWEST_TRACES }, signal));
  useEffect(() => {
    document.title = 'Sightline';
  }, []);

  const known = status.data;
  const found = traces.data ?? [];
  const idle = known !== undefined && known.received.spans_total === 0 && found.length === 0;
  return (
    <main className="page">
      <h1 className="visually-hidden">Sightline</h1>
      {status.error && (
        <Notice kind="error" title={known ? 'The numbers below are not up to date' : 'The status cannot be read'}>
          {status.error.message}
        </Notice>
      )}
      {!known && !status.error && <Skeleton lines={5} />}
      {known && (idle ? <Welcome status={known} /> : <Received status={known} />)}
      <div className="start-columns">
        <section className="card start-traces">
          <header className="card-head">
            <h2>Newest traces</h2>
            <Link href="/explore?tab=traces">Search</Link>
          </header>
          {traces.error && <Notice kind="error" title="The traces cannot be listed">{traces.error.message}</Notice>}
          {found.length > 0 && <TraceTable traces={found} tempoUid={tempo?.uid ?? null} />}
          {traces.data && found.length === 0 && <Notice kind="empty" title="No traces yet">They appear here within a second of being received.</Notice>}
          {!tempo && !traces.data && <p className="quiet">No trace data source is provisioned.</p>}
          {tempo && !traces.data && !traces.error && <Skeleton lines={4} />}
        </section>
        <div className="start-side">
          <Dashboards list={dashboards.data} error={dashboards.error} />
          {known && <Stored status={known} />}
          {known && <Listeners status={known} />}
        </div>
      </div>
    </main>
  );
}

function Received({ status }: { status: Status }): ReactNode {
  const { received } = status;
  const last = received.last_span_at === null ? null : Date.parse(received.last_span_at);
  const services = [...received.services].sort((a, b) => b.spans_total - a.spans_total);
  const highest = Math.max(1, ...services.map((service) => service.spans_total));
  return (
    <section className="card received" aria-label="Received">
      <dl className="big-numbers">
        <div>
          <dt>Spans per second</dt>
          <dd data-testid="span-rate">{formatValue(received.spans_per_second, 'short')}</dd>
        </div>
        <div>
          <dt>Spans received</dt>
          <dd data-testid="spans-total">{formatValue(received.spans_total, 'short')}</dd>
        </div>
        <div>
          <dt>Last span</dt>
          <dd>{last === null || Number.isNaN(last) ? '–' : formatAgo(last, Date.now())}</dd>
        </div>
        {received.rejected_spans_total > 0 && (
          <div className="fact-error">
            <dt>Rejected</dt>
            <dd>{formatValue(received.rejected_spans_total, 'short')}</dd>
          </div>
        )}
      </dl>
      {services.length > 0 && (
        <ul className="service-list" aria-label="Services">
          {services.slice(0, 8).map((service) => (
            <li key={service.name}>
              <Link href={`/explore?tab=traces&q=${encodeURIComponent(`{resource.service.name=${JSON.stringify(service.name)}}`)}`}>{service.name}</Link>
              <span className="bars-track">
                <i style={{ width: `${(service.spans_total / highest) * 100}%` }} />
              </span>
              <b>{formatValue(service.spans_total, 'short')} spans</b>
            </li>
          ))}
          {services.length > 8 && <li className="quiet">and {services.length - 8} more services</li>}
        </ul>
      )}
    </section>
  );
}

// The address a program on another machine can use, when we listen everywhere.
function reachable(address: string): string {
  return address.replace(/^(0\.0\.0\.0|\[::\]|):/, `${window.location.hostname || 'localhost'}:`);
}

function Welcome({ status }: { status: Status }): ReactNode {
  const otlp = status.listeners.filter((listener) => /otlp/i.test(listener.name));
  const grpc = otlp.find((listener) => /grpc/i.test(listener.name));
  const http = otlp.find((listener) => /http/i.test(listener.name));
  return (
    <section className="card welcome" data-testid="empty-state" aria-label="Nothing received yet">
      <h2>Listening. Nothing has been received yet.</h2>
      {otlp.length === 0 ? (
        <p>
          This process has no OTLP receiver: it runs as {status.roles.join(', ') || 'a member without a collector'}. Send spans to the process that has one, or add a receiver to the configuration.
        </p>
      ) : (
        <>
          <p>Point any OpenTelemetry SDK or collector here, and the first span shows up on this page within a second.</p>
          <ol className="steps">
            {grpc && <Step title="OTLP over gRPC" text={`export OTEL_EXPORTER_OTLP_ENDPOINT=http://${reachable(grpc.address)}`} />}
            {http && <Step title="OTLP over HTTP" text={`export OTEL_EXPORTER_OTLP_ENDPOINT=http://${reachable(http.address)} OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf`} />}
            <Step title="No program at hand? Run the demo service and ask it something slow" text="sightline demo & sleep 1; curl localhost:5000/slow" />
          </ol>
        </>
      )}
    </section>
  );
}

function Step({ title, text }: { title: string; text: string }): ReactNode {
  return (
    <li>
      <span>{title}</span>
      <div className="command">
        <code>{text}</code>
        <CopyButton text={text} what={title} />
      </div>
    </li>
  );
}

function Dashboards({ list, error }: { list: DashboardLink[] | undefined; error: Error | undefined }): ReactNode {
  return (
    <section className="card">
      <header className="card-head">
        <h2>Dashboards</h2>
      </header>
      {error && <Notice kind="error" title="The dashboards cannot be listed">{error.message}</Notice>}
      {list && list.length === 0 && <Notice kind="empty" title="No dashboards">Put Grafana dashboard JSON into the provisioning folder and it appears here.</Notice>}
      <ul className="links">
        {list?.map((link) => (
          <li key={link.uid}>
            <Link href={dashboardHref(link)} data-testid="dashboard-link">
              {link.title}
            </Link>
            {link.tags.slice(0, 3).map((tag) => (
              <span className="badge" key={tag}>
                {tag}
              </span>
            ))}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Stored({ status: { stored, data_dir } }: { status: Status }): ReactNode {
  const facts: ReadonlyArray<readonly [string, string]> = [
    ['Series', formatValue(stored.series, 'short')],
    ['Samples', formatValue(stored.samples_total, 'short')],
    ['Exemplars', formatValue(stored.exemplars, 'short')],
    ['Spans', formatValue(stored.spans, 'short')],
    ['Live traces', formatValue(stored.live_traces, 'short')],
    ['Trace blocks', formatValue(stored.trace_blocks, 'short')],
    ['On disk', formatValue(stored.bytes_on_disk, 'bytes')],
  ];
  return (
    <section className="card">
      <header className="card-head">
        <h2>Stored</h2>
        {data_dir !== '' && <code className="quiet">{data_dir}</code>}
      </header>
      <dl className="pairs">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function Listeners({ status }: { status: Status }): ReactNode {
  return (
    <section className="card">
      <header className="card-head">
        <h2>Listening on</h2>
      </header>
      <dl className="pairs">
        {status.listeners.map((listener: Listener) => (
          <div key={`${listener.name} ${listener.address}`}>
            <dt>{listener.name}</dt>
            <dd>
              <code>{listener.address}</code>
            </dd>
          </div>
        ))}
      </dl>
      <p className="quiet card-foot">
        Sightline {status.version}, up {formatValue(status.uptime_seconds, 's')}
      </p>
    </section>
  );
}
