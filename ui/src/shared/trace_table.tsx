// Found traces, newest first as the server sends them; a bar compares durations.
import type { ReactNode } from 'react';
import type { FoundTrace } from '../api/tempo';
import { traceHref } from './exemplars';
import { Link } from './location';
import { formatAgo, formatTime } from './time_range';
import { formatValue } from './units';

export function TraceTable({ traces, tempoUid }: { traces: readonly FoundTrace[]; tempoUid: string | null }): ReactNode {
  const longest = Math.max(1, ...traces.map((trace) => trace.durationMs));
  const now = Date.now();
  return (
    <ul className="traces">
      {traces.map((trace) => (
        <li key={trace.traceId}>
          <Link className="trace-link" href={traceHref(trace.traceId, trace.firstSpanId, tempoUid)} data-testid="trace-link" data-trace-id={trace.traceId}>
            <span className="trace-what">
              <b>{trace.name}</b>
              <span>{trace.service}</span>
            </span>
            <span className="trace-count">
              {trace.errors > 0 && <span className="badge badge-error">{trace.errors === 1 ? '1 error' : `${trace.errors} errors`}</span>}
              {trace.spans > 0 && <span className="badge">{trace.spans === 1 ? '1 span' : `${trace.spans} spans`}</span>}
            </span>
            <span className="trace-duration">
              <span>{trace.durationMs === 0 ? '< 1 ms' : formatValue(trace.durationMs, 'ms')}</span>
              <i>
                <i style={{ width: `${Math.max(1, (trace.durationMs / longest) * 100)}%` }} />
              </i>
            </span>
            <time className="trace-when" dateTime={new Date(trace.startMs).toISOString()} title={formatTime(trace.startMs, undefined, true)}>
              {formatAgo(trace.startMs, now)}
            </time>
          </Link>
        </li>
      ))}
    </ul>
  );
}
