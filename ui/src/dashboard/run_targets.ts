// Runs the targets of one panel: the queries with their exemplars, at the steps
// and with the built-in variables that Grafana would use.
import { queryExemplars, queryInstant, queryRange } from '../api/prometheus';
import type { DataSource, DataSourceType } from '../api/sightline';
import { searchTraces, type FoundTrace } from '../api/tempo';
import { appendNewest, type QueryGrid, type QuerySeries } from '../shared/chart_data';
import { findSource } from '../shared/data_sources';
import { flattenExemplars, thinExemplars, type ExemplarPoint, type TraceDestination } from '../shared/exemplars';
import { alignRange, computeStep, formatInterval, type Step } from '../shared/interval';
import { seriesNames } from '../shared/legend';
import type { TimeRange } from '../shared/time_range';
import { interpolate, singleValue, type Scope } from './interpolate';
import type { Panel, Target } from './model';

export interface TargetResult extends QueryGrid {
  target: Target;
  names: string[];
  instant: boolean;
  exemplars: ExemplarPoint[];
  destinations: readonly TraceDestination[];
}

export interface PanelResult {
  results: TargetResult[];
  traces: FoundTrace[] | null; // of a Tempo search
  tempoUid: string | null;
  notices: string[];
  exemplarError: string | null; // the lines stand without their dots
  queries: string[]; // as sent
}

export interface RunInput {
  panel: Panel;
  sources: readonly DataSource[];
  scope: Scope;
  range: TimeRange;
  widthPx: number;
}

export function rangeBuiltIns(range: TimeRange): Map<string, ReturnType<typeof singleValue>> {
  const rangeMs = range.toMs - range.fromMs;
  return new Map([
    ['__range', singleValue(`${Math.round(rangeMs / 1000)}s`)],
    ['__range_s', singleValue(String(Math.round(rangeMs / 1000)))],
    ['__range_ms', singleValue(String(rangeMs))],
    ['__from', singleValue(String(range.fromMs))],
    ['__to', singleValue(String(range.toMs))],
  ]);
}

export function stepBuiltIns(step: Step): Map<string, ReturnType<typeof singleValue>> {
  return new Map([
    ['__interval', singleValue(formatInterval(step.intervalMs))],
    ['__interval_ms', singleValue(String(step.intervalMs))],
    ['__rate_interval', singleValue(formatInterval(step.rateIntervalMs))],
    ['__rate_interval_ms', singleValue(String(step.rateIntervalMs))],
  ]);
}

function refOf(panel: Panel, target: Target, scope: Scope): { uid: string; type: string } {
  const ref = target.datasource ?? (panel.datasource?.uid === '-- Mixed --' ? null : panel.datasource) ?? { uid: '', type: '' };
  return { uid: interpolate(ref.uid, scope, 'csv'), type: ref.type };
}

export async function runPanel(input: RunInput, signal: AbortSignal): Promise<PanelResult> {
  const { panel, sources, scope } = input;
  const out: PanelResult = { results: [], traces: null, tempoUid: null, notices: [], exemplarError: null, queries: [] };
  const jobs = panel.targets
    .filter((target) => !target.hide)
    .map(async (target) => {
      const ref = refOf(panel, target, scope);
      const tempo = ref.type === 'tempo' || (ref.type === '' && target.expr === '' && target.query !== '');
      if (tempo) {
        const source = sourceFor(sources, ref.uid, 'tempo', out);
        const query = interpolate(target.query, scope, 'csv') || '{}';
        const { fromMs, toMs } = input.range;
        out.tempoUid = source.uid;
        out.queries.push(query);
        out.traces = [...(out.traces ?? []), ...(await searchTraces(source.uid, { query, limit: target.limit, fromMs, toMs }, signal))];
        return [];
      }
      if (target.expr.trim() === '') return [];
      const source = sourceFor(sources, ref.uid, 'prometheus', out);
      return runTarget(input, target, source, out, signal);
    });
  for (const results of await Promise.all(jobs)) out.results.push(...results);
  return out;
}

