// Names for series, by Grafana's legendFormat rules.
export type Labels = Readonly<Record<string, string>>;

const PLACEHOLDER = /\{\{\s*(.+?)\s*\}\}/g;

// metric{a="b", c="d"}; "{}" for a series without any label.
export function seriesText(labels: Labels): string {
  const name = labels['__name__'] ?? '';
  const pairs = Object.keys(labels)
    .filter((key) => key !== '__name__')
    .sort()
    .map((key) => `${key}=${JSON.stringify(labels[key])}`);
  if (pairs.length === 0) return name || '{}';
  return `${name}{${pairs.join(', ')}}`;
}

// "" and "__auto" shorten: if exactly one label tells the series of the answer
// apart its value is enough, else the whole series text.
export function seriesNames(all: readonly Labels[], legendFormat: string | undefined, expr: string): string[] {
  const format = legendFormat ?? '';
  if (format !== '' && format !== '__auto') {
    return all.map((labels) => format.replace(PLACEHOLDER, (_whole, key: string) => labels[key] ?? ''));
  }
  const only = all.length > 1 ? varyingLabels(all) : [];
  const [single] = only;
  return all.map((labels) => {
    if (only.length === 1 && single !== undefined) return labels[single] ?? '';
    const text = seriesText(labels);
    return text === '{}' ? expr : text;
  });
}

function varyingLabels(all: readonly Labels[]): string[] {
  const keys = new Set(all.flatMap((labels) => Object.keys(labels)));
  return [...keys].filter((key) => new Set(all.map((labels) => labels[key])).size > 1);
}
