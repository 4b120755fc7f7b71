import { useMemo, type ReactNode } from 'react';
import { Chart, type ChartSeries, type ChartThreshold, type DrawStyle } from '../shared/chart';
import { alignSeries } from '../shared/chart_data';
import { traceActions, type ExemplarPoint, type TraceDestination } from '../shared/exemplars';
import { asArray, asNumber, asObject, asString } from '../shared/json';
import { namedColour, seriesColour, useTheme, type Theme } from '../shared/theme';
import type { TimeRange } from '../shared/time_range';
import { configFor, type FieldConfig, type Panel } from './model';
import type { PanelResult, TargetResult } from './run_targets';

interface Props {
  panel: Panel;
  title: string;
  result: PanelResult;
  range: TimeRange;
  timeZone: string | undefined;
  syncKey: string | undefined;
  defaultTempoUid: string | null;
  onZoom: (range: TimeRange) => void;
}

function drawStyleOf(text: string): DrawStyle {
  return text === 'bars' || text === 'points' ? text : 'line';
}

function chartSeries(name: string, labels: ChartSeries['labels'], config: FieldConfig, index: number, theme: Theme, spanGaps: boolean): ChartSeries {
  const { custom } = config;
  const fixed = config.colourMode === 'fixed' && config.fixedColour !== '';
  return {
    name,
    labels,
    colour: fixed ? namedColour(config.fixedColour, theme) : seriesColour(index, theme),
    unit: config.unit,
    decimals: config.decimals,
    drawStyle: drawStyleOf(asString(custom['drawStyle'])),
    lineWidth: asNumber(custom['lineWidth'], 1.5),
    fillPercent: asNumber(custom['fillOpacity'], 0),
    stepped: asString(custom['lineInterpolation']).startsWith('step'),
    dashed: asString(asObject(custom['lineStyle'])['fill']) === 'dash',
    points: asString(custom['showPoints']) === 'always',
    spanGaps: spanGaps || custom['spanNulls'] === true,
  };
}

function thresholdLines(config: FieldConfig, theme: Theme): ChartThreshold[] {
  const mode = asString(asObject(config.custom['thresholdsStyle'])['mode'], 'off');
  if (mode === 'off') return [];
  return config.thresholds
    .filter((step): step is { value: number; colour: string } => step.value !== null)
    .map((step) => ({ value: step.value, colour: namedColour(step.colour, theme) }));
}

function isHidden(config: FieldConfig): boolean {
  return asObject(config.custom['hideFrom'])['viz'] === true;
}

function flatten(results: readonly TargetResult[], panel: Panel, theme: Theme) {
  const ranged = results.filter((result) => !result.instant);
  const { times, values, mixedSteps } = alignSeries(ranged.length > 0 ? ranged : results);
  const series: ChartSeries[] = [];
  const rows: typeof values = [];
  let row = 0;
  for (const result of ranged.length > 0 ? ranged : results) {
    result.series.forEach(({ labels }, index) => {
      const name = result.names[index] ?? '';
      const config = configFor(panel, name, result.target.refId);
      const data = values[row];
      if (data !== undefined && !isHidden(config)) {
        const shownName = config.displayName && !config.displayName.includes('$') ? config.displayName : name;
        series.push(chartSeries(shownName, labels, config, row, theme, mixedSteps));
        rows.push(data);
      }
      row += 1;
    });
  }
  return { times, values: rows, series };
}

export function TimeseriesPanel({ panel, title, result, range, timeZone, syncKey, defaultTempoUid, onZoom }: Props): ReactNode {
  const theme = useTheme();
  const data = useMemo(() => flatten(result.results, panel, theme), [result, panel, theme]);
  const { exemplars, destinations } = useMemo(() => collectExemplars(result.results), [result]);
  const config = panel.fieldConfig;
  const legend = asObject(panel.options['legend']);
  const scale = asObject(config.custom['scaleDistribution']);
  const bounds = useMemo(
    () => ({
      min: config.min,
      max: config.max,
      softMin: asNumber(config.custom['axisSoftMin']),
      softMax: asNumber(config.custom['axisSoftMax']),
    }),
    [config],
  );
  return (
    <Chart
      title={title}
      {...data}
      range={range}
      unit={config.unit}
      decimals={config.decimals}
      bounds={bounds}
      logBase={asString(scale['type']) === 'log' ? asNumber(scale['log'], 10) : undefined}
      stacked={asString(asObject(config.custom['stacking'])['mode'], 'none') !== 'none'}
      thresholds={thresholdLines(config, theme)}
      exemplars={exemplars}
      actionsOf={(point) => traceActions(point, destinations.get(point) ?? [], defaultTempoUid)}
      timeZone={timeZone}
      syncKey={syncKey}
      legend={{
        show: legend['showLegend'] !== false && asString(legend['displayMode'], 'list') !== 'hidden',
        calcs: asArray(legend['calcs']).map((calc) => asString(calc)),
        side: asString(legend['placement']) === 'right',
      }}
      onZoom={onZoom}
    />
  );
}

// Two targets of one metric bring the same exemplars: the first keeps them.
function collectExemplars(results: readonly TargetResult[]) {
  const destinations = new Map<ExemplarPoint, readonly TraceDestination[]>();
  const seen = new Set<string>();
  for (const result of results) {
    for (const point of result.exemplars) {
      const key = `${point.timeMs} ${point.value} ${point.traceId ?? ''} ${point.spanId ?? ''}`;
      if (seen.has(key)) continue;
      seen.add(key);
      destinations.set(point, result.destinations);
    }
  }
  const exemplars = [...destinations.keys()].sort((a, b) => a.timeMs - b.timeMs || a.value - b.value);
  return { exemplars, destinations };
}
