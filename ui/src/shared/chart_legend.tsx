import type { ReactNode } from 'react';
import type { ChartSeries } from './chart';
import { calcName, reduceValues } from './reduce';
import { formatValue } from './units';

interface LegendProps {
  series: readonly ChartSeries[];
  values: ReadonlyArray<ReadonlyArray<number | null>>;
  calcs: readonly string[];
  hidden: ReadonlySet<string>;
  onToggle: (name: string, only: boolean) => void;
}

export function ChartLegend({ series, values, calcs, hidden, onToggle }: LegendProps): ReactNode {
  return (
    <ul className="chart-legend" aria-label="Series; a click shows or hides one, Alt and click shows only it">
      {series.map((each, index) => (
        <li key={`${each.name} ${index}`}>
          <button
            type="button"
            aria-pressed={!hidden.has(each.name)}
            title={`${each.name}\nClick: show or hide. Alt+click: only this one.`}
            onClick={(event) => onToggle(each.name, event.altKey)}
          >
            <i style={{ background: each.colour }} />
            <span>{each.name}</span>
            {calcs.map((calc) => (
              <small key={calc}>
                {calcName(calc)} <b>{formatValue(reduceValues(values[index] ?? [], calc), each.unit, each.decimals)}</b>
              </small>
            ))}
          </button>
        </li>
      ))}
    </ul>
  );
}
