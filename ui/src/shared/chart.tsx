// A time series chart with exemplar dots: uPlot draws the lines on a canvas,
// the dots are elements above it so that keyboard and screen reader reach them.
import { useCallback, useEffect, useMemo, useRef, useState, type ReactNode } from 'react';
import { createPortal } from 'react-dom';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { axisLimits, extentOf, stackRows, type AxisBounds } from './chart_data';
import './chart.css';
import { ChartLegend } from './chart_legend';
import { spreadDots } from './dot_layout';
import { ExemplarDots, type PlacedDot } from './exemplar_dots';
import { axisRange, axisValue, dotPlace, type ExemplarPoint, type TraceAction } from './exemplars';
import type { Labels } from './legend';
import { formatTime, type TimeRange } from './time_range';
import { useTheme } from './theme';
import { formatValue } from './units';

export type DrawStyle = 'line' | 'bars' | 'points';

export interface ChartSeries {
  name: string;
  labels: Labels;
  colour: string;
  unit: string;
  decimals: number | undefined;
  drawStyle: DrawStyle;
  lineWidth: number;
  fillPercent: number;
  stepped: boolean;
  dashed: boolean;
  points: boolean;
  spanGaps: boolean;
}

export interface ChartThreshold {
  value: number;
  colour: string;
}

export interface ChartProps {
  title: string; // for the accessible name
  times: number[];
  values: Array<Array<number | null>>;
  series: ChartSeries[];
  range: TimeRange;
  unit: string;
  decimals?: number | undefined;
  bounds?: AxisBounds | undefined;
  logBase?: number | undefined;
  stacked?: boolean | undefined;
  thresholds?: ChartThreshold[] | undefined;
  exemplars: ExemplarPoint[];
  actionsOf: (point: ExemplarPoint) => TraceAction[];
  timeZone?: string | undefined;
  syncKey?: string | undefined;
  legend?: { show: boolean; calcs: string[]; side: boolean } | undefined;
  onZoom: (range: TimeRange) => void;
}

const STRIP_PX = 24; // height kept free above the plot for dots off the axis
const ZOOM_PX_MIN = 6;

interface Cursor {
  index: number;
  left: number;
  top: number;
}

interface Geometry {
  over: HTMLElement;
  dots: PlacedDot[];
}

