// Time range and refresh, kept in the URL as from, to and refresh.
import { useState, type ReactNode } from 'react';
import { parseDuration } from './interval';
import { setQuery } from './location';
import { Popover } from './popover';
import { QUICK_RANGES, formatTime, rangeLabel, resolveTime, type RawRange, type TimeRange } from './time_range';

const REFRESHES = ['', '1s', '5s', '10s', '30s', '1m', '5m', '15m'];
const REFRESH_MS_MIN = 1000;

// 0 means "only when asked".
export function refreshMs(text: string): number {
  const ms = text === '' || text === 'off' ? null : parseDuration(text);
  return ms === null ? 0 : Math.max(REFRESH_MS_MIN, ms);
}

interface PickerProps {
  raw: RawRange;
  range: TimeRange;
  refresh: string;
  timeZone?: string | undefined;
  onRefresh: () => void;
}

export function TimePicker({ raw, range, refresh, timeZone, onRefresh }: PickerProps): ReactNode {
  const span = range.toMs - range.fromMs;
  const zoomOut = (): void => {
    const now = Date.now();
    const to = Math.min(range.toMs + span / 2, now);
    setQuery({ from: String(Math.round(to - 2 * span)), to: String(Math.round(to)) });
  };
  return (
    <div className="time-picker">
      <Popover label={<>{rangeLabel(raw, timeZone)} <span className="caret">▾</span></>} name={`Time range: ${rangeLabel(raw, timeZone)}`} className="button button-range">
        {(close) => <RangeForm raw={raw} range={range} onDone={close} />}
      </Popover>
      <button type="button" className="button button-icon" title="Zoom out to twice the range" aria-label="Zoom out" onClick={zoomOut}>
        <svg viewBox="0 0 20 20" aria-hidden="true"><path d="M9 3.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11zM13 13l4 4M6.5 9h5" /></svg>
      </button>
      <button type="button" className="button button-icon" title="Refresh now" aria-label="Refresh" onClick={onRefresh}>
        <svg viewBox="0 0 20 20" aria-hidden="true"><path d="M16 10a6 6 0 1 1-1.8-4.3M16 3v3.5h-3.5" /></svg>
      </button>
      <select className="select" aria-label="Refresh interval" value={refresh} onChange={(event) => setQuery({ refresh: event.target.value === '' ? 'off' : event.target.value }, true)}>
        {[...new Set([...REFRESHES, refresh])].map((each) => (
          <option key={each} value={each}>
            {each === '' ? 'Off' : each}
          </option>
        ))}
      </select>
    </div>
  );
}

function RangeForm({ raw, range, onDone }: { raw: RawRange; range: TimeRange; onDone: () => void }): ReactNode {
  const readable = (text: string, ms: number): string => (/^\d+$/.test(text) ? formatTime(ms) : text);
  const [from, setFrom] = useState(readable(raw.from, range.fromMs));
  const [to, setTo] = useState(readable(raw.to, range.toMs));
  const now = Date.now();
  const fromMs = resolveTime(from, now);
  const toMs = resolveTime(to, now, true);
  const fault =
    fromMs === null
      ? 'From: write a time like 2026-11-24 10:00:00, or now-1h.'
      : toMs === null
        ? 'To: write a time like 2026-11-24 10:00:00, or now.'
        : fromMs >= toMs
          ? 'From must be before To.'
          : null;
  const asQuery = (text: string, ms: number | null): string => (text.trim().startsWith('now') ? text.trim() : String(ms));
  return (
    <div className="range-form">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (fault) return;
          setQuery({ from: asQuery(from, fromMs), to: asQuery(to, toMs) });
          onDone();
        }}
      >
        <label>
          From
          <input value={from} onChange={(event) => setFrom(event.target.value)} spellCheck={false} autoFocus />
        </label>
        <label>
          To
          <input value={to} onChange={(event) => setTo(event.target.value)} spellCheck={false} />
        </label>
        {fault && <p className="fault" role="alert">{fault}</p>}
        <button type="submit" className="button button-primary" disabled={fault !== null}>
          Apply
        </button>
      </form>
      <ul>
        {QUICK_RANGES.map(([value, label]) => (
          <li key={value}>
            <button
              type="button"
              aria-current={raw.to === 'now' && raw.from === value}
              onClick={() => {
                setQuery({ from: value, to: 'now' });
                onDone();
              }}
            >
              {label}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
