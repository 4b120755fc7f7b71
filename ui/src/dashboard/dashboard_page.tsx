// /d/{uid}/{slug}: one dashboard. Time range, refresh and variables live in the URL.
import { useCallback, useEffect, useMemo, useState, type CSSProperties, type ReactNode } from 'react';
import { labelNames, labelValues, queryInstant, seriesOf } from '../api/prometheus';
import { getDashboardJson, type DataSource } from '../api/sightline';
import { findSource, useDataSources } from '../shared/data_sources';
import { setQuery, useLocation } from '../shared/location';
import { Notice, Skeleton } from '../shared/notice';
import { TimePicker, refreshMs } from '../shared/time_picker';
import { resolveRange, type TimeRange } from '../shared/time_range';
import { useRequest, useTicker } from '../shared/use_request';
import './dashboard.css';
import { toSections, type Section } from './grid';
import { interpolate, type Scope, type VariableValue } from './interpolate';
import { parseDashboard, type Dashboard } from './model';
import { PanelFrame } from './panel_frame';
import { rangeBuiltIns } from './run_targets';
import { VariableBar } from './variable_bar';
import { resolveVariables, valueOf, type ResolvedVariable, type VariableSource } from './variables';

export function DashboardPage({ uid }: { uid: string }): ReactNode {
  const request = useRequest(uid, 0, async (signal) => parseDashboard(await getDashboardJson(uid, signal)));
  const { sources, ready, error } = useDataSources();
  const dashboard = request.data;
  useEffect(() => {
    if (dashboard) document.title = `${dashboard.title} · Sightline`;
  }, [dashboard]);
  const fault = request.error ?? error;
  if (fault && !dashboard) {
    return (
      <main className="page">
        <Notice kind="error" title="This dashboard cannot be opened">
          {fault.message} The <a href="/">start page</a> lists the dashboards there are.
        </Notice>
      </main>
    );
  }
  if (!dashboard || !ready) {
    return (
      <main className="page">
        <Skeleton lines={6} />
      </main>
    );
  }
  return <OpenDashboard key={uid} dashboard={dashboard} sources={sources} />;
}

function variableSource(source: DataSource, range: TimeRange, signal: AbortSignal): VariableSource {
  return {
    labelNames: (match) => labelNames(source.uid, match, range, signal),
    labelValues: (label, match) => labelValues(source.uid, label, match, range, signal),
    series: (match) => seriesOf(source.uid, match, range, signal),
    query: async (expr) => {
      const { series } = await queryInstant(source.uid, expr, range.toMs, signal);
      return series.flatMap(({ labels, samples }) => samples.map(([time, value]) => ({ labels, time, value })));
    },
  };
}

function urlVariables(query: URLSearchParams): Map<string, string[]> {
  const names = [...new Set([...query.keys()].filter((key) => key.startsWith('var-')))];
  return new Map(names.map((key) => [key.slice('var-'.length), query.getAll(key)]));
}

// Variables ask over a range rounded to minutes: a refresh each second must not
// ask for every label value again.
function roundedRange(range: TimeRange): TimeRange {
  const minute = 60_000;
  return { fromMs: Math.floor(range.fromMs / minute) * minute, toMs: Math.ceil(range.toMs / minute) * minute };
}

