// Panels that show one number per series: stat, gauge and bar gauge.
import type { ReactNode } from 'react';
import { asArray, asObject, asString } from '../shared/json';
import { reduceValues } from '../shared/reduce';
import { namedColour, seriesColour, useTheme, type Theme } from '../shared/theme';
import { formatValue } from '../shared/units';
import { configFor, mappedText, thresholdColour, type FieldConfig, type Panel } from './model';
import type { PanelResult } from './run_targets';

interface ShownValue {
  key: string;
  name: string;
  value: number | null;
  text: string;
  colour: string | null;
  config: FieldConfig;
  history: Array<number | null>;
}

function shownValues(panel: Panel, result: PanelResult, theme: Theme): ShownValue[] {
  const reduce = asObject(panel.options['reduceOptions']);
  const calc = asString(asArray(reduce['calcs'])[0], 'lastNotNull');
  const shown: ShownValue[] = [];
  result.results.forEach((answer, which) => {
    answer.series.forEach((series, index) => {
      const name = answer.names[index] ?? '';
      const config = configFor(panel, name, answer.target.refId);
      const history = series.samples.map(([, text]) => (Number.isFinite(Number(text)) ? Number(text) : null));
      const value = reduceValues(history, calc);
      const reached = config.colourMode === 'fixed' ? config.fixedColour : thresholdColour(config, value);
      shown.push({
        key: `${which} ${index}`,
        name: config.displayName && !config.displayName.includes('$') ? config.displayName : name,
        value,
        text: mappedText(config, value) ?? (value === null ? config.noValue || 'No data' : formatValue(value, config.unit, config.decimals)),
        colour: reached ? namedColour(reached, theme) : null,
        config,
        history,
      });
    });
  });
  return shown;
}

export function StatPanel({ panel, result }: { panel: Panel; result: PanelResult }): ReactNode {
  const theme = useTheme();
  const values = shownValues(panel, result, theme);
  const coloured = asString(panel.options['colorMode'], 'value') !== 'none';
  const spark = asString(panel.options['graphMode'], 'area') === 'area';
  const textMode = asString(panel.options['textMode'], 'auto');
  return (
    <div className="stats">
      {values.map((shown) => (
        <div className="stat" key={shown.key}>
          {(textMode === 'auto' ? values.length > 1 : textMode.includes('name')) && <span className="stat-name">{shown.name}</span>}
          {textMode !== 'name' && (
            <strong className="stat-value" style={coloured && shown.colour ? { color: shown.colour } : undefined}>
              {shown.text}
            </strong>
          )}
          {spark && shown.history.length > 2 && <Sparkline values={shown.history} colour={shown.colour ?? seriesColour(0, theme)} />}
        </div>
      ))}
    </div>
  );
}

// Decoration: the number beside it says what counts.
function Sparkline({ values, colour }: { values: ReadonlyArray<number | null>; colour: string }): ReactNode {
  const present = values.filter((value): value is number => value !== null);
  const low = Math.min(...present);
  const span = Math.max(...present) - low || 1;
  const points = values
    .map((value, index) => (value === null ? null : `${((index / (values.length - 1)) * 100).toFixed(2)},${(28 - ((value - low) / span) * 24).toFixed(2)}`))
    .filter((point): point is string => point !== null);
  if (points.length < 2) return null;
  return (
    <svg className="sparkline" viewBox="0 0 100 30" preserveAspectRatio="none" aria-hidden="true">
      <polygon points={`0,30 ${points.join(' ')} 100,30`} fill={colour} opacity="0.14" />
      <polyline points={points.join(' ')} fill="none" stroke={colour} strokeWidth="1.5" vectorEffect="non-scaling-stroke" />
    </svg>
  );
}

export function BarGaugePanel({ panel, result }: { panel: Panel; result: PanelResult }): ReactNode {
  const theme = useTheme();
  const values = shownValues(panel, result, theme);
  const highest = Math.max(...values.map(({ value }) => value ?? 0), 0);
  return (
    <ul className="bars">
      {values.map(({ key, name, value, text, colour, config }, index) => {
        const low = config.min ?? 0;
        const high = config.max ?? (config.unit === 'percentunit' ? 1 : config.unit === 'percent' ? 100 : highest || 1);
        const share = value === null ? 0 : Math.min(1, Math.max(0, (value - low) / (high - low || 1)));
        return (
          <li key={key}>
            <span className="bars-name" title={name}>
              {name}
            </span>
            <b>{text}</b>
            <span className="bars-track">
              <i style={{ width: `${share * 100}%`, background: colour ?? seriesColour(index, theme) }} />
            </span>
          </li>
        );
      })}
    </ul>
  );
}
