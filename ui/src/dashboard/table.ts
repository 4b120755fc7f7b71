// Query answers as a table, and the transformations that shape it.
import { asArray, asNumber, asObject, asString } from '../shared/json';
import type { Transformation } from './model';
import type { TargetResult } from './run_targets';

export type Cell = string | number | null;

export interface Table {
  columns: string[];
  rows: Cell[][];
}

type TableSource = Pick<TargetResult, 'series' | 'names' | 'target'>;

// Time, every label, then the value: one row per series, its newest sample.
// Several queries share the label columns and bring a value column each.
export function toTable(results: readonly TableSource[]): Table {
  const used = results.filter((result) => result.series.length > 0);
  const labelSet = new Set(used.flatMap((result) => result.series.flatMap(({ labels }) => Object.keys(labels))));
  const labelNames = [...labelSet].filter((name) => name !== '__name__' || used.length === 1).sort();
  const valueNames = used.map(({ target }) => (used.length === 1 ? 'Value' : `Value #${target.refId}`));
  const rows = new Map<string, Cell[]>();
  used.forEach((result, which) => {
    for (const { labels, samples } of result.series) {
      const newest = samples[samples.length - 1];
      if (!newest) continue;
      const keys = labelNames.map((name) => labels[name] ?? '');
      const id = JSON.stringify(keys);
      const row = rows.get(id) ?? [newest[0] * 1000, ...keys, ...valueNames.map(() => null)];
      const value = Number(newest[1]);
      row[1 + labelNames.length + which] = Number.isFinite(value) ? value : newest[1];
      rows.set(id, row);
    }
  });
  return { columns: ['Time', ...labelNames, ...valueNames], rows: [...rows.values()] };
}

export function applyTransformations(table: Table, steps: readonly Transformation[]): Table {
  return steps.reduce((current, { id, options }) => {
    switch (id) {
      case 'organize':
        return organize(current, options);
      case 'sortBy':
        return sortBy(current, options);
      case 'limit':
        return { ...current, rows: current.rows.slice(0, asNumber(options['limitField'], 10)) };
      case 'filterFieldsByName': {
        const names = asArray(asObject(options['include'])['names']);
        return names.length === 0 ? current : select(current, current.columns.filter((column) => names.includes(column)));
      }
      default:
        return current; // merge and joinByField: toTable has joined already
    }
  }, table);
}

function select(table: Table, columns: readonly string[]): Table {
  const places = columns.map((column) => table.columns.indexOf(column));
  return { columns: [...columns], rows: table.rows.map((row) => places.map((place) => row[place] ?? null)) };
}

function organize(table: Table, options: Transformation['options']): Table {
  const excluded = asObject(options['excludeByName']);
  const order = asObject(options['indexByName']);
  const renamed = asObject(options['renameByName']);
  const columns = table.columns
    .filter((column) => excluded[column] !== true)
    .sort((a, b) => asNumber(order[a], table.columns.indexOf(a)) - asNumber(order[b], table.columns.indexOf(b)));
  const picked = select(table, columns);
  return { ...picked, columns: picked.columns.map((column) => asString(renamed[column]) || column) };
}

function sortBy(table: Table, options: Transformation['options']): Table {
  const sort = asObject(asArray(options['sort'])[0]);
  const place = table.columns.indexOf(asString(sort['field']));
  if (place < 0) return table;
  const factor = sort['desc'] === true ? -1 : 1;
  const key = (row: Cell[]): Cell => row[place] ?? null;
  const compare = (a: Cell, b: Cell): number =>
    typeof a === 'number' && typeof b === 'number' ? a - b : String(a ?? '').localeCompare(String(b ?? ''));
  return { ...table, rows: [...table.rows].sort((a, b) => factor * compare(key(a), key(b))) };
}