// A dashboard from elsewhere names its author's data sources: the default of the
// type stands in, and the panel says so.
function sourceFor(sources: readonly DataSource[], ref: string, type: DataSourceType, out: PanelResult): DataSource {
  const named = findSource(sources, ref, type);
  if (named) return named;
  const instead = findSource(sources, '', type);
  if (!instead) throw new Error(`There is no data source of type ${type}. Add one to the provisioning folder under datasources/.`);
  out.notices.push(`The data source "${ref}" is not provisioned here; "${instead.name}" was asked instead.`);
  return instead;
}

async function runTarget(input: RunInput, target: Target, source: DataSource, out: PanelResult, signal: AbortSignal): Promise<TargetResult[]> {
  const { panel, range, scope } = input;
  const minInterval = interpolate(panel.interval || target.interval || source.timeInterval || '', scope, 'csv');
  const step = computeStep({
    rangeMs: range.toMs - range.fromMs,
    maxDataPoints: panel.maxDataPoints ?? Math.max(100, Math.round(input.widthPx)),
    minInterval,
    intervalFactor: target.intervalFactor,
  });
  const expr = interpolate(target.expr, new Map([...scope, ...stepBuiltIns(step)]), 'prometheus');
  const aligned = alignRange(range.fromMs, range.toMs, step.intervalMs);
  out.queries.push(expr);

  const results: TargetResult[] = [];
  const base = { target, stepMs: step.intervalMs, destinations: source.traceDestinations };
  const ranged = target.range ? queryRange(source.uid, expr, aligned, step.intervalMs, signal) : null;
  const instant = target.instant ? queryInstant(source.uid, expr, range.toMs, signal) : null;
  // Up to the very end of the range, not only to its last whole step: a dot
  // must not wait for the step to end.
  const wanted = target.exemplar && target.range && panel.type === 'timeseries';
  const dots = wanted ? exemplarsOf(source.uid, expr, { fromMs: aligned.fromMs, toMs: range.toMs }, step.intervalMs, out, signal) : null;

  // Steps are whole multiples, so the last one may lie a step back; the state of this
  // moment is one point more, so that what happened a second ago is on the chart.
  const wantsNewest = target.range && panel.type === 'timeseries' && range.toMs > aligned.toMs;
  const newest = wantsNewest ? queryInstant(source.uid, expr, range.toMs, signal).catch(() => null) : null;

  const names = (series: readonly QuerySeries[]): string[] =>
    seriesNames(series.map(({ labels }) => labels), interpolate(target.legendFormat, scope, 'text'), expr);
  // Together, so that a fault of one leaves no other unattended.
  const [rangeAnswer, instantAnswer, exemplars] = await Promise.all([ranged, instant, dots]);
  const newestAnswer = await newest;
  if (rangeAnswer) {
    const answer = rangeAnswer;
    out.notices.push(...answer.notices);
    const series = appendNewest(answer.series, newestAnswer?.series ?? []);
    results.push({ ...base, ...aligned, series, names: names(series), instant: false, exemplars: exemplars ?? [] });
  }
  if (instantAnswer) {
    const answer = instantAnswer;
    out.notices.push(...answer.notices);
    const at = { fromMs: range.toMs, toMs: range.toMs };
    results.push({ ...base, ...at, series: answer.series, names: names(answer.series), instant: true, exemplars: [] });
  }
  return results;
}

async function exemplarsOf(uid: string, expr: string, times: TimeRange, stepMs: number, out: PanelResult, signal: AbortSignal): Promise<ExemplarPoint[]> {
  try {
    const answer = await queryExemplars(uid, expr, times, signal);
    return thinExemplars(flattenExemplars(answer), stepMs);
  } catch (cause) {
    if (signal.aborted) throw cause;
    out.exemplarError = cause instanceof Error ? cause.message : String(cause);
    return [];
  }
}
