// The exemplar dots of one chart: one Tab stop, arrow keys between dots, a
// tooltip on hover or focus, Enter or click opens the trace.
import { useCallback, useEffect, useLayoutEffect, useRef, useState, type KeyboardEvent, type PointerEvent, type ReactNode } from 'react';
import { createPortal } from 'react-dom';
import { exemplarUnit, shownLabels, type ExemplarPoint, type TraceAction } from './exemplars';
import { Link, navigate } from './location';
import type { Labels } from './legend';
import { formatTime } from './time_range';
import { formatValue } from './units';

export interface PlacedDot {
  point: ExemplarPoint;
  left: number; // px in the plot area
  top: number;
  hitPx: number; // side of the area that takes the pointer
  onAxis: boolean; // false: in the strip above, because its value is not on this axis
}

interface DotsProps {
  dots: PlacedDot[];
  unit: string;
  decimals: number | undefined;
  timeZone: string | undefined;
  actionsOf: (point: ExemplarPoint) => TraceAction[];
  onOpenChange: (open: boolean) => void;
}

const CLOSE_DELAY_MS = 180; // long enough to move the pointer from the dot into its tooltip

export function exemplarText(point: ExemplarPoint, unit: string, onAxis: boolean, decimals?: number): string {
  const own = exemplarUnit(point.seriesLabels);
  return formatValue(point.value, own ?? (onAxis ? unit : 'none'), own === null ? decimals : undefined);
}

export function ExemplarDots({ dots, unit, decimals, timeZone, actionsOf, onOpenChange }: DotsProps): ReactNode {
  const [open, setOpen] = useState<{ dot: PlacedDot; anchor: DOMRect } | null>(null);
  const [current, setCurrent] = useState(0);
  const elements = useRef<Array<HTMLElement | null>>([]);
  const closing = useRef(0);
  const byTouch = useRef(false);

  const show = useCallback((dot: PlacedDot, element: HTMLElement) => {
    window.clearTimeout(closing.current);
    setOpen({ dot, anchor: element.getBoundingClientRect() });
  }, []);
  const hide = useCallback((delayMs: number) => {
    window.clearTimeout(closing.current);
    closing.current = window.setTimeout(() => setOpen(null), delayMs);
  }, []);
  const keep = useCallback(() => window.clearTimeout(closing.current), []);

  const isOpen = open !== null;
  useEffect(() => onOpenChange(isOpen), [isOpen, onOpenChange]);
  useEffect(() => () => window.clearTimeout(closing.current), []);
  useEffect(() => {
    if (!isOpen) return undefined;
    const close = (): void => setOpen(null);
    window.addEventListener('scroll', close, { passive: true });
    return () => window.removeEventListener('scroll', close);
  }, [isOpen]);

  const stop = Math.min(current, dots.length - 1);
  const move = (event: KeyboardEvent, index: number): void => {
    const goal = { ArrowRight: index + 1, ArrowDown: index + 1, ArrowLeft: index - 1, ArrowUp: index - 1, Home: 0, End: dots.length - 1 }[event.key];
    if (event.key === 'Escape') setOpen(null);
    if (goal === undefined) return;
    event.preventDefault();
    const next = Math.min(dots.length - 1, Math.max(0, goal));
    setCurrent(next);
    elements.current[next]?.focus();
  };

  if (dots.length === 0) return null;
  return (
    <div className="dots" role="group" aria-label={`${dots.length} exemplars: arrow keys move between them, Enter opens the trace`}>
      {dots.map((dot, index) => {
        const { point } = dot;
        const primary = actionsOf(point)[0];
        const value = exemplarText(point, unit, dot.onAxis, decimals);
        const label = `Exemplar at ${formatTime(point.timeMs, timeZone, true)}, ${value}, ${point.traceId ? `trace ${point.traceId}` : 'without a trace'}`;
        return (
          <a
            key={`${point.timeMs} ${point.value} ${point.traceId ?? index} ${point.spanId ?? ''}`}
            ref={(element) => {
              elements.current[index] = element;
            }}
            className={dot.onAxis ? 'dot' : 'dot dot-strip'}
            style={{ left: dot.left, top: dot.top, width: dot.hitPx, height: dot.hitPx }}
            href={primary?.href}
            role="link"
            tabIndex={index === stop ? 0 : -1}
            aria-label={label}
            data-testid="exemplar-dot"
            data-trace-id={point.traceId ?? ''}
            data-span-id={point.spanId ?? ''}
            draggable={false}
            onPointerDown={(event: PointerEvent) => {
              byTouch.current = event.pointerType === 'touch';
            }}
            onPointerEnter={(event) => show(dot, event.currentTarget)}
            onPointerLeave={(event) => {
              if (event.pointerType !== 'touch') hide(CLOSE_DELAY_MS);
            }}
            onFocus={(event) => {
              setCurrent(index);
              show(dot, event.currentTarget);
            }}
            onBlur={() => hide(CLOSE_DELAY_MS)}
            onKeyDown={(event) => move(event, index)}
            onClick={(event) => {
              if (byTouch.current || !primary) {
                // A finger cannot hover: the first tap shows, "View trace" opens.
                event.preventDefault();
                byTouch.current = false;
                show(dot, event.currentTarget);
              } else if (!primary.external && event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey) {
                event.preventDefault();
                navigate(primary.href);
              }
            }}
          >
            <i />
          </a>
        );
      })}
      {open &&
        createPortal(
          <ExemplarTooltip
            dot={open.dot}
            anchor={open.anchor}
            value={exemplarText(open.dot.point, unit, open.dot.onAxis, decimals)}
            timeZone={timeZone}
            actions={actionsOf(open.dot.point)}
            onEnter={keep}
            onLeave={() => hide(CLOSE_DELAY_MS)}
          />,
          document.body,
        )}
    </div>
  );
}

