// Tempo's JSON of one trace (ids in base64, 64-bit integers as strings) to the
// spans that the waterfall draws.
import { asArray, asNumber, asObject, asString, type JsonObject } from '../shared/json';

export type AttributeType = 'string' | 'int' | 'double' | 'bool' | 'array' | 'map' | 'bytes' | 'empty';

export interface Attribute {
  key: string;
  type: AttributeType;
  text: string;
}

export interface SpanEvent {
  name: string;
  offsetNs: number; // from the start of the trace
  attributes: Attribute[];
}

export interface SpanLink {
  traceId: string;
  spanId: string;
  attributes: Attribute[];
}

export interface Resource {
  service: string;
  attributes: Attribute[];
}

export interface Scope {
  name: string;
  version: string;
  attributes: Attribute[];
}

export type StatusCode = 'unset' | 'ok' | 'error';

export interface Span {
  traceId: string; // hex
  spanId: string; // hex
  parentSpanId: string; // hex, "" for a root
  name: string;
  kind: string; // "server", "client", ...; "" when unspecified
  startNs: number; // from the start of the trace
  durationNs: number;
  statusCode: StatusCode;
  statusMessage: string;
  traceState: string;
  attributes: Attribute[];
  droppedAttributes: number;
  events: SpanEvent[];
  links: SpanLink[];
  resource: Resource;
  scope: Scope;
}

export interface Trace {
  traceId: string;
  startUnixNs: bigint;
  durationNs: number;
  spans: Span[]; // by start time
}

// Hex passes through, so that an answer that already carries hex ids works too.
export function idToHex(text: string, bytes: 8 | 16): string {
  if (text === '') return '';
  if (text.length === 2 * bytes && /^[0-9a-fA-F]+$/.test(text)) return text.toLowerCase();
  let binary: string;
  try {
    binary = atob(text.replace(/-/g, '+').replace(/_/g, '/'));
  } catch {
    return '';
  }
  let hex = '';
  for (let index = 0; index < binary.length; index++) hex += binary.charCodeAt(index).toString(16).padStart(2, '0');
  return /^0*$/.test(hex) ? '' : hex.padStart(2 * bytes, '0');
}

function toBigInt(value: unknown): bigint {
  if (typeof value === 'number' && Number.isFinite(value)) return BigInt(Math.trunc(value));
  if (typeof value === 'string' && /^-?\d+$/.test(value)) return BigInt(value);
  return 0n;
}

function decodeValue(value: JsonObject): { type: AttributeType; text: string } {
  if ('stringValue' in value) return { type: 'string', text: asString(value['stringValue']) };
  if ('intValue' in value) return { type: 'int', text: String(value['intValue']) };
  if ('doubleValue' in value) return { type: 'double', text: String(value['doubleValue']) };
  if ('boolValue' in value) return { type: 'bool', text: String(value['boolValue']) };
  if ('bytesValue' in value) return { type: 'bytes', text: asString(value['bytesValue']) };
  if ('arrayValue' in value) {
    const items = asArray(asObject(value['arrayValue'])['values']).map((item) => quoted(decodeValue(asObject(item))));
    return { type: 'array', text: `[${items.join(', ')}]` };
  }
  if ('kvlistValue' in value) {
    const items = decodeAttributes(asObject(value['kvlistValue'])['values']).map((item) => `${item.key}: ${quoted(item)}`);
    return { type: 'map', text: `{${items.join(', ')}}` };
  }
  return { type: 'empty', text: '' };
}

function quoted(value: { type: AttributeType; text: string }): string {
  return value.type === 'string' ? JSON.stringify(value.text) : value.text;
}

export function decodeAttributes(list: unknown): Attribute[] {
  return asArray(list)
    .map((entry) => {
      const object = asObject(entry);
      return { key: asString(object['key']), ...decodeValue(asObject(object['value'])) };
    })
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
}

function decodeKind(value: unknown): string {
  const names = ['', 'internal', 'server', 'client', 'producer', 'consumer'];
  if (typeof value === 'number') return names[value] ?? '';
  const name = asString(value).replace('SPAN_KIND_', '').toLowerCase();
  return name === 'unspecified' ? '' : name;
}

