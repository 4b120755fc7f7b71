// Grafana's dashboard JSON (classic, or a V1 resource around it) as far as it
// is shown here. Foreign input: every field is read with a fallback.
import { asArray, asNumber, asObject, asString, type JsonObject } from '../shared/json';

export interface GridPos {
  x: number;
  y: number;
  w: number;
  h: number;
}

// What a panel or target says about its data source; "" means the default.
export interface DataSourceRef {
  uid: string;
  type: string;
}

export interface Target {
  refId: string;
  expr: string; // PromQL
  query: string; // TraceQL
  queryType: string;
  datasource: DataSourceRef | null;
  legendFormat: string;
  instant: boolean;
  range: boolean;
  exemplar: boolean;
  format: string;
  interval: string;
  intervalFactor: number;
  limit: number;
  hide: boolean;
}

export interface ThresholdStep {
  value: number | null; // null: from minus infinity
  colour: string;
}

export interface ValueMapping {
  type: string;
  options: JsonObject;
}

// fieldConfig.defaults, or the same after overrides.
export interface FieldConfig {
  unit: string;
  decimals: number | undefined;
  min: number | undefined;
  max: number | undefined;
  displayName: string;
  noValue: string;
  colourMode: string;
  fixedColour: string;
  thresholdsMode: string;
  thresholds: ThresholdStep[];
  mappings: ValueMapping[];
  custom: JsonObject;
}

export interface Override {
  matcher: { id: string; options: unknown };
  properties: ReadonlyArray<{ id: string; value: unknown }>;
}

export interface Transformation {
  id: string;
  options: JsonObject;
}

export interface Panel {
  id: number;
  type: string;
  title: string;
  description: string;
  transparent: boolean;
  datasource: DataSourceRef | null;
  gridPos: GridPos;
  targets: Target[];
  fieldConfig: FieldConfig;
  overrides: Override[];
  options: JsonObject;
  transformations: Transformation[];
  interval: string;
  maxDataPoints: number | undefined;
  repeat: string;
  repeatVertical: boolean;
  maxPerRow: number;
  collapsed: boolean; // rows only
  panels: Panel[]; // rows only
}

export interface VariableOption {
  text: string;
  value: string;
}

export type VariableType = 'query' | 'custom' | 'constant' | 'textbox' | 'interval' | 'datasource' | 'adhoc' | 'other';

export interface Variable {
  name: string;
  label: string;
  type: VariableType;
  hide: number; // 0 shown, 1 without label, 2 not at all
  query: string;
  regex: string;
  sort: number;
  multi: boolean;
  includeAll: boolean;
  allValue: string;
  current: string[];
  options: VariableOption[];
  datasource: DataSourceRef | null;
  auto: boolean;
  autoCount: number;
  autoMin: string;
}

export interface Dashboard {
  uid: string;
  title: string;
  description: string;
  tags: string[];
  from: string;
  to: string;
  refresh: string;
  timezone: string;
  sharedCrosshair: boolean;
  variables: Variable[];
  panels: Panel[];
}

export const ALL = '$__all';

export function parseDashboard(json: unknown): Dashboard {
  const top = asObject(json);
  const body = 'spec' in top && 'kind' in top ? { uid: asObject(top['metadata'])['name'], ...asObject(top['spec']) } : top;
  const dashboard = body as JsonObject;
  const time = asObject(dashboard['time']);
  return {
    uid: asString(dashboard['uid']),
    title: asString(dashboard['title'], 'Dashboard'),
    description: asString(dashboard['description']),
    tags: asArray(dashboard['tags']).map((tag) => asString(tag)),
    from: asString(time['from'], 'now-6h'),
    to: asString(time['to'], 'now'),
    refresh: asString(dashboard['refresh']),
    timezone: asString(dashboard['timezone']),
    sharedCrosshair: asNumber(dashboard['graphTooltip'], 0) > 0,
    variables: [...inputVariables(dashboard['__inputs']), ...asArray(asObject(dashboard['templating'])['list']).map(parseVariable)],
    panels: [...asArray(dashboard['panels']), ...legacyRows(dashboard['rows'])].map(parsePanel),
  };
}

// A dashboard exported for sharing names its sources ${DS_PROM}.
function inputVariables(inputs: unknown): Variable[] {
  return asArray(inputs)
    .map(asObject)
    .map((input) => {
      const datasource = input['type'] === 'datasource';
      return parseVariable({
        name: input['name'],
        type: datasource ? 'datasource' : 'constant',
        query: datasource ? input['pluginId'] : input['value'],
        hide: 2,
      });
    });
}

