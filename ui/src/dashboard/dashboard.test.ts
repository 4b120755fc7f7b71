import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { placePanels, toSections } from './grid';
import type { VariableValue } from './interpolate';
import { configFor, mappedText, parseDashboard, thresholdColour, type Panel } from './model';
import { applyTransformations, toTable } from './table';

function panelOf(json: object): Panel {
  const [panel] = parseDashboard({ panels: [json] }).panels;
  if (!panel) throw new Error('no panel');
  return panel;
}

describe('parseDashboard', () => {
  it.each([[null], ['text'], [{}], [{ panels: 'none', templating: [] }]])('takes %j for an empty dashboard', (json) => {
    expect(parseDashboard(json)).toMatchObject({ title: 'Dashboard', from: 'now-6h', to: 'now', panels: [], variables: [] });
  });

  it('unwraps a V1 resource', () => {
    const json = { apiVersion: 'dashboard.grafana.app/v1', kind: 'Dashboard', metadata: { name: 'u' }, spec: { title: 'T', time: { from: 'now-1h', to: 'now' } } };
    expect(parseDashboard(json)).toMatchObject({ uid: 'u', title: 'T', from: 'now-1h' });
  });

  it('makes inputs of a shared dashboard hidden variables', () => {
    const { variables } = parseDashboard({ __inputs: [{ name: 'DS_PROM', type: 'datasource', pluginId: 'prometheus' }] });
    expect(variables).toMatchObject([{ name: 'DS_PROM', type: 'datasource', query: 'prometheus', hide: 2 }]);
  });

  it('turns an old graph panel into a time series panel', () => {
    const panel = panelOf({ type: 'graph', bars: true, yaxes: [{ format: 's', min: '0' }], stack: true });
    expect(panel.type).toBe('timeseries');
    expect(panel.fieldConfig).toMatchObject({ unit: 's', min: 0, custom: { drawStyle: 'bars', stacking: { mode: 'normal' } } });
  });

  it.each([
    ['a plain uid', 'prom', { uid: 'prom', type: '' }],
    ['a reference', { uid: '${ds}', type: 'prometheus' }, { uid: '${ds}', type: 'prometheus' }],
    ['none', null, null],
  ])('reads %s as a data source', (_name, datasource, want) => expect(panelOf({ datasource }).datasource).toEqual(want));

  it.each([
    [{}, true, false],
    [{ instant: true }, false, true],
    [{ instant: true, range: true }, true, true],
    [{ instant: false, range: false }, true, false],
  ])('asks %j as range %s and instant %s', (flags, range, instant) => {
    expect(panelOf({ targets: [{ expr: 'up', ...flags }] }).targets[0]).toMatchObject({ range, instant });
  });

  const folder = new URL('../../../../shared/conformance/dashboards/', import.meta.url);
  const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.json')) : [];
  it.skipIf(files.length === 0).each(files.length > 0 ? files : [''])('opens the public dashboard %s', (name) => {
    const dashboard = parseDashboard(JSON.parse(readFileSync(new URL(name, folder), 'utf8')));
    const panels = dashboard.panels.flatMap((panel) => [panel, ...panel.panels]).filter((panel) => panel.type !== 'row');
    const placed = toSections(dashboard.panels, () => []).reduce((sum, section) => sum + section.panels.length, 0);
    expect(placed).toBe(panels.length);
    expect(placed).toBeGreaterThan(4);
    const asking = panels.filter((panel) => panel.type === 'timeseries');
    expect(asking.every((panel) => panel.targets.some((target) => target.expr !== ''))).toBe(true);
  });
});

describe('field configuration', () => {
  const panel = panelOf({
    type: 'timeseries',
    fieldConfig: {
      defaults: {
        unit: 's',
        max: 10,
        thresholds: { mode: 'absolute', steps: [{ color: 'green', value: null }, { color: 'yellow', value: 5 }, { color: 'red', value: 8 }] },
        mappings: [
          { type: 'value', options: { '1': { text: 'up' } } },
          { type: 'range', options: { from: 2, to: 3, result: { text: 'some' } } },
          { type: 'special', options: { match: 'null', result: { text: 'gone' } } },
        ],
      },
      overrides: [
        { matcher: { id: 'byName', options: 'GET' }, properties: [{ id: 'unit', value: 'ms' }] },
        { matcher: { id: 'byRegexp', options: '/^p9\\d/' }, properties: [{ id: 'custom.lineWidth', value: 3 }] },
        { matcher: { id: 'byFrameRefID', options: 'B' }, properties: [{ id: 'color', value: { mode: 'fixed', fixedColor: 'red' } }] },
        { matcher: { id: 'byRegexp', options: '/(/' }, properties: [{ id: 'unit', value: 'never' }] },
      ],
    },
  });
  it.each([
    ['GET', 'A', { unit: 'ms' }],
    ['p99', 'A', { unit: 's', custom: { lineWidth: 3 } }],
    ['other', 'B', { unit: 's', fixedColour: 'red' }],
    ['other', 'A', { unit: 's', custom: {} }],
  ])('%s of %s', (name, refId, want) => expect(configFor(panel, name, refId)).toMatchObject(want));

  it.each([
    [-1, 'green'],
    [5, 'yellow'],
    [99, 'red'],
    [null, null],
  ])('%s reaches %s', (value, want) => expect(thresholdColour(panel.fieldConfig, value)).toBe(want));

  it.each([
    [1, 'up'],
    [2.5, 'some'],
    [null, 'gone'],
    [7, null],
  ])('%s maps to %s', (value, want) => expect(mappedText(panel.fieldConfig, value)).toBe(want));
});

