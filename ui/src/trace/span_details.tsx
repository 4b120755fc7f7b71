import type { ReactNode } from 'react';
import { CopyButton } from '../shared/copy_button';
import { traceHref } from '../shared/exemplars';
import { Link } from '../shared/location';
import { formatTime } from '../shared/time_range';
import { formatNanos } from '../shared/units';
import type { Attribute, Span, Trace } from './decode';
import type { SpanNode } from './layout';

interface DetailsProps {
  node: SpanNode;
  trace: Trace;
  colour: string;
  onSelect: (spanId: string) => void;
}

export function SpanDetails({ node, trace, colour, onSelect }: DetailsProps): ReactNode {
  const { span } = node;
  const startMs = Number((trace.startUnixNs + BigInt(Math.round(span.startNs))) / 1_000_000n);
  return (
    <aside className="details" data-testid="span-details" data-span-id={span.spanId} aria-label={`Span ${span.name}`}>
      <header style={{ borderColor: colour }}>
        <h2>{span.name}</h2>
        <p>
          {span.resource.service}
          {span.kind !== '' && <span className="badge">{span.kind}</span>}
          <Status span={span} />
        </p>
      </header>
      {span.statusMessage !== '' && <p className="details-message">{span.statusMessage}</p>}
      <dl className="facts facts-small">
        <div>
          <dt>Duration</dt>
          <dd>{formatNanos(span.durationNs)}</dd>
        </div>
        <div>
          <dt>Starts after</dt>
          <dd>{formatNanos(span.startNs)}</dd>
        </div>
        <div>
          <dt>Own time</dt>
          <dd>{formatNanos(selfTime(node))}</dd>
        </div>
      </dl>
      <dl className="ids">
        <div>
          <dt>Start</dt>
          <dd>{formatTime(startMs, undefined, true)}</dd>
        </div>
        <Id name="Span id" value={span.spanId} />
        {node.parent ? (
          <div>
            <dt>Parent</dt>
            <dd>
              <button type="button" className="link-button" onClick={() => node.parent && onSelect(node.parent.span.spanId)}>
                {node.parent.span.name}
              </button>
            </dd>
          </div>
        ) : (
          span.parentSpanId !== '' && (
            <div>
              <dt>Parent</dt>
              <dd>
                <code>{span.parentSpanId}</code> <small>not received</small>
              </dd>
            </div>
          )
        )}
        {span.traceState !== '' && <Id name="Trace state" value={span.traceState} />}
      </dl>
      <Attributes title="Attributes" list={span.attributes} open empty="This span has no attributes." />
      {span.droppedAttributes > 0 && <p className="quiet">{span.droppedAttributes} more were dropped by the SDK.</p>}
      {span.events.length > 0 && <Events span={span} />}
      {span.links.length > 0 && <Links span={span} />}
      <Attributes title="Resource" list={span.resource.attributes} open empty="The resource has no attributes." />
      <details open>
        <summary>Scope</summary>
        <dl className="attributes">
          <div>
            <dt>name</dt>
            <dd>{span.scope.name || <span className="quiet">none</span>}</dd>
          </div>
          {span.scope.version !== '' && (
            <div>
              <dt>version</dt>
              <dd>{span.scope.version}</dd>
            </div>
          )}
          {span.scope.attributes.map((attribute) => (
            <AttributeRow key={attribute.key} attribute={attribute} />
          ))}
        </dl>
      </details>
    </aside>
  );
}

// The time in which no child was running; children may overlap.
export function selfTime(node: SpanNode): number {
  const end = node.span.startNs + node.span.durationNs;
  let covered = 0;
  let reached = node.span.startNs;
  for (const { span } of [...node.children].sort((a, b) => a.span.startNs - b.span.startNs)) {
    const from = Math.max(reached, span.startNs);
    const to = Math.min(end, span.startNs + span.durationNs);
    if (to > from) {
      covered += to - from;
      reached = to;
    }
  }
  return Math.max(0, node.span.durationNs - covered);
}

function Status({ span }: { span: Span }): ReactNode {
  if (span.statusCode === 'error') return <span className="badge badge-error">error</span>;
  if (span.statusCode === 'ok') return <span className="badge badge-ok">ok</span>;
  return <span className="badge">status unset</span>;
}

function Id({ name, value }: { name: string; value: string }): ReactNode {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <code>{value}</code> <CopyButton text={value} what={name.toLowerCase()} />
      </dd>
    </div>
  );
}

function Attributes({ title, list, open, empty }: { title: string; list: readonly Attribute[]; open: boolean; empty: string }): ReactNode {
  return (
    <details open={open}>
      <summary>
        {title} <small>{list.length}</small>
      </summary>
      {list.length === 0 ? (
        <p className="quiet">{empty}</p>
      ) : (
        <dl className="attributes">
          {list.map((attribute, index) => (
            <AttributeRow key={`${attribute.key} ${index}`} attribute={attribute} />
          ))}
        </dl>
      )}
    </details>
  );
}

function AttributeRow({ attribute }: { attribute: Attribute }): ReactNode {
  return (
    <div>
      <dt>
        {attribute.key}
        {attribute.type !== 'string' && <small className="type">{attribute.type}</small>}
      </dt>
      <dd className={`value-${attribute.type}`}>{attribute.text === '' ? <span className="quiet">empty</span> : attribute.text}</dd>
    </div>
  );
}

function Events({ span }: { span: Span }): ReactNode {
  return (
    <details open>
      <summary>
        Events <small>{span.events.length}</small>
      </summary>
      <ol className="events">
        {span.events.map((event, index) => (
          <li key={index}>
            <p>
              <b>{event.name || '(no name)'}</b> <span title="after the start of the trace">at {formatNanos(event.offsetNs)}</span>
            </p>
            {event.attributes.length > 0 && (
              <dl className="attributes">
                {event.attributes.map((attribute) => (
                  <AttributeRow key={attribute.key} attribute={attribute} />
                ))}
              </dl>
            )}
          </li>
        ))}
      </ol>
    </details>
  );
}

function Links({ span }: { span: Span }): ReactNode {
  return (
    <details open>
      <summary>
        Links <small>{span.links.length}</small>
      </summary>
      <ol className="events">
        {span.links.map((link, index) => (
          <li key={index}>
            <p>
              <Link href={traceHref(link.traceId, link.spanId, null)} className="mono break">
                {link.traceId}
              </Link>
            </p>
            {link.attributes.length > 0 && (
              <dl className="attributes">
                {link.attributes.map((attribute) => (
                  <AttributeRow key={attribute.key} attribute={attribute} />
                ))}
              </dl>
            )}
          </li>
        ))}
      </ol>
    </details>
  );
}
