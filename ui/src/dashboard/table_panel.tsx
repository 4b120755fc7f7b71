// Tables: label columns and a value per series, or the traces of a search.
import { useState, type ReactNode } from 'react';
import { TraceTable } from '../shared/trace_table';
import { formatTime } from '../shared/time_range';
import { formatValue } from '../shared/units';
import { configFor, mappedText, type Panel } from './model';
import type { PanelResult } from './run_targets';
import { applyTransformations, toTable, type Cell, type Table } from './table';

const ROWS_MAX = 500;

export function TablePanel({ panel, result, timeZone }: { panel: Panel; result: PanelResult; timeZone: string | undefined }): ReactNode {
  if (result.traces !== null) return <TraceTable traces={result.traces} tempoUid={result.tempoUid} />;
  const table = applyTransformations(toTable(result.results), panel.transformations);
  return <DataTable table={table} panel={panel} timeZone={timeZone} />;
}

function cellText(cell: Cell, column: string, panel: Panel, timeZone: string | undefined): string {
  const config = configFor(panel, column, '');
  if (typeof cell !== 'number') return cell ?? '';
  if (column === 'Time') return formatTime(cell, timeZone);
  return mappedText(config, cell) ?? formatValue(cell, config.unit, config.decimals);
}

function isNumeric(table: Table, column: number): boolean {
  return table.columns[column] !== 'Time' && table.rows.some((row) => typeof row[column] === 'number');
}

function DataTable({ table, panel, timeZone }: { table: Table; panel: Panel; timeZone: string | undefined }): ReactNode {
  const [order, setOrder] = useState<{ column: number; down: boolean } | null>(null);
  const rows = order ? sorted(table.rows, order) : table.rows;
  return (
    <div className="table-scroll" tabIndex={0} role="region" aria-label={`Table ${panel.title}`}>
      <table className="table">
        <thead>
          <tr>
            {table.columns.map((column, index) => (
              <th key={index} scope="col" className={isNumeric(table, index) ? 'number' : undefined} aria-sort={order?.column === index ? (order.down ? 'descending' : 'ascending') : 'none'}>
                <button type="button" onClick={() => setOrder({ column: index, down: order?.column === index ? !order.down : true })}>
                  {column}
                  {order?.column === index ? (order.down ? ' ↓' : ' ↑') : ''}
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, ROWS_MAX).map((row, index) => (
            <tr key={index}>
              {row.map((cell, column) => (
                <td key={column} className={isNumeric(table, column) && typeof cell === 'number' ? 'number' : undefined}>
                  {cellText(cell, table.columns[column] ?? '', panel, timeZone)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > ROWS_MAX && <p className="quiet">The first {ROWS_MAX} of {rows.length} rows.</p>}
    </div>
  );
}

function sorted(rows: readonly Cell[][], { column, down }: { column: number; down: boolean }): Cell[][] {
  const compare = (a: Cell, b: Cell): number =>
    typeof a === 'number' && typeof b === 'number' ? a - b : String(a ?? '').localeCompare(String(b ?? ''), undefined, { numeric: true });
  const factor = down ? -1 : 1;
  return [...rows].sort((a, b) => factor * compare(a[column] ?? null, b[column] ?? null));
}
