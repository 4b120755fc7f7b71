// Replaces $name, ${name}, ${name:format}, [[name]] and [[name:format]] in a
// query, title or link by the values of template variables.

export interface VariableValue {
  values: readonly string[]; // what goes into queries
  texts: readonly string[]; // what a person sees
  multi: boolean; // multi-value or include-all: always a regular expression group
  raw?: boolean; // taken as it stands (built-ins, allValue)
}

export type Scope = ReadonlyMap<string, VariableValue>;

export type DefaultFormat = 'prometheus' | 'text' | 'csv';

const REFERENCE = /\$(\w+)|\[\[(\w+?)(?::(\w+))?\]\]|\$\{(\w+)(?:\.[^:^}]+)?(?::([^}]+))?\}/g;

export function singleValue(value: string): VariableValue {
  return { values: [value], texts: [value], multi: false, raw: true };
}

// Unknown names stay as typed.
export function interpolate(text: string, scope: Scope, defaultFormat: DefaultFormat): string {
  return text.replace(REFERENCE, (whole, plain?: string, square?: string, squareFormat?: string, brace?: string, braceFormat?: string) => {
    const name = plain ?? square ?? brace;
    const value = name === undefined ? undefined : scope.get(name);
    if (name === undefined || value === undefined) return whole;
    return formatVariable(name, value, squareFormat ?? braceFormat, defaultFormat);
  });
}

// The names a text refers to, known or not.
export function referencedNames(text: string): string[] {
  return [...text.matchAll(REFERENCE)].map((match) => match[1] ?? match[2] ?? match[4] ?? '');
}

function formatVariable(name: string, value: VariableValue, format: string | undefined, fallback: DefaultFormat): string {
  const { values, texts } = value;
  switch (format) {
    case undefined:
      return defaultText(value, fallback);
    case 'csv':
    case 'raw':
      return values.join(',');
    case 'pipe':
      return values.join('|');
    case 'regex':
      return values.length === 1 ? escapeRegex(values[0] ?? '') : `(${values.map(escapeRegex).join('|')})`;
    case 'glob':
      return values.length === 1 ? (values[0] ?? '') : `{${values.join(',')}}`;
    case 'json':
      return values.length === 1 ? JSON.stringify(values[0]) : JSON.stringify(values);
    case 'text':
      return texts.join(' + ');
    case 'distributed':
      return values.map((each, index) => (index === 0 ? each : `${name}=${each}`)).join(',');
    case 'doublequote':
      return values.map((each) => `"${each.replace(/"/g, '\\"')}"`).join(',');
    case 'singlequote':
      return values.map((each) => `'${each.replace(/'/g, "\\'")}'`).join(',');
    case 'sqlstring':
      return values.map((each) => `'${each.replace(/'/g, "''")}'`).join(',');
    case 'lucene': {
      const quoted = values.map((each) => `"${each.replace(/["\\]/g, '\\$&')}"`);
      return values.length === 1 ? (values[0] ?? '').replace(/[-+&|!(){}[\]^"~*?:\\/ ]/g, '\\$&') : `(${quoted.join(' OR ')})`;
    }
    case 'percentencode':
      return strictEncode(values.length === 1 ? (values[0] ?? '') : `{${values.join(',')}}`);
    case 'uriencode':
      return encodeURI(values.length === 1 ? (values[0] ?? '') : `{${values.join(',')}}`);
    case 'queryparam':
      return values.map((each) => `var-${name}=${strictEncode(each)}`).join('&');
    case 'date':
    case 'date:iso':
      return new Date(Number(values[0])).toISOString();
    case 'date:seconds':
      return String(Math.floor(Number(values[0]) / 1000));
    default:
      return defaultText(value, fallback);
  }
}

function strictEncode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

function defaultText(value: VariableValue, fallback: DefaultFormat): string {
  if (fallback === 'text') return value.texts.join(' + ');
  if (fallback === 'csv' || value.raw === true) return value.values.join(',');
  if (!value.multi) return escapeQuotes(value.values[0] ?? '');
  const escaped = value.values.map(escapeForMatcher);
  return escaped.length === 1 ? (escaped[0] ?? '') : `(${escaped.join('|')})`;
}

function escapeRegex(text: string): string {
  return text.replace(/[\\^$*+?.()|[\]{}/]/g, '\\$&');
}

// Inside a PromQL string the backslash of a regular expression is doubled.
function escapeForMatcher(text: string): string {
  return text.replace(/\\/g, '\\\\\\\\').replace(/[$^*{}[\]+?.()|]/g, '\\\\$&').replace(/"/g, '\\"');
}

function escapeQuotes(text: string): string {
  return text.replace(/\\/g, '\\\\').replace(/"/g, '\\"');
}
