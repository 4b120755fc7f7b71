import { describe, expect, it } from 'vitest';
import type { VariableValue } from './interpolate';
import { ALL, parseDashboard, type Variable } from './model';
import { applyRegex, chooseValue, dependencyOrder, parseCustom, parseVariableQuery, resolveVariables, sortOptions, valueOf, type VariableSource } from './variables';

function variable(json: object): Variable {
  const [one] = parseDashboard({ templating: { list: [{ name: 'v', type: 'query', ...json }] } }).variables;
  if (!one) throw new Error('no variable');
  return one;
}

const plain = (...texts: string[]) => texts.map((text) => ({ text, value: text }));

describe('parseVariableQuery', () => {
  it.each([
    ['label_names()', { kind: 'label_names', match: '' }],
    ['label_values(job)', { kind: 'label_values', match: '', label: 'job' }],
    ['label_values(up{a="x,y"}, job)', { kind: 'label_values', match: 'up{a="x,y"}', label: 'job' }],
    ['label_values({__name__=~"a|b"}, $label)', { kind: 'label_values', match: '{__name__=~"a|b"}', label: '$label' }],
    ['metrics(node_.*)', { kind: 'metrics', regex: 'node_.*' }],
    ['query_result(topk(5, up))', { kind: 'query_result', expr: 'topk(5, up)' }],
    ['up{job="a"}', { kind: 'series', match: 'up{job="a"}' }],
  ])('%s', (query, want) => expect(parseVariableQuery(query)).toEqual(want));
});

describe('applyRegex', () => {
  it.each([
    [['a', 'a', 'b'], '', plain('a', 'b')],
    [['web-1', 'db-1'], '/web-(\\d)/', plain('1')],
    [['web-1', 'db-1'], 'web.*', plain('web-1')],
    [['up{i="h:1"} 5'], '/i="(?<text>[^:]+):(?<value>\\d+)"/', [{ text: 'h', value: '1' }]],
    [['a'], '/(/', plain('a')],
  ])('%j by %s', (texts, regex, want) => expect(applyRegex(texts, regex)).toEqual(want));
});

describe('sortOptions', () => {
  it.each([
    [0, ['b', 'a10', 'a9']],
    [1, ['a10', 'a9', 'b']],
    [2, ['b', 'a9', 'a10']],
    [3, ['b', 'a9', 'a10']],
    [7, ['a9', 'a10', 'b']],
  ])('order %d', (sort, want) => expect(sortOptions(plain('b', 'a10', 'a9'), sort).map((option) => option.text)).toEqual(want));
});

describe('parseCustom', () => {
  it.each([
    ['a, b ,c', plain('a', 'b', 'c')],
    ['Half : 0.5, All\\, really : 1', [{ text: 'Half', value: '0.5' }, { text: 'All, really', value: '1' }]],
    ['', []],
  ])('%s', (query, want) => expect(parseCustom(query)).toEqual(want));
});

describe('chooseValue', () => {
  const options = plain('a', 'b');
  it.each([
    ['the URL first', {}, ['b'], ['b']],
    ['an unknown value of the URL falls back', { current: { value: 'b' } }, ['x'], ['b']],
    ['the first option last', {}, undefined, ['a']],
    ['all', { includeAll: true, current: { value: [ALL] } }, undefined, [ALL]],
    ['all by its name', { includeAll: true }, ['All'], [ALL]],
    ['several', { multi: true }, ['a', 'b'], ['a', 'b']],
    ['one of several when not multi', {}, ['a', 'b'], ['a']],
    ['a textbox takes anything', { type: 'textbox', query: 'd' }, ['x y'], ['x y']],
    ['a constant takes nothing', { type: 'constant', query: 'c' }, ['x'], ['c']],
  ])('%s', (_name, json, url, want) => expect(chooseValue(variable(json), options, url)).toEqual(want));
});

describe('valueOf', () => {
  const options = plain('a', 'b');
  it.each([
    ['all becomes every option', { includeAll: true }, [ALL], { values: ['a', 'b'], texts: ['All'], multi: true }],
    ['allValue is taken as it stands', { includeAll: true, allValue: '.*' }, [ALL], { values: ['.*'], texts: ['All'], multi: true, raw: true }],
    ['one', {}, ['a'], { values: ['a'], texts: ['a'], multi: false }],
    ['auto interval', { type: 'interval', auto: true, auto_count: 30, auto_min: '10s' }, ['$__auto'], { values: ['2m'], texts: ['auto'], multi: false, raw: true }],
  ])('%s', (_name, json, selected, want: VariableValue) => {
    expect(valueOf({ variable: variable(json), options, selected, error: null }, 3_600_000)).toEqual(want);
  });
});

describe('resolving', () => {
  const list = [
    { name: 'instance', type: 'query', query: 'label_values(up{job="$job"}, instance)', datasource: { uid: '${ds}' } },
    { name: 'job', type: 'query', query: 'label_values(job)', datasource: { uid: '${ds}' }, sort: 1 },
    { name: 'ds', type: 'datasource', query: 'prometheus' },
  ];
  const { variables } = parseDashboard({ templating: { list } });
  const asked: string[] = [];
  const source: VariableSource = {
    labelNames: async () => [],
    labelValues: async (label, match) => {
      asked.push(`${label} of ${match}`);
      return label === 'job' ? ['b', 'a'] : ['h1'];
    },
    series: async () => [],
    query: async () => [],
  };
  const context = {
    sourceOf: (ref: string) => (ref === 'p' ? source : null),
    datasources: [{ uid: 't', name: 'T', type: 'tempo' }, { uid: 'p', name: 'P', type: 'prometheus' }],
    fromUrl: new Map<string, string[]>(),
    rangeMs: 1000,
    builtIns: new Map(),
  };

  it('orders by reference', () => expect(dependencyOrder(variables).map(({ name }) => name)).toEqual(['ds', 'job', 'instance']));

  it('fills chained variables and keeps the order of the file', async () => {
    const resolved = await resolveVariables(variables, context);
    expect(asked).toEqual(['job of ', 'instance of up{job="a"}']);
    expect(resolved.map(({ variable: { name }, selected }) => [name, selected])).toEqual([
      ['instance', ['h1']],
      ['job', ['a']],
      ['ds', ['p']],
    ]);
  });

  it('says which data source is missing and goes on', async () => {
    const resolved = await resolveVariables(variables, { ...context, datasources: [] });
    expect(resolved.map(({ error }) => error !== null)).toEqual([true, true, false]);
  });
});
