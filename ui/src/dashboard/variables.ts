// Template variables: which options each has, and which value is chosen. The
// questions to the data source are handed in, so the rules are plain functions.
import { formatInterval, niceRound, parseDuration } from '../shared/interval';
import { seriesText, type Labels } from '../shared/legend';
import { interpolate, referencedNames, singleValue, type Scope, type VariableValue } from './interpolate';
import { ALL, type Variable, type VariableOption } from './model';

export interface ResolvedVariable {
  variable: Variable;
  options: VariableOption[];
  selected: string[]; // may be [ALL]
  error: string | null;
}

// What a query variable may ask, of the data source it names.
export interface VariableSource {
  labelNames(match: string): Promise<string[]>;
  labelValues(label: string, match: string): Promise<string[]>;
  series(match: string): Promise<Labels[]>;
  query(expr: string): Promise<Array<{ labels: Labels; time: number; value: string }>>;
}

export interface VariableContext {
  sourceOf: (ref: string) => VariableSource | null; // by uid, "" for the default
  datasources: ReadonlyArray<{ uid: string; name: string; type: string }>;
  fromUrl: ReadonlyMap<string, readonly string[]>;
  rangeMs: number;
  builtIns: Scope;
}

export type VariableQuestion =
  | { kind: 'label_names'; match: string }
  | { kind: 'label_values'; label: string; match: string }
  | { kind: 'metrics'; regex: string }
  | { kind: 'query_result'; expr: string }
  | { kind: 'series'; match: string };