describe('toSections', () => {
  const panels = parseDashboard({
    panels: [
      { id: 1, type: 'stat', gridPos: { x: 0, y: 0, w: 6, h: 4 } },
      { id: 2, type: 'row', title: 'Open', gridPos: { y: 4 } },
      { id: 3, type: 'stat', gridPos: { x: 6, y: 5, w: 6, h: 4 } },
      { id: 4, type: 'row', title: 'Closed', collapsed: true, gridPos: { y: 9 }, panels: [{ id: 5, type: 'stat', gridPos: { x: 0, y: 10, w: 6, h: 4 } }] },
    ],
  }).panels;
  it('parts panels by rows, each counted from its own top', () => {
    const sections = toSections(panels, () => []);
    expect(sections.map(({ title, collapsed, panels: placed }) => [title, collapsed, placed.map(({ panel, column, row }) => [panel.id, column, row])])).toEqual([
      [null, false, [[1, 1, 1]]],
      ['Open', false, [[3, 7, 1]]],
      ['Closed', true, [[5, 1, 1]]],
    ]);
  });
});

describe('placePanels', () => {
  const values: VariableValue[] = ['a', 'b', 'c'].map((value) => ({ values: [value], texts: [value], multi: true }));
  it('repeats a panel and pushes down what is below', () => {
    const panels = parseDashboard({
      panels: [
        { id: 1, repeat: 'v', maxPerRow: 2, gridPos: { x: 0, y: 3, w: 24, h: 5 } },
        { id: 2, gridPos: { x: 0, y: 8, w: 24, h: 5 } },
      ],
    }).panels;
    const placed = placePanels(panels, () => values, new Map());
    expect(placed.map(({ panel, column, row, scoped }) => [panel.id, column, row, panel.gridPos.w, scoped.get('v')?.values[0]])).toEqual([
      [1, 1, 1, 12, 'a'],
      [1, 13, 1, 12, 'b'],
      [1, 1, 6, 12, 'c'],
      [2, 1, 11, 24, undefined],
    ]);
  });
});

describe('tables', () => {
  const target = (refId: string) => ({ ...panelOf({ targets: [{ refId, expr: 'x' }] }).targets[0]! });
  const result = (refId: string, rows: Array<[string, string]>) => ({
    target: target(refId),
    names: [],
    series: rows.map(([job, value]) => ({ labels: { job }, samples: [[1, '0'], [2, value]] as Array<readonly [number, string]> })),
  });
  it.each([
    ['one query', [result('A', [['a', '5']])], { columns: ['Time', 'job', 'Value'], rows: [[2000, 'a', 5]] }],
    [
      'two queries joined by their labels',
      [result('A', [['a', '5'], ['b', '6']]), result('B', [['b', 'NaN']])],
      { columns: ['Time', 'job', 'Value #A', 'Value #B'], rows: [[2000, 'a', 5, null], [2000, 'b', 6, 'NaN']] },
    ],
    ['nothing', [], { columns: ['Time'], rows: [] }],
  ])('%s', (_name, results, want) => expect(toTable(results)).toEqual(want));

  const table = { columns: ['Time', 'job', 'Value'], rows: [[1, 'a', 5], [1, 'b', 9]] };
  it.each([
    [
      [{ id: 'organize', options: { excludeByName: { Time: true }, indexByName: { Value: 0, job: 1 }, renameByName: { job: 'Job' } } }],
      { columns: ['Value', 'Job'], rows: [[5, 'a'], [9, 'b']] },
    ],
    [[{ id: 'sortBy', options: { sort: [{ field: 'Value', desc: true }] } }, { id: 'limit', options: { limitField: 1 } }], { ...table, rows: [[1, 'b', 9]] }],
    [[{ id: 'filterFieldsByName', options: { include: { names: ['job'] } } }], { columns: ['job'], rows: [['a'], ['b']] }],
    [[{ id: 'unheard of', options: {} }], table],
  ])('%j', (steps, want) => expect(applyTransformations(table, steps)).toEqual(want));
});
