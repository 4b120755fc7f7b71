// The controls of the template variables; choices go to the URL as var-name.
import { useState, type ReactNode } from 'react';
import { setQuery } from '../shared/location';
import { Popover } from '../shared/popover';
import { ALL } from './model';
import type { ResolvedVariable } from './variables';

export function VariableBar({ variables }: { variables: readonly ResolvedVariable[] }): ReactNode {
  const shown = variables.filter(({ variable }) => variable.hide < 2 && variable.type !== 'constant' && variable.type !== 'adhoc' && variable.type !== 'other');
  if (shown.length === 0) return null;
  return (
    <div className="variables" role="group" aria-label="Variables">
      {shown.map((resolved) => (
        <VariableControl key={resolved.variable.name} resolved={resolved} />
      ))}
    </div>
  );
}

function VariableControl({ resolved }: { resolved: ResolvedVariable }): ReactNode {
  const { variable, options, selected, error } = resolved;
  const name = variable.label || variable.name;
  const choose = (values: readonly string[]): void => setQuery({ [`var-${variable.name}`]: values });
  const label = variable.hide === 0 ? <span className="variable-name">{name}</span> : null;
  if (variable.type === 'textbox') return <TextVariable key={selected[0]} name={name} label={label} value={selected[0] ?? ''} onChange={choose} />;
  const all = variable.includeAll ? [{ text: 'All', value: ALL }] : [];
  if (variable.multi) {
    return (
      <div className="variable">
        {label}
        <Popover
          align="left"
          name={`${name}: ${textOf(resolved)}`}
          className="select select-button"
          label={<>{textOf(resolved) || 'None'} <span className="caret">▾</span></>}
        >
          {() => (
            <fieldset className="checks">
              <legend className="visually-hidden">{name}</legend>
              {[...all, ...options].map((option) => (
                <label key={option.value}>
                  <input
                    type="checkbox"
                    checked={selected.includes(option.value)}
                    onChange={(event) => choose(toggled(selected, option.value, event.target.checked))}
                  />
                  {option.text}
                </label>
              ))}
              {options.length === 0 && <p className="quiet">{error ?? 'No values in this range.'}</p>}
            </fieldset>
          )}
        </Popover>
      </div>
    );
  }
  return (
    <label className="variable" title={error ?? undefined}>
      {label}
      <select className="select" aria-label={name} value={selected[0] ?? ''} onChange={(event) => choose([event.target.value])}>
        {options.length + all.length === 0 && <option value="">{error ? 'failed' : 'no values'}</option>}
        {[...all, ...options].map((option) => (
          <option key={option.value} value={option.value}>
            {option.text}
          </option>
        ))}
      </select>
    </label>
  );
}

function textOf({ options, selected }: ResolvedVariable): string {
  if (selected[0] === ALL) return 'All';
  return selected.map((value) => options.find((option) => option.value === value)?.text ?? value).join(' + ');
}

function toggled(selected: readonly string[], value: string, on: boolean): string[] {
  if (value === ALL) return on ? [ALL] : [];
  const others = selected.filter((each) => each !== ALL && each !== value);
  return on ? [...others, value] : others;
}

function TextVariable({ name, label, value, onChange }: { name: string; label: ReactNode; value: string; onChange: (values: string[]) => void }): ReactNode {
  const [text, setText] = useState(value);
  return (
    <label className="variable">
      {label}
      <input
        className="select"
        aria-label={name}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onBlur={() => text !== value && onChange([text])}
        onKeyDown={(event) => event.key === 'Enter' && onChange([text])}
      />
    </label>
  );
}