export function parseVariableQuery(query: string): VariableQuestion {
  const text = query.trim();
  const names = /^label_names\((.*)\)\s*$/s.exec(text);
  if (names) return { kind: 'label_names', match: (names[1] ?? '').trim() };
  const values = /^label_values\((?:(.+),)?\s*([a-zA-Z_$][\w$:.]*|"[^"]*")\s*\)\s*$/s.exec(text);
  if (values) return { kind: 'label_values', match: (values[1] ?? '').trim(), label: (values[2] ?? '').replace(/^"|"$/g, '') };
  const metrics = /^metrics\((.*)\)\s*$/s.exec(text);
  if (metrics) return { kind: 'metrics', regex: (metrics[1] ?? '').trim() };
  const result = /^query_result\((.*)\)\s*$/s.exec(text);
  if (result) return { kind: 'query_result', expr: (result[1] ?? '').trim() };
  return { kind: 'series', match: text };
}

async function ask(question: VariableQuestion, source: VariableSource): Promise<string[]> {
  switch (question.kind) {
    case 'label_names':
      return source.labelNames(question.match);
    case 'label_values':
      return source.labelValues(question.label, question.match);
    case 'metrics': {
      const wanted = new RegExp(question.regex || '.*');
      return (await source.labelValues('__name__', '')).filter((name) => wanted.test(name));
    }
    case 'query_result':
      return (await source.query(question.expr)).map(({ labels, time, value }) => `${seriesText(labels)} ${value} ${Math.round(time * 1000)}`);
    case 'series':
      return question.match === '' ? [] : (await source.series(question.match)).map(seriesText);
  }
}

// The regex of a variable picks a part: groups named text and value, else the
// first group, else the whole match. Texts without a match fall out.
export function applyRegex(texts: readonly string[], regex: string): VariableOption[] {
  const plain = (text: string): VariableOption => ({ text, value: text });
  if (regex === '') return unique(texts.map(plain));
  const literal = /^\/(.*)\/([gimsuy]*)$/s.exec(regex);
  let pattern: RegExp;
  try {
    pattern = new RegExp(literal?.[1] ?? `^${regex}$`, (literal?.[2] ?? '').replace('g', ''));
  } catch {
    return unique(texts.map(plain));
  }
  const options: VariableOption[] = [];
  for (const text of texts) {
    const match = pattern.exec(text);
    if (!match) continue;
    const value = match.groups?.['value'] ?? match.groups?.['text'] ?? match[1] ?? match[0];
    options.push({ value, text: match.groups?.['text'] ?? value });
  }
  return unique(options);
}

function unique(options: readonly VariableOption[]): VariableOption[] {
  return [...new Map(options.map((option) => [option.value, option])).values()];
}

// 0 as they come; 1, 2 by text; 3, 4 by the first number; 5, 6 by text, case
// ignored; 7, 8 natural. Even numbers turn the order around.
export function sortOptions(options: readonly VariableOption[], sort: number): VariableOption[] {
  if (sort === 0) return [...options];
  const number = (text: string): number => Number(/-?\d+(\.\d+)?/.exec(text)?.[0] ?? Number.NEGATIVE_INFINITY);
  const compare = (a: string, b: string): number => {
    if (sort <= 2) return a < b ? -1 : a > b ? 1 : 0;
    if (sort <= 4) return number(a) - number(b) || 0;
    if (sort <= 6) return a.toLowerCase().localeCompare(b.toLowerCase());
    return a.localeCompare(b, undefined, { numeric: true });
  };
  const ordered = [...options].sort((a, b) => compare(a.text, b.text));
  return sort % 2 === 0 ? ordered.reverse() : ordered;
}

// "a, b : c, d\, e": commas part values, " : " a text from its value.
export function parseCustom(query: string): VariableOption[] {
  return (query.match(/(?:\\,|[^,])+/g) ?? []).map((part) => {
    const text = part.replace(/\\,/g, ',').trim();
    const pair = /^(.+?)\s:\s(.+)$/.exec(text);
    return pair ? { text: (pair[1] ?? '').trim(), value: (pair[2] ?? '').trim() } : { text, value: text };
  });
}

async function optionsOf(variable: Variable, scope: Scope, context: VariableContext): Promise<VariableOption[]> {
  switch (variable.type) {
    case 'custom':
      return parseCustom(interpolate(variable.query, scope, 'text'));
    case 'interval':
      return (variable.auto ? [{ text: 'auto', value: '$__auto' }] : []).concat(parseCustom(variable.query));
    case 'constant':
    case 'textbox':
      return [{ text: variable.query, value: variable.query }];
    case 'datasource': {
      const ofType = context.datasources.filter((source) => source.type === variable.query);
      return applyRegex(ofType.map((source) => source.name), variable.regex).map((option) => ({
        text: option.text,
        value: ofType.find((source) => source.name === option.text)?.uid ?? option.value,
      }));
    }
    case 'query': {
      const ref = interpolate(variable.datasource?.uid ?? '', scope, 'csv');
      const source = context.sourceOf(ref);
      if (!source) throw new Error(`There is no Prometheus data source ${ref || '(default)'}.`);
      const texts = await ask(parseVariableQuery(interpolate(variable.query, scope, 'prometheus')), source);
      return sortOptions(applyRegex(texts, interpolate(variable.regex, scope, 'text')), variable.sort);
    }
    default:
      return [];
  }
}

// The URL wins if it names something that exists, then the saved value, then
// the first option.
export function chooseValue(variable: Variable, options: readonly VariableOption[], fromUrl: readonly string[] | undefined): string[] {
  if (variable.type === 'textbox') return [fromUrl?.[0] ?? variable.current[0] ?? variable.query];
  if (variable.type === 'constant') return [variable.query];
  const known = (values: readonly string[]): string[] => {
    const picked: string[] = [];
    for (const value of values) {
      if (variable.includeAll && (value === ALL || value === 'All')) return [ALL];
      const option = options.find((each) => each.value === value || each.text === value);
      if (option) picked.push(option.value);
    }
    return variable.multi ? picked : picked.slice(0, 1);
  };
  for (const candidate of [fromUrl ?? [], variable.current]) {
    const picked = known(candidate);
    if (picked.length > 0) return picked;
  }
  if (variable.includeAll) return [ALL];
  const [first] = options;
  return first ? [first.value] : [];
}

export function valueOf({ variable, options, selected }: ResolvedVariable, rangeMs: number): VariableValue {
  const multi = variable.multi || variable.includeAll;
  if (selected[0] === ALL) {
    if (variable.allValue !== '') return { values: [variable.allValue], texts: ['All'], multi, raw: true };
    return { values: options.map((option) => option.value), texts: ['All'], multi: true };
  }
  if (variable.type === 'interval' && selected[0]?.startsWith('$__auto') === true) {
    const wanted = Math.max(niceRound(rangeMs / Math.max(1, variable.autoCount)), parseDuration(variable.autoMin) ?? 1000);
    return { ...singleValue(formatInterval(wanted)), texts: ['auto'] };
  }
  const texts = selected.map((value) => options.find((option) => option.value === value)?.text ?? value);
  const raw = variable.type === 'textbox' || variable.type === 'constant' || variable.type === 'interval';
  return raw ? { values: selected, texts, multi: false, raw } : { values: selected, texts, multi };
}

// In the order they refer to each other; a cycle keeps the order of the file.
export function dependencyOrder(variables: readonly Variable[]): Variable[] {
  const byName = new Map(variables.map((variable) => [variable.name, variable]));
  const ordered: Variable[] = [];
  const entered = new Set<string>();
  const visit = (variable: Variable): void => {
    if (entered.has(variable.name)) return;
    entered.add(variable.name);
    for (const name of referencedNames(`${variable.query} ${variable.regex} ${variable.datasource?.uid ?? ''}`)) {
      const other = byName.get(name);
      if (other) visit(other);
    }
    ordered.push(variable);
  };
  variables.forEach(visit);
  return ordered;
}

export async function resolveVariables(variables: readonly Variable[], context: VariableContext): Promise<ResolvedVariable[]> {
  const scope = new Map(context.builtIns);
  const resolved = new Map<string, ResolvedVariable>();
  for (const variable of dependencyOrder(variables)) {
    let options: VariableOption[] = [];
    let error: string | null = null;
    try {
      options = await optionsOf(variable, scope, context);
    } catch (cause) {
      if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
      error = cause instanceof Error ? cause.message : String(cause);
      options = variable.options.filter((option) => option.value !== ALL);
    }
    const one = { variable, options, selected: chooseValue(variable, options, context.fromUrl.get(variable.name)), error };
    resolved.set(variable.name, one);
    if (variable.type !== 'adhoc' && variable.type !== 'other') scope.set(variable.name, valueOf(one, context.rangeMs));
  }
  return variables.map((variable) => resolved.get(variable.name)).filter((one): one is ResolvedVariable => one !== undefined);
}
