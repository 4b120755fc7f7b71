// Time ranges as they stand in a URL: "now-6h", "now/d", epoch milliseconds, or
// an ISO time. Resolved against a clock that is handed in.

export interface RawRange {
  from: string;
  to: string;
}

export interface TimeRange {
  fromMs: number;
  toMs: number;
}

export const QUICK_RANGES: ReadonlyArray<readonly [from: string, label: string]> = [
  ['now-5m', 'Last 5 minutes'],
  ['now-15m', 'Last 15 minutes'],
  ['now-30m', 'Last 30 minutes'],
  ['now-1h', 'Last hour'],
  ['now-3h', 'Last 3 hours'],
  ['now-6h', 'Last 6 hours'],
  ['now-12h', 'Last 12 hours'],
  ['now-24h', 'Last 24 hours'],
  ['now-2d', 'Last 2 days'],
  ['now-7d', 'Last 7 days'],
  ['now-30d', 'Last 30 days'],
  ['now-90d', 'Last 90 days'],
];

const FIXED_MS: Readonly<Record<string, number>> = { s: 1e3, m: 60e3, h: 3600e3 };

function shift(date: Date, count: number, unit: string): void {
  const fixed = FIXED_MS[unit];
  if (fixed !== undefined) date.setTime(date.getTime() + count * fixed);
  else if (unit === 'd') date.setDate(date.getDate() + count);
  else if (unit === 'w') date.setDate(date.getDate() + 7 * count);
  else if (unit === 'M') date.setMonth(date.getMonth() + count);
  else if (unit === 'y') date.setFullYear(date.getFullYear() + count);
}

function floorTo(date: Date, unit: string): void {
  const fixed = FIXED_MS[unit];
  if (fixed !== undefined && unit !== 'h') {
    date.setTime(Math.floor(date.getTime() / fixed) * fixed);
    return;
  }
  date.setMinutes(0, 0, 0);
  if (unit === 'h') return;
  date.setHours(0);
  if (unit === 'w') date.setDate(date.getDate() - ((date.getDay() + 6) % 7));
  if (unit === 'M' || unit === 'y') date.setDate(1);
  if (unit === 'y') date.setMonth(0);
}

// null when the text is no time. roundUp says what "/d" means: the day's last
// millisecond instead of its first.
export function resolveTime(text: string, nowMs: number, roundUp = false): number | null {
  const body = text.trim();
  if (/^\d{10,}$/.test(body)) return Number(body);
  const relative = /^now((?:[+-]\d+[smhdwMy])*)(?:\/([smhdwMy]))?$/.exec(body);
  if (relative) {
    const date = new Date(nowMs);
    for (const part of (relative[1] ?? '').matchAll(/([+-]\d+)([smhdwMy])/g)) shift(date, Number(part[1]), part[2] ?? '');
    const unit = relative[2];
    if (unit !== undefined) {
      floorTo(date, unit);
      if (roundUp) {
        shift(date, 1, unit);
        date.setTime(date.getTime() - 1);
      }
    }
    return date.getTime();
  }
  if (!/^\d{4}-\d{2}-\d{2}/.test(body)) return null;
  const parsed = Date.parse(body.replace(' ', 'T'));
  return Number.isNaN(parsed) ? null : parsed;
}

// Falls back to the last hour when an end cannot be read or the ends are swapped.
export function resolveRange(raw: RawRange, nowMs: number): TimeRange {
  const fromMs = resolveTime(raw.from, nowMs, false);
  const toMs = resolveTime(raw.to, nowMs, true);
  if (fromMs === null || toMs === null || fromMs >= toMs) return { fromMs: nowMs - 3600e3, toMs: nowMs };
  return { fromMs, toMs };
}

export function rangeLabel(raw: RawRange, timeZone?: string): string {
  if (raw.to === 'now') {
    const quick = QUICK_RANGES.find(([from]) => from === raw.from);
    if (quick) return quick[1];
    const simple = /^now-(\d+)([smhdwMy])$/.exec(raw.from);
    if (simple) return `Last ${simple[1]} ${simple[2]}`;
  }
  const show = (text: string): string => {
    if (!/^\d{10,}$/.test(text)) return text;
    return formatTime(Number(text), timeZone);
  };
  return `${show(raw.from)} to ${show(raw.to)}`;
}

// "2026-11-24 03:48:16", with ".123" when asked for milliseconds.
export function formatTime(ms: number, timeZone?: string, millis = false): string {
  const parts = new Intl.DateTimeFormat('sv-SE', {
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    timeZone,
  }).format(new Date(ms));
  return millis ? `${parts}.${String(((ms % 1000) + 1000) % 1000 | 0).padStart(3, '0')}` : parts;
}

export function formatAgo(ms: number, nowMs: number): string {
  const seconds = Math.max(0, Math.round((nowMs - ms) / 1000));
  if (seconds < 2) return 'just now';
  if (seconds < 90) return `${seconds} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 2 * 86_400) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86_400)} d ago`;
}