// Before schema 16 panels lay in rows, 12 columns wide.
function legacyRows(rows: unknown): JsonObject[] {
  const out: JsonObject[] = [];
  let y = 0;
  for (const row of asArray(rows).map(asObject)) {
    const height = Math.ceil(asNumber(String(row['height'] ?? 250).replace('px', ''), 250) / 38);
    let x = 0;
    for (const panel of asArray(row['panels']).map(asObject)) {
      const w = Math.min(24, asNumber(panel['span'], 12) * 2);
      if (x + w > 24) {
        x = 0;
        y += height;
      }
      out.push({ ...panel, gridPos: { x, y, w, h: height } });
      x += w;
    }
    y += height;
  }
  return out;
}

export function parseDataSourceRef(value: unknown): DataSourceRef | null {
  if (typeof value === 'string') return { uid: value, type: '' };
  if (typeof value !== 'object' || value === null) return null;
  const ref = value as JsonObject;
  return { uid: asString(ref['uid']), type: asString(ref['type']) };
}

function parsePanel(value: unknown): Panel {
  const panel = asObject(value);
  const grid = asObject(panel['gridPos']);
  const config = asObject(panel['fieldConfig']);
  const type = asString(panel['type'], 'unknown');
  return {
    id: asNumber(panel['id'], 0),
    type: type === 'graph' ? 'timeseries' : type === 'table-old' ? 'table' : type === 'singlestat' ? 'stat' : type,
    title: asString(panel['title']),
    description: asString(panel['description']),
    transparent: panel['transparent'] === true,
    datasource: parseDataSourceRef(panel['datasource']),
    gridPos: {
      x: Math.min(23, Math.max(0, asNumber(grid['x'], 0))),
      y: Math.max(0, asNumber(grid['y'], 0)),
      w: Math.min(24, Math.max(1, asNumber(grid['w'], 12))),
      h: Math.max(1, asNumber(grid['h'], type === 'row' ? 1 : 8)),
    },
    targets: asArray(panel['targets']).map(parseTarget),
    fieldConfig: parseFieldConfig(type === 'graph' ? graphFieldConfig(panel) : asObject(config['defaults'])),
    overrides: asArray(config['overrides']).map(parseOverride),
    options: asObject(panel['options']),
    transformations: asArray(panel['transformations']).map((entry) => {
      const step = asObject(entry);
      return { id: step['disabled'] === true ? '' : asString(step['id']), options: asObject(step['options']) };
    }),
    interval: asString(panel['interval']),
    maxDataPoints: asNumber(panel['maxDataPoints']),
    repeat: asString(panel['repeat']),
    repeatVertical: panel['repeatDirection'] === 'v',
    maxPerRow: asNumber(panel['maxPerRow'], 4),
    collapsed: panel['collapsed'] === true,
    panels: asArray(panel['panels']).map(parsePanel),
  };
}

// The old graph panel said the same in other words.
function graphFieldConfig(panel: JsonObject): JsonObject {
  const axis = asObject(asArray(panel['yaxes'])[0]);
  const drawStyle = panel['bars'] === true ? 'bars' : panel['lines'] === false ? 'points' : 'line';
  return {
    unit: axis['format'],
    min: axis['min'],
    max: axis['max'],
    custom: {
      drawStyle,
      lineWidth: panel['linewidth'],
      fillOpacity: asNumber(panel['fill'], 1) * 10,
      stacking: { mode: panel['stack'] === true ? 'normal' : 'none' },
      spanNulls: panel['nullPointMode'] === 'connected',
    },
  };
}

function parseTarget(value: unknown): Target {
  const target = asObject(value);
  return {
    refId: asString(target['refId']),
    expr: asString(target['expr']),
    query: asString(target['query']),
    queryType: asString(target['queryType']),
    datasource: parseDataSourceRef(target['datasource']),
    legendFormat: asString(target['legendFormat']),
    instant: target['instant'] === true,
    range: target['range'] === true || target['instant'] !== true,
    exemplar: target['exemplar'] === true,
    format: asString(target['format'], 'time_series'),
    interval: asString(target['interval']),
    intervalFactor: asNumber(target['intervalFactor'], 1),
    limit: asNumber(target['limit'], 20),
    hide: target['hide'] === true,
  };
}

function parseFieldConfig(config: JsonObject): FieldConfig {
  const colour = asObject(config['color']);
  const thresholds = asObject(config['thresholds']);
  return {
    unit: asString(config['unit']),
    decimals: asNumber(config['decimals']),
    min: asNumber(config['min']),
    max: asNumber(config['max']),
    displayName: asString(config['displayName']),
    noValue: asString(config['noValue']),
    colourMode: asString(colour['mode']),
    fixedColour: asString(colour['fixedColor']),
    thresholdsMode: asString(thresholds['mode'], 'absolute'),
    thresholds: parseThresholds(thresholds['steps']),
    mappings: asArray(config['mappings']).map((entry) => {
      const mapping = asObject(entry);
      return { type: asString(mapping['type']), options: asObject(mapping['options']) };
    }),
    custom: asObject(config['custom']),
  };
}

function parseThresholds(steps: unknown): ThresholdStep[] {
  return asArray(steps).map((entry, index) => {
    const step = asObject(entry);
    return { value: index === 0 ? null : asNumber(step['value'], 0), colour: asString(step['color'], 'green') };
  });
}