function decodeStatus(value: unknown): StatusCode {
  if (value === 2 || value === 'STATUS_CODE_ERROR') return 'error';
  if (value === 1 || value === 'STATUS_CODE_OK') return 'ok';
  return 'unset';
}

interface TimedSpan {
  span: Span;
  start: bigint;
  end: bigint;
  events: ReadonlyArray<{ at: bigint; event: SpanEvent }>;
}

function decodeSpan(json: JsonObject, resource: Resource, scope: Scope): TimedSpan {
  const start = toBigInt(json['startTimeUnixNano']);
  const end = toBigInt(json['endTimeUnixNano']);
  const status = asObject(json['status']);
  const events = asArray(json['events']).map((entry) => {
    const event = asObject(entry);
    return {
      at: toBigInt(event['timeUnixNano']),
      event: { name: asString(event['name']), offsetNs: 0, attributes: decodeAttributes(event['attributes']) },
    };
  });
  const links = asArray(json['links']).map((entry) => {
    const link = asObject(entry);
    return {
      traceId: idToHex(asString(link['traceId']), 16),
      spanId: idToHex(asString(link['spanId']), 8),
      attributes: decodeAttributes(link['attributes']),
    };
  });
  const span: Span = {
    traceId: idToHex(asString(json['traceId']), 16),
    spanId: idToHex(asString(json['spanId']), 8),
    parentSpanId: idToHex(asString(json['parentSpanId']), 8),
    name: asString(json['name']) || '(no name)',
    kind: decodeKind(json['kind']),
    startNs: 0,
    durationNs: end > start ? Number(end - start) : 0,
    statusCode: decodeStatus(status['code']),
    statusMessage: asString(status['message']),
    traceState: asString(json['traceState']),
    attributes: decodeAttributes(json['attributes']),
    droppedAttributes: asNumber(json['droppedAttributesCount'], 0),
    events: events.map(({ event }) => event),
    links,
    resource,
    scope,
  };
  return { span, start, end: end > start ? end : start, events };
}

function decodeResource(json: JsonObject): Resource {
  const attributes = decodeAttributes(json['attributes']);
  const service = attributes.find((attribute) => attribute.key === 'service.name')?.text;
  return { service: service || 'unknown service', attributes };
}

// Takes the answers of /api/v2/traces/{id} ({trace:{resourceSpans}}) and of
// /api/traces/{id} ({batches}). null when there is no span in it.
export function decodeTrace(answer: unknown): Trace | null {
  const top = asObject(answer);
  const body = 'trace' in top ? asObject(top['trace']) : top;
  const timed: TimedSpan[] = [];
  for (const batch of asArray(body['resourceSpans'] ?? body['batches'])) {
    const group = asObject(batch);
    const resource = decodeResource(asObject(group['resource']));
    for (const entry of asArray(group['scopeSpans'] ?? group['instrumentationLibrarySpans'])) {
      const scopeSpans = asObject(entry);
      const json = asObject(scopeSpans['scope']);
      const scope: Scope = {
        name: asString(json['name']),
        version: asString(json['version']),
        attributes: decodeAttributes(json['attributes']),
      };
      for (const span of asArray(scopeSpans['spans'])) timed.push(decodeSpan(asObject(span), resource, scope));
    }
  }
  return timed.length === 0 ? null : assemble(timed);
}

function assemble(timed: TimedSpan[]): Trace {
  let start = timed[0]?.start ?? 0n;
  let end = timed[0]?.end ?? 0n;
  for (const each of timed) {
    if (each.start < start) start = each.start;
    if (each.end > end) end = each.end;
  }
  for (const each of timed) {
    each.span.startNs = Number(each.start - start);
    for (const { at, event } of each.events) event.offsetNs = Number(at - start);
  }
  const spans = timed.map(({ span }) => span).sort((a, b) => a.startNs - b.startNs || b.durationNs - a.durationNs);
  return { traceId: spans[0]?.traceId ?? '', startUnixNs: start, durationNs: Number(end - start), spans };
}
