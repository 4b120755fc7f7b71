// The rows of a trace. Only the rows in view are in the document; the arrow keys
// walk the tree (left closes or goes to the parent, right opens).
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState, type CSSProperties, type KeyboardEvent, type ReactNode } from 'react';
import { formatNanos } from '../shared/units';
import type { Trace } from './decode';
import { barOf, rowWindow, rulerTicks, visibleRows, type SpanNode, type SpanTree } from './layout';
import { Minimap } from './minimap';

const ROW_PX = 30;
const OVERSCAN = 12;
const MINIMAP_SPANS_MIN = 20; // below, the rows themselves are the overview
const INDENT_PX = 14;
const INDENT_DEPTH_MAX = 14; // deeper spans keep this indent, their depth is in aria-level

interface WaterfallProps {
  trace: Trace;
  tree: SpanTree;
  selected: SpanNode;
  colourOf: (service: string) => string;
  onSelect: (spanId: string) => void;
}

export function Waterfall({ trace, tree, selected, colourOf, onSelect }: WaterfallProps): ReactNode {
  const [collapsed, setCollapsed] = useState<ReadonlySet<SpanNode>>(new Set());
  const [scroll, setScroll] = useState({ top: 0, height: 600, barPx: 0 });
  const viewport = useRef<HTMLDivElement>(null);
  const rows = useMemo(() => visibleRows(tree, collapsed), [tree, collapsed]);
  const selectedIndex = rows.indexOf(selected);

  const measure = useCallback(() => {
    const element = viewport.current;
    if (element) setScroll({ top: element.scrollTop, height: element.clientHeight, barPx: element.offsetWidth - element.clientWidth });
  }, []);
  useLayoutEffect(() => {
    const element = viewport.current;
    if (!element) return undefined;
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, [measure]);

  // A span that is selected is shown: its parents open, its row in view.
  useEffect(() => {
    setCollapsed((before) => {
      const next = new Set(before);
      for (let node = selected.parent; node !== null; node = node.parent) next.delete(node);
      return next.size === before.size ? before : next;
    });
  }, [selected]);
  useEffect(() => {
    const element = viewport.current;
    if (!element || selectedIndex < 0) return;
    const top = selectedIndex * ROW_PX;
    if (top < element.scrollTop + ROW_PX) element.scrollTop = Math.max(0, top - ROW_PX * 3);
    else if (top + ROW_PX > element.scrollTop + element.clientHeight) element.scrollTop = top - element.clientHeight + ROW_PX * 4;
  }, [selectedIndex]);

  const setOpen = useCallback((node: SpanNode, open: boolean) => {
    setCollapsed((before) => {
      const next = new Set(before);
      if (open) next.delete(node);
      else next.add(node);
      return next;
    });
  }, []);

  const onKey = (event: KeyboardEvent): void => {
    const go = (index: number): void => {
      const node = rows[Math.max(0, Math.min(rows.length - 1, index))];
      if (node) onSelect(node.span.spanId);
    };
    const page = Math.max(1, Math.floor(scroll.height / ROW_PX) - 1);
    const steps: Readonly<Record<string, number>> = {
      ArrowDown: selectedIndex + 1,
      ArrowUp: selectedIndex - 1,
      PageDown: selectedIndex + page,
      PageUp: selectedIndex - page,
      Home: 0,
      End: rows.length - 1,
    };
    const goal = steps[event.key];
    if (goal !== undefined) go(goal);
    else if (event.key === 'ArrowLeft') {
      if (selected.children.length > 0 && !collapsed.has(selected)) setOpen(selected, false);
      else if (selected.parent) onSelect(selected.parent.span.spanId);
    } else if (event.key === 'ArrowRight') {
      if (collapsed.has(selected)) setOpen(selected, true);
      else if (selected.children[0]) onSelect(selected.children[0].span.spanId);
    } else if (event.key === ' ' || event.key === 'Enter') {
      if (selected.children.length > 0) setOpen(selected, collapsed.has(selected));
    } else return;
    event.preventDefault();
  };

  const { first, last } = rowWindow(scroll.top, scroll.height, ROW_PX, rows.length, OVERSCAN);
  const closable = useMemo(() => rows.filter((row) => row.children.length > 0 && row.depth > 0), [rows]);
  const jump = useCallback((share: number) => {
    const element = viewport.current;
    if (element) element.scrollTop = share * element.scrollHeight - element.clientHeight / 2;
  }, []);

  return (
    <section className="waterfall" aria-label="Waterfall">
      <div className="waterfall-top" style={{ paddingRight: scroll.barPx }}>
        {trace.spans.length > MINIMAP_SPANS_MIN && (
          <Minimap trace={trace} rows={rows} colourOf={colourOf} top={scroll.top / ROW_PX} visible={scroll.height / ROW_PX} selectedIndex={selectedIndex} onJump={jump} />
        )}
        <div className="waterfall-head">
          <div className="waterfall-tools">
            Span
            {trace.spans.length > 1 && (
              <button type="button" className="link-button" onClick={() => setCollapsed(collapsed.size > 0 ? new Set() : new Set(closable))}>
                {collapsed.size > 0 ? 'Open all' : 'Close all'}
              </button>
            )}
          </div>
          <Ruler durationNs={trace.durationNs} />
        </div>
      </div>
      <div
        className="waterfall-rows"
        ref={viewport}
        onScroll={measure}
        role="tree"
        tabIndex={0}
        aria-label={`${trace.spans.length} spans; arrow keys move, left and right close and open`}
        aria-activedescendant={selectedIndex >= first && selectedIndex < last ? `span-${selected.span.spanId}` : undefined}
        onKeyDown={onKey}
      >
        <div style={{ height: rows.length * ROW_PX, position: 'relative' }}>
          {rows.slice(first, last).map((node, offset) => (
            <SpanRow
              key={first + offset}
              node={node}
              top={(first + offset) * ROW_PX}
              traceNs={trace.durationNs}
              colour={colourOf(node.span.resource.service)}
              selected={node === selected}
              open={!collapsed.has(node)}
              onSelect={onSelect}
              onOpen={setOpen}
            />
          ))}
        </div>
      </div>
    </section>
  );
}

function Ruler({ durationNs }: { durationNs: number }): ReactNode {
  return (
    <div className="ruler" aria-hidden="true">
      {rulerTicks(durationNs, 4).map((tick) => {
        const left = durationNs > 0 ? (tick / durationNs) * 100 : 0;
        return (
          <span key={tick} style={{ left: `${left}%` }} className={left > 92 ? 'ruler-last' : undefined}>
            {formatNanos(tick)}
          </span>
        );
      })}
    </div>
  );
}

interface SpanRowProps {
  node: SpanNode;
  top: number;
  traceNs: number;
  colour: string;
  selected: boolean;
  open: boolean;
  onSelect: (spanId: string) => void;
  onOpen: (node: SpanNode, open: boolean) => void;
}

function SpanRow({ node, top, traceNs, colour, selected, open, onSelect, onOpen }: SpanRowProps): ReactNode {
  const { span } = node;
  const bar = barOf(span.startNs, span.durationNs, traceNs);
  const failed = span.statusCode === 'error';
  const labelLeft = bar.leftPercent + bar.widthPercent > 78;
  const inside = bar.widthPercent > 60;
  const style: CSSProperties = { top, height: ROW_PX, '--bar': colour } as CSSProperties;
  return (
    <div
      id={`span-${span.spanId}`}
      className={`span-row${selected ? ' span-row-selected' : ''}${failed ? ' span-row-error' : ''}`}
      style={style}
      role="treeitem"
      aria-level={node.depth + 1}
      aria-selected={selected}
      aria-expanded={node.children.length > 0 ? open : undefined}
      aria-label={`${span.name}, ${span.resource.service}, ${formatNanos(span.durationNs)}${failed ? ', error' : ''}`}
      data-testid="span-row"
      data-span-id={span.spanId}
      onClick={() => onSelect(span.spanId)}
    >
      <div className="span-name" style={{ paddingLeft: Math.min(node.depth, INDENT_DEPTH_MAX) * INDENT_PX }}>
        {node.children.length > 0 ? (
          <button
            type="button"
            tabIndex={-1}
            className="span-toggle"
            aria-label={open ? `Close ${node.descendants} spans below` : `Open ${node.descendants} spans below`}
            onClick={(event) => {
              event.stopPropagation();
              onOpen(node, !open);
            }}
          >
            {open ? '▾' : '▸'}
          </button>
        ) : (
          <span className="span-toggle" />
        )}
        <i className="span-service" />
        <b title={span.name}>{span.name}</b>
        {failed && <span className="span-error" title={span.statusMessage || 'error'}>!</span>}
        {!failed && !open && node.hasError && <span className="span-error span-error-below" title="An error below">!</span>}
        {!open && <small>+{node.descendants}</small>}
        <em>{span.resource.service}</em>
      </div>
      <div className="span-track">
        <div className="span-bar" style={{ left: `${bar.leftPercent}%`, width: `max(3px, ${bar.widthPercent}%)` }}>
          {span.events.map((event, index) => (
            <u key={index} style={{ left: `${span.durationNs > 0 ? Math.min(100, Math.max(0, ((event.offsetNs - span.startNs) / span.durationNs) * 100)) : 0}%` }} />
          ))}
        </div>
        <span
          className={inside ? 'span-time span-time-inside' : 'span-time'}
          style={inside ? { left: `${bar.leftPercent}%` } : labelLeft ? { right: `${100 - bar.leftPercent}%` } : { left: `${bar.leftPercent + bar.widthPercent}%` }}
        >
          {formatNanos(span.durationNs)}
        </span>
      </div>
    </div>
  );
}