function parseOverride(value: unknown): Override {
  const override = asObject(value);
  const matcher = asObject(override['matcher']);
  return {
    matcher: { id: asString(matcher['id']), options: matcher['options'] },
    properties: asArray(override['properties']).map((entry) => {
      const property = asObject(entry);
      return { id: asString(property['id']), value: property['value'] };
    }),
  };
}

const VARIABLE_TYPES: readonly VariableType[] = ['query', 'custom', 'constant', 'textbox', 'interval', 'datasource', 'adhoc'];

function parseVariable(value: unknown): Variable {
  const variable = asObject(value);
  const current = asObject(variable['current'])['value'];
  const query = variable['query'];
  const type = asString(variable['type']);
  return {
    name: asString(variable['name']),
    label: asString(variable['label']),
    type: VARIABLE_TYPES.find((known) => known === type) ?? 'other',
    hide: asNumber(variable['hide'], 0),
    query: typeof query === 'string' ? query : asString(asObject(query)['query']) || asString(variable['definition']),
    regex: asString(variable['regex']),
    sort: asNumber(variable['sort'], 0),
    multi: variable['multi'] === true,
    includeAll: variable['includeAll'] === true,
    allValue: asString(variable['allValue']),
    current: (Array.isArray(current) ? current : [current]).filter((each): each is string => typeof each === 'string'),
    options: asArray(variable['options']).map((entry) => {
      const option = asObject(entry);
      return { text: asString(option['text']), value: asString(option['value']) };
    }),
    datasource: parseDataSourceRef(variable['datasource']),
    auto: variable['auto'] === true,
    autoCount: asNumber(variable['auto_count'], 30),
    autoMin: asString(variable['auto_min'], '10s'),
  };
}

// The field configuration that a series of this name gets.
export function configFor(panel: Panel, name: string, refId: string): FieldConfig {
  let config = panel.fieldConfig;
  for (const override of panel.overrides) {
    if (!matches(override, name, refId)) continue;
    for (const { id, value } of override.properties) config = withProperty(config, id, value);
  }
  return config;
}

function matches({ matcher }: Override, name: string, refId: string): boolean {
  switch (matcher.id) {
    case 'byName':
      return matcher.options === name;
    case 'byFrameRefID':
      return matcher.options === refId;
    case 'byNames':
      return asArray(asObject(matcher.options)['names']).includes(name);
    case 'byRegexp': {
      const text = asString(matcher.options);
      const literal = /^\/(.*)\/([gimsuy]*)$/.exec(text);
      try {
        return new RegExp(literal?.[1] ?? text, literal?.[2]?.replace('g', '')).test(name);
      } catch {
        return false;
      }
    }
    default:
      return false;
  }
}

function withProperty(config: FieldConfig, id: string, value: unknown): FieldConfig {
  switch (id) {
    case 'unit':
      return { ...config, unit: asString(value) };
    case 'decimals':
      return { ...config, decimals: asNumber(value) };
    case 'displayName':
      return { ...config, displayName: asString(value) };
    case 'noValue':
      return { ...config, noValue: asString(value) };
    case 'color': {
      const colour = asObject(value);
      return { ...config, colourMode: asString(colour['mode']), fixedColour: asString(colour['fixedColor']) };
    }
    case 'thresholds':
      return { ...config, thresholds: parseThresholds(asObject(value)['steps']) };
    case 'mappings':
      return { ...config, mappings: parseFieldConfig({ mappings: value }).mappings };
    default:
      return id.startsWith('custom.') ? { ...config, custom: { ...config.custom, [id.slice('custom.'.length)]: value } } : config;
  }
}

// The colour name of the threshold that a value has reached.
export function thresholdColour(config: FieldConfig, value: number | null): string | null {
  if (value === null) return null;
  const low = config.min ?? 0;
  const span = (config.max ?? 100) - low;
  let colour: string | null = null;
  for (const step of config.thresholds) {
    const bound = step.value === null ? -Infinity : config.thresholdsMode === 'percentage' ? low + (step.value / 100) * span : step.value;
    if (value >= bound) colour = step.colour;
  }
  return colour;
}

// The text that a mapping gives to a value, if one does.
export function mappedText(config: FieldConfig, value: number | null): string | null {
  for (const { type, options } of config.mappings) {
    if (type === 'value') {
      const text = asObject(options[String(value)])['text'];
      if (typeof text === 'string') return text;
    } else if (type === 'range' && value !== null) {
      const from = asNumber(options['from'], -Infinity);
      const to = asNumber(options['to'], Infinity);
      const text = asObject(options['result'])['text'];
      if (value >= from && value <= to && typeof text === 'string') return text;
    } else if (type === 'special' && value === null) {
      const text = asObject(options['result'])['text'];
      if (typeof text === 'string') return text;
    }
  }
  return null;
}