interface TooltipProps {
  dot: PlacedDot;
  anchor: DOMRect;
  value: string;
  timeZone: string | undefined;
  actions: TraceAction[];
  onEnter: () => void;
  onLeave: () => void;
}

function ExemplarTooltip({ dot, anchor, value, timeZone, actions, onEnter, onLeave }: TooltipProps): ReactNode {
  const element = useRef<HTMLDivElement>(null);
  const [place, setPlace] = useState<{ left: number; top: number } | null>(null);
  useLayoutEffect(() => {
    const box = element.current?.getBoundingClientRect();
    if (!box) return;
    const margin = 8;
    const middle = anchor.left + anchor.width / 2 - box.width / 2;
    const below = anchor.bottom + 6;
    const top = below + box.height + margin <= window.innerHeight ? below : anchor.top - box.height - 6;
    setPlace({
      left: Math.max(margin, Math.min(window.innerWidth - box.width - margin, middle)),
      top: Math.max(margin, Math.min(window.innerHeight - box.height - margin, top)),
    });
  }, [anchor, dot]);
  const { point } = dot;
  return (
    <div
      ref={element}
      className="dot-tooltip"
      role="tooltip"
      data-testid="exemplar-tooltip"
      style={place ?? { left: 0, top: 0, visibility: 'hidden' }}
      onPointerEnter={onEnter}
      onPointerLeave={onLeave}
      onFocus={onEnter}
      onBlur={onLeave}
    >
      <div className="dot-tooltip-head">
        <i />
        <strong>{value}</strong>
        <time dateTime={new Date(point.timeMs).toISOString()}>{formatTime(point.timeMs, timeZone, true)}</time>
      </div>
      {!dot.onAxis && <p className="dot-tooltip-note">One measurement, in its own unit: not on this chart's axis.</p>}
      <LabelList title="Exemplar" labels={shownLabels(point.labels)} />
      <LabelList title="Series" labels={point.seriesLabels} />
      {actions.length > 0 && (
        <div className="dot-tooltip-actions">
          {actions.map((action) =>
            action.external ? (
              <a key={action.href} className="button" href={action.href} target="_blank" rel="noreferrer">
                {action.label} ↗
              </a>
            ) : (
              <Link key={action.href} className="button button-primary" href={action.href} data-testid="view-trace">
                {action.label}
              </Link>
            ),
          )}
        </div>
      )}
    </div>
  );
}

function LabelList({ title, labels }: { title: string; labels: Labels }): ReactNode {
  const keys = Object.keys(labels).sort();
  if (keys.length === 0) return null;
  return (
    <dl className="dot-labels" aria-label={`${title} labels`}>
      {keys.map((key) => (
        <div key={key}>
          <dt>{key}</dt>
          <dd>{labels[key]}</dd>
        </div>
      ))}
    </dl>
  );
}