function OpenDashboard({ dashboard, sources }: { dashboard: Dashboard; sources: readonly DataSource[] }): ReactNode {
  const { query } = useLocation();
  const raw = { from: query.get('from') ?? dashboard.from, to: query.get('to') ?? dashboard.to };
  const chosen = query.get('refresh') ?? dashboard.refresh;
  const refresh = chosen === 'off' ? '' : chosen;
  const timer = useTicker(refreshMs(refresh));
  const [asked, setAsked] = useState(0);
  const tick = timer + asked;
  // One clock reading for all panels, moved on by each refresh.
  const range = useMemo(() => resolveRange(raw, Date.now()), [raw.from, raw.to, tick]);
  const timeZone = dashboard.timezone === '' || dashboard.timezone === 'browser' ? undefined : dashboard.timezone === 'utc' ? 'UTC' : dashboard.timezone;

  const fromUrl = urlVariables(query);
  const coarse = roundedRange(range);
  const variables = useRequest(JSON.stringify([[...fromUrl], coarse]), 0, (signal) =>
    resolveVariables(dashboard.variables, {
      sourceOf: (ref) => {
        const source = findSource(sources, ref, 'prometheus') ?? findSource(sources, '', 'prometheus');
        return source ? variableSource(source, coarse, signal) : null;
      },
      datasources: sources,
      fromUrl,
      rangeMs: range.toMs - range.fromMs,
      builtIns: rangeBuiltIns(coarse),
    }),
  );
  const zoom = useCallback((to: TimeRange) => setQuery({ from: String(to.fromMs), to: String(to.toMs) }), []);
  const resolved = variables.data;
  return (
    <main className="page page-wide">
      <header className="page-head">
        <div>
          <h1>{dashboard.title}</h1>
          {dashboard.description !== '' && <p className="quiet">{dashboard.description}</p>}
        </div>
        <TimePicker raw={raw} range={range} refresh={refresh} timeZone={timeZone} onRefresh={() => setAsked((count) => count + 1)} />
      </header>
      {resolved && <VariableBar variables={resolved} />}
      {variables.error && (
        <Notice kind="error" title="The variables of this dashboard cannot be filled">
          {variables.error.message}
        </Notice>
      )}
      {resolved && <Sections dashboard={dashboard} sources={sources} variables={resolved} range={range} rangeKey={`${raw.from} ${raw.to}`} tick={tick} timeZone={timeZone} onZoom={zoom} />}
      {!resolved && !variables.error && <Skeleton lines={6} />}
    </main>
  );
}

interface SectionsProps {
  dashboard: Dashboard;
  sources: readonly DataSource[];
  variables: readonly ResolvedVariable[];
  range: TimeRange;
  rangeKey: string;
  tick: number;
  timeZone: string | undefined;
  onZoom: (range: TimeRange) => void;
}

// One value each, for panels and rows that repeat.
function eachValue(variables: readonly ResolvedVariable[], name: string, rangeMs: number): VariableValue[] {
  const found = variables.find(({ variable }) => variable.name === name);
  if (!found) return [];
  const { values } = valueOf({ ...found, variable: { ...found.variable, allValue: '' } }, rangeMs);
  return values.map((value) => ({
    values: [value],
    texts: [found.options.find((option) => option.value === value)?.text ?? value],
    multi: found.variable.multi || found.variable.includeAll,
  }));
}

function Sections({ dashboard, variables, range, ...rest }: SectionsProps): ReactNode {
  const rangeMs = range.toMs - range.fromMs;
  const scope: Scope = useMemo(
    () =>
      new Map(
        variables
          .filter(({ variable }) => variable.type !== 'adhoc' && variable.type !== 'other')
          .map((resolved) => [resolved.variable.name, valueOf(resolved, rangeMs)]),
      ),
    [variables, rangeMs],
  );
  const sections = useMemo(() => toSections(dashboard.panels, (name) => eachValue(variables, name, rangeMs)), [dashboard, variables, rangeMs]);
  if (sections.every((section) => section.panels.length === 0)) {
    return <Notice kind="empty" title="This dashboard has no panels">Add some to its JSON file; it is read again by itself.</Notice>;
  }
  return sections.map((section) => <SectionView key={section.key} section={section} scope={scope} syncKey={dashboard.sharedCrosshair ? dashboard.uid : undefined} range={range} {...rest} />);
}

type SectionViewProps = Omit<SectionsProps, 'dashboard' | 'variables'> & { section: Section; scope: Scope; syncKey: string | undefined };

function SectionView({ section, scope, ...rest }: SectionViewProps): ReactNode {
  const [open, setOpen] = useState(!section.collapsed);
  const title = section.title === null ? null : interpolate(section.title, new Map([...scope, ...section.scoped]), 'text');
  return (
    <>
      {title !== null && (
        <h2 className="row-head">
          <button type="button" aria-expanded={open} onClick={() => setOpen(!open)}>
            <span className="caret">{open ? '▾' : '▸'}</span> {title}
            {!open && <small> {section.panels.length} panels</small>}
          </button>
        </h2>
      )}
      {open && (
        <div className="grid">
          {section.panels.map(({ key, panel, column, row, scoped }) => (
            <div
              key={key}
              className="grid-cell"
              style={{ gridColumn: `${column} / span ${panel.gridPos.w}`, gridRow: `${row} / span ${panel.gridPos.h}`, '--rows': panel.gridPos.h } as CSSProperties}
            >
              <PanelFrame panel={panel} scope={scoped.size > 0 ? new Map([...scope, ...scoped]) : scope} {...rest} />
            </div>
          ))}
        </div>
      )}
    </>
  );
}