export function Chart(props: ChartProps): ReactNode {
  const theme = useTheme();
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [geometry, setGeometry] = useState<Geometry | null>(null);
  const [cursor, setCursor] = useState<Cursor | null>(null);
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const [dotOpen, setDotOpen] = useState(false);

  const shown = useMemo(() => props.series.map((series) => !hidden.has(series.name)), [props.series, hidden]);
  const drawn = useMemo(() => {
    const visible = props.values.map((row, index) => (shown[index] ? row : row.map(() => null)));
    return props.stacked ? stackRows(visible) : visible;
  }, [props.values, props.stacked, shown]);

  const placement = useMemo(() => {
    const values = props.exemplars.map((point) => axisValue(point, props.unit));
    const extent = axisRange(extentOf(drawn), values.filter((value): value is number => value !== null));
    const limits = axisLimits(extent, props.bounds ?? {});
    const axis = { min: limits[0], max: limits[1] };
    const places = values.map((value) => dotPlace(value, axis));
    return { limits, values, places, strip: places.includes('strip') };
  }, [props.exemplars, props.unit, props.bounds, drawn]);

  // The newest of everything the uPlot callbacks need, without rebuilding the plot.
  const live = useRef({ props, placement });
  live.current = { props, placement };

  const place = useCallback((u: uPlot) => {
    const { props: now, placement: where } = live.current;
    const width = u.over.clientWidth;
    const spots: Array<Omit<PlacedDot, 'hitPx'> & { value: number }> = [];
    now.exemplars.forEach((point, index) => {
      const left = u.valToPos(point.timeMs / 1000, 'x');
      if (left < -1 || left > width + 1) return;
      const value = where.values[index];
      const onAxis = where.places[index] === 'axis' && value !== undefined && value !== null;
      spots.push({ point, left, top: onAxis ? u.valToPos(value, 'y') : -STRIP_PX / 2, onAxis, value: point.value });
    });
    setGeometry({ over: u.over, dots: spreadDots(spots).map(({ spot, hitPx }) => ({ ...spot, hitPx })) });
  }, []);

  const structure = JSON.stringify([
    theme, props.series, props.unit, props.decimals, props.logBase, props.stacked, props.thresholds, props.timeZone, props.syncKey, placement.strip,
  ]);

  useEffect(() => {
    const element = holder.current;
    if (!element) return undefined;
    const size = { width: Math.max(50, element.clientWidth), height: Math.max(60, element.clientHeight) };
    const u = new uPlot(
      buildOptions(element, size, live, {
        onCursor: setCursor,
        onDraw: place,
        onZoom: (range) => live.current.props.onZoom(range),
      }),
      [live.current.props.times, ...drawn] as uPlot.AlignedData,
      element,
    );
    plot.current = u;
    const observer = new ResizeObserver(() => {
      const width = element.clientWidth;
      const height = element.clientHeight;
      if (width > 0 && height > 0 && (width !== u.width || height !== u.height)) u.setSize({ width, height });
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.current = null;
      setGeometry(null);
      setCursor(null);
      u.destroy();
    };
    // The plot is rebuilt only when its structure changes; data has its own effect.
  }, [structure]);

  useEffect(() => {
    const u = plot.current;
    if (!u) return;
    u.batch(() => {
      u.setData([props.times, ...drawn] as uPlot.AlignedData, false);
      u.setScale('x', { min: props.range.fromMs / 1000, max: props.range.toMs / 1000 });
      u.setScale('y', { min: placement.limits[0], max: placement.limits[1] });
    });
    u.redraw(false, true);
  }, [props.times, drawn, props.range.fromMs, props.range.toMs, placement, structure]);

  const toggle = useCallback((name: string, only: boolean) => {
    setHidden((before) => {
      const names = live.current.props.series.map((series) => series.name);
      if (only) {
        const others = names.filter((other) => other !== name);
        return others.every((other) => before.has(other)) && !before.has(name) ? new Set() : new Set(others);
      }
      const next = new Set(before);
      if (!next.delete(name)) next.add(name);
      return next;
    });
  }, []);

  const legend = props.legend ?? { show: true, calcs: [], side: false };
  return (
    <div className={legend.side ? 'chart chart-side' : 'chart'}>
      <div className="chart-plot" ref={holder} role="group" aria-label={`Chart ${props.title}, ${props.series.length} series, ${props.exemplars.length} exemplars`} />
      {geometry &&
        createPortal(
          <>
            {placement.strip && (
              <div className="chart-strip" style={{ height: STRIP_PX, top: -STRIP_PX }} aria-hidden="true">
                <span className="chart-strip-mark" title="Exemplars measured in another unit than this axis. Hover one for its value." />
              </div>
            )}
            <ExemplarDots dots={geometry.dots} unit={props.unit} decimals={props.decimals} timeZone={props.timeZone} actionsOf={props.actionsOf} onOpenChange={setDotOpen} />
            {cursor && !dotOpen && (
              <SeriesTooltip props={props} shown={shown} cursor={cursor} width={geometry.over.clientWidth} height={geometry.over.clientHeight} />
            )}
          </>,
          geometry.over,
        )}
      {legend.show && <ChartLegend series={props.series} values={props.values} calcs={legend.calcs} hidden={hidden} onToggle={toggle} />}
    </div>
  );
}

interface Callbacks {
  onCursor: (cursor: Cursor | null) => void;
  onDraw: (u: uPlot) => void;
  onZoom: (range: TimeRange) => void;
}

interface Live {
  props: ChartProps;
  placement: { limits: [number, number]; strip: boolean };
}

function buildOptions(element: HTMLElement, size: { width: number; height: number }, live: { current: Live }, call: Callbacks): uPlot.Options {
  const { props, placement } = live.current;
  const style = getComputedStyle(element);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  const log = props.logBase !== undefined;
  const options: uPlot.Options = {
    ...size,
    padding: [placement.strip ? STRIP_PX + 4 : 8, 10, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      drag: { x: true, y: false, setScale: false },
      points: {
        size: 8,
        width: 1.5,
        fill: (_u, index) => live.current.props.series[index - 1]?.colour ?? '',
        stroke: () => colour('--panel'),
      },
      ...(props.syncKey ? { sync: { key: props.syncKey, scales: ['x', null] } } : {}),
    },
    scales: {
      x: { time: true, auto: false, range: () => [live.current.props.range.fromMs / 1000, live.current.props.range.toMs / 1000] },
      y: {
        auto: false,
        range: () => logLimits(live.current.placement.limits, log),
        ...(log ? { distr: 3, log: props.logBase === 2 ? 2 : 10 } : {}),
      },
    },
    axes: axesOptions(props, `11px ${style.fontFamily}`, colour),
    series: [{}, ...props.series.map((series) => seriesOptions(series, colour('--panel'), element))],
    hooks: {
      drawAxes: [(u) => drawThresholds(u, props.thresholds ?? [])],
      draw: [call.onDraw],
      setCursor: [
        (u) => {
          const { idx, left, top } = u.cursor;
          call.onCursor(idx === null || idx === undefined || left === undefined || left < 0 ? null : { index: idx, left, top: top ?? 0 });
        },
      ],
      setSelect: [
        (u) => {
          if (u.select.width < ZOOM_PX_MIN) return;
          const fromMs = Math.round(u.posToVal(u.select.left, 'x') * 1000);
          const toMs = Math.round(u.posToVal(u.select.left + u.select.width, 'x') * 1000);
          u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          if (toMs - fromMs >= 10) call.onZoom({ fromMs, toMs });
        },
      ],
    },
  };
  const { timeZone } = props;
  if (timeZone) options.tzDate = (seconds) => uPlot.tzDate(new Date(seconds * 1000), timeZone);
  if (props.stacked) {
    options.bands = props.series.slice(1).map((_series, index) => ({ series: [index + 2, index + 1] as [number, number] }));
  }
  return options;
}

// [smallest step in seconds, text, at a new year, month, day, hour, minute, second, 0: instead]
const TIME_FORMATS: uPlot.Axis.Values = [
  [86_400 * 365, '{YYYY}', null, null, null, null, null, null, 0],
  [86_400, '{MM}-{DD}', '{YYYY}-{MM}-{DD}', null, null, null, null, null, 0],
  [3600, '{HH}:{mm}', '{MM}-{DD}', null, '{MM}-{DD}', null, null, null, 0],
  [60, '{HH}:{mm}', null, null, null, null, null, null, 0],
  [1, '{HH}:{mm}:{ss}', null, null, null, null, null, null, 0],
  [0.001, '{ss}.{fff}', null, null, null, null, null, null, 0],
];

function axesOptions(props: ChartProps, font: string, colour: (name: string) => string): uPlot.Axis[] {
  const axis: uPlot.Axis = {
    stroke: colour('--ink-soft'),
    font,
    grid: { stroke: colour('--grid'), width: 1 },
    ticks: { show: false },
  };
  return [
    { ...axis, size: 22, gap: 5, space: 78, values: TIME_FORMATS },
    {
      ...axis,
      space: 34,
      size: (_u, values) => Math.max(36, 18 + 6.4 * Math.max(0, ...(values ?? []).map((text) => text.length))),
      values: (_u, splits) => splits.map((value) => (value === null ? '' : formatValue(value, props.unit, props.decimals))),
    },
  ];
}

function logLimits([low, high]: [number, number], log: boolean): [number, number] {
  return log ? [low > 0 ? low : Math.min(1, high / 1000), high] : [low, high];
}

function seriesOptions(series: ChartSeries, panel: string, element: HTMLElement): uPlot.Series {
  const { paths } = uPlot;
  const builder =
    series.drawStyle === 'bars'
      ? paths.bars?.({ size: [0.7, 40] })
      : series.drawStyle === 'points'
        ? () => null
        : series.stepped
          ? paths.stepped?.({ align: 1 })
          : undefined;
  const fill = series.drawStyle === 'bars' ? Math.max(series.fillPercent, 55) : series.fillPercent;
  const options: uPlot.Series = {
    label: series.name,
    stroke: series.colour,
    width: series.drawStyle === 'points' ? 0 : series.lineWidth,
    spanGaps: series.spanGaps,
    points: {
      show: true,
      size: 5,
      width: 1,
      stroke: series.colour,
      fill: series.drawStyle === 'points' ? series.colour : panel,
      filter: (u, index) => pointIndices(u, index, series),
    },
  };
  if (fill > 0) options.fill = withAlpha(series.colour, fill / 100, element);
  if (series.dashed) options.dash = [6, 5];
  if (builder) options.paths = builder;
  return options;
}

// Lone samples always show; all samples when they are asked for or few.
function pointIndices(u: uPlot, seriesIndex: number, series: ChartSeries): number[] {
  if (series.drawStyle === 'bars') return [];
  const row = u.data[seriesIndex];
  if (!row) return [];
  const present: number[] = [];
  const lone: number[] = [];
  for (let index = 0; index < row.length; index++) {
    if (row[index] === null || row[index] === undefined) continue;
    present.push(index);
    const gapBefore = index === 0 || row[index - 1] === null;
    const gapAfter = index === row.length - 1 || row[index + 1] === null;
    if (gapBefore && gapAfter) lone.push(index);
  }
  const few = present.length * 18 < u.over.clientWidth && present.length < 30;
  return series.drawStyle === 'points' || series.points || few ? present : series.spanGaps ? [] : lone;
}

// Canvas understands no color-mix(), and themes give any CSS colour.
function withAlpha(colour: string, alpha: number, element: HTMLElement): string {
  const probe = document.createElement('span');
  probe.style.color = colour;
  element.appendChild(probe);
  const numbers = getComputedStyle(probe).color.match(/[\d.]+/g) ?? ['128', '128', '128'];
  probe.remove();
  return `rgba(${numbers.slice(0, 3).join(',')},${alpha})`;
}

function drawThresholds(u: uPlot, thresholds: readonly ChartThreshold[]): void {
  const { ctx, bbox } = u;
  const ratio = window.devicePixelRatio || 1;
  for (const { value, colour } of thresholds) {
    const y = u.valToPos(value, 'y', true);
    if (y < bbox.top || y > bbox.top + bbox.height) continue;
    ctx.save();
    ctx.strokeStyle = colour;
    ctx.lineWidth = ratio;
    ctx.setLineDash([5 * ratio, 5 * ratio]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.restore();
  }
}

const TOOLTIP_ROWS_MAX = 12;

function SeriesTooltip({ props, shown, cursor, width, height }: { props: ChartProps; shown: boolean[]; cursor: Cursor; width: number; height: number }): ReactNode {
  const time = props.times[cursor.index];
  const rows = props.series
    .map((series, index) => ({ series, value: props.values[index]?.[cursor.index] ?? null, shown: shown[index] }))
    .filter((row): row is { series: ChartSeries; value: number; shown: boolean } => row.value !== null && row.shown === true)
    .sort((a, b) => b.value - a.value);
  if (time === undefined || rows.length === 0) return null;
  const right = cursor.left > width / 2;
  const low = cursor.top > height / 2;
  return (
    <div
      className="chart-tooltip"
      aria-hidden="true"
      style={{
        [right ? 'right' : 'left']: right ? width - cursor.left + 12 : cursor.left + 12,
        [low ? 'bottom' : 'top']: low ? height - cursor.top + 4 : cursor.top + 4,
      }}
    >
      <div className="chart-tooltip-time">{formatTime(time * 1000, props.timeZone)}</div>
      {rows.slice(0, TOOLTIP_ROWS_MAX).map(({ series, value }, index) => (
        <div className="chart-tooltip-row" key={`${series.name} ${index}`}>
          <i style={{ background: series.colour }} />
          <span>{series.name}</span>
          <b>{formatValue(value, series.unit, series.decimals)}</b>
        </div>
      ))}
      {rows.length > TOOLTIP_ROWS_MAX && <div className="chart-tooltip-more">and {rows.length - TOOLTIP_ROWS_MAX} more</div>}
    </div>
  );
}
