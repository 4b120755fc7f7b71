// The whole trace in a strip: where its time goes, and which rows are in view.
import { useEffect, useRef, type MouseEvent, type ReactNode } from 'react';
import type { Trace } from './decode';
import type { SpanNode } from './layout';

interface MinimapProps {
  trace: Trace;
  rows: readonly SpanNode[];
  colourOf: (service: string) => string;
  top: number; // in rows
  visible: number; // in rows
  selectedIndex: number;
  onJump: (share: number) => void;
}

const HEIGHT_PX = 56;

export function Minimap({ trace, rows, colourOf, top, visible, selectedIndex, onJump }: MinimapProps): ReactNode {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const element = canvas.current;
    if (!element) return undefined;
    const paint = (): void => draw(element, trace, rows, colourOf, selectedIndex);
    paint();
    const observer = new ResizeObserver(paint);
    observer.observe(element);
    return () => observer.disconnect();
  }, [trace, rows, colourOf, selectedIndex]);
  const count = Math.max(1, rows.length);
  const windowed = visible < count;
  const jump = (event: MouseEvent<HTMLDivElement>): void => {
    const box = event.currentTarget.getBoundingClientRect();
    onJump((event.clientY - box.top) / box.height);
  };
  return (
    <div className="minimap" aria-hidden="true" onClick={jump}>
      <canvas ref={canvas} style={{ height: HEIGHT_PX }} />
      {windowed && <div className="minimap-window" style={{ top: `${(top / count) * 100}%`, height: `${(visible / count) * 100}%` }} />}
    </div>
  );
}

function draw(canvas: HTMLCanvasElement, trace: Trace, rows: readonly SpanNode[], colourOf: (service: string) => string, selectedIndex: number): void {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(HEIGHT_PX * ratio);
  const context = canvas.getContext('2d');
  if (!context) return;
  context.scale(ratio, ratio);
  const rowHeight = Math.min(8, HEIGHT_PX / Math.max(1, rows.length));
  const total = Math.max(1, trace.durationNs);
  rows.forEach(({ span }, index) => {
    context.globalAlpha = index === selectedIndex ? 1 : 0.62;
    context.fillStyle = span.statusCode === 'error' ? '#e0525f' : colourOf(span.resource.service);
    const left = (span.startNs / total) * width;
    context.fillRect(left, index * rowHeight, Math.max(1.5, (span.durationNs / total) * width), Math.max(0.6, rowHeight - (rowHeight > 3 ? 1.5 : 0)));
  });
}
