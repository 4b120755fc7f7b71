// One number for a series, by Grafana's names of calculations.
export function reduceValues(values: ReadonlyArray<number | null>, calc: string): number | null {
  const present = values.filter((value): value is number => value !== null);
  const sum = (): number => present.reduce((total, value) => total + value, 0);
  const first = present[0];
  const last = present[present.length - 1];
  if (calc === 'count') return present.length;
  if (first === undefined || last === undefined) return null;
  switch (calc) {
    case 'last':
      return values[values.length - 1] ?? null;
    case 'first':
      return values[0] ?? null;
    case 'firstNotNull':
      return first;
    case 'min':
      return present.reduce((low, value) => Math.min(low, value), first);
    case 'max':
      return present.reduce((high, value) => Math.max(high, value), first);
    case 'mean':
      return sum() / present.length;
    case 'sum':
    case 'total':
      return sum();
    case 'range':
      return present.reduce((high, value) => Math.max(high, value), first) - present.reduce((low, value) => Math.min(low, value), first);
    case 'delta':
    case 'diff':
      return last - first;
    default:
      return last; // lastNotNull
  }
}

const CALC_NAMES: Readonly<Record<string, string>> = { lastNotNull: 'last', firstNotNull: 'first', mean: 'mean', sum: 'total' };

export function calcName(calc: string): string {
  return CALC_NAMES[calc] ?? calc;
}
