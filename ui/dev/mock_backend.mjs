// DEVELOPMENT ONLY. Made-up answers in the shapes of the real routes, so that
// the pages can be worked on without the C++ side. Nothing here is built into
// the product. MOCK=empty answers as a server that has received nothing.
import { createHash } from 'node:crypto';

const empty = process.env.MOCK === 'empty';
const started = Date.now() - 754_000;

const sources = [
  {
    uid: 'metrics', name: 'Metrics', type: 'prometheus', url: 'http://127.0.0.1:9090', isDefault: true,
    jsonData: { timeInterval: '5s', exemplarTraceIdDestinations: [{ name: 'traceID', datasourceUid: 'traces', urlDisplayLabel: 'View trace' }] },
  },
  { uid: 'traces', name: 'Traces', type: 'tempo', url: 'http://127.0.0.1:3200', isDefault: false, jsonData: {} },
];

const target = (expr, more = {}) => ({ refId: 'A', expr, exemplar: true, legendFormat: '__auto', ...more });
const dashboards = {
  demo: {
    uid: 'demo', title: 'Slow requests', tags: ['demo', 'red'], time: { from: 'now-30m', to: 'now' }, refresh: '5s', timezone: '', graphTooltip: 1,
    templating: {
      list: [
        { name: 'service', type: 'query', query: 'label_values(traces_span_metrics_calls_total, service_name)', datasource: { uid: 'metrics', type: 'prometheus' }, multi: true, includeAll: true, current: { text: 'All', value: '$__all' } },
        { name: 'percentile', type: 'custom', query: '0.5,0.9,0.99', current: { text: '0.9', value: '0.9' } },
      ],
    },
    panels: [
      { id: 1, type: 'timeseries', title: 'GET /slow, calls', gridPos: { x: 0, y: 0, w: 16, h: 10 }, targets: [target('sum by (http_method, job) (traces_span_metrics_calls_total{span_name="GET /slow"})')], fieldConfig: { defaults: { custom: { fillOpacity: 10, lineWidth: 2 } } } },
      { id: 2, type: 'stat', title: 'Calls', gridPos: { x: 16, y: 0, w: 8, h: 5 }, targets: [target('sum(calls)', { legendFormat: 'calls' })], fieldConfig: { defaults: { unit: 'short', thresholds: { steps: [{ color: 'green', value: null }, { color: 'red', value: 1000 }] } } } },
      { id: 3, type: 'bargauge', title: 'By span', gridPos: { x: 16, y: 5, w: 8, h: 5 }, targets: [target('sum by (span_name) (calls)', { legendFormat: '{{span_name}}' })], fieldConfig: { defaults: { unit: 'short' } } },
      { id: 4, type: 'timeseries', title: 'Duration, p${percentile}', gridPos: { x: 0, y: 10, w: 12, h: 9 }, targets: [target('histogram_quantile($percentile, sum by (le, span_name) (rate(traces_span_metrics_duration_milliseconds_bucket[$__rate_interval])))', { legendFormat: '{{span_name}}' })], fieldConfig: { defaults: { unit: 'ms' } }, options: { legend: { calcs: ['mean', 'max'] } } },
      { id: 5, type: 'timeseries', title: 'Requests', gridPos: { x: 12, y: 10, w: 12, h: 9 }, targets: [target('sum by (span_name) (rate(calls[$__rate_interval])) # bars', { exemplar: false, legendFormat: '{{span_name}}' })], fieldConfig: { defaults: { unit: 'reqps', custom: { drawStyle: 'bars', stacking: { mode: 'normal' } } } } },
      { id: 6, type: 'row', title: 'Details', gridPos: { x: 0, y: 19, w: 24, h: 1 }, collapsed: false },
      { id: 7, type: 'table', title: 'Calls by span', gridPos: { x: 0, y: 20, w: 10, h: 7 }, targets: [target('sum by (span_name) (calls)', { instant: true, range: false, format: 'table' })] },
      { id: 8, type: 'text', title: 'About', gridPos: { x: 10, y: 20, w: 7, h: 7 }, options: { content: '# What this shows\nCalls of the **demo service**.\n\n- a dot is one request\n- a click opens its trace\n\nSee [the start page](/).' } },
      { id: 9, type: 'timeseries', title: 'Nothing here', gridPos: { x: 17, y: 20, w: 7, h: 7 }, targets: [target('absent_metric')] },
      { id: 10, type: 'geomap', title: 'Map', gridPos: { x: 0, y: 27, w: 8, h: 6 } },
      { id: 11, type: 'timeseries', title: 'Broken', gridPos: { x: 8, y: 27, w: 8, h: 6 }, targets: [target('sum(')] },
      { id: 12, type: 'table', title: 'Slow traces', gridPos: { x: 16, y: 27, w: 8, h: 6 }, datasource: { uid: 'traces', type: 'tempo' }, targets: [{ refId: 'A', queryType: 'traceql', query: '{duration>400ms}', limit: 5 }] },
    ],
  },
};

const hash = (text, length) => createHash('sha1').update(text).digest('hex').slice(0, length);
const spanNames = ['GET /', 'GET /slow', 'GET /cart'];
const wave = (t, which) => 1 + Math.sin(t / 190 + which) * 0.5 + Math.sin(t / 41 + which * 3) * 0.25;

function metricValue(expr, t, which) {
  if (expr.includes('quantile')) return [6, 503, 120][which] * (0.7 + 0.25 * wave(t, which));
  if (expr.includes('rate(')) return 2.2 * wave(t, which) * (3 - which);
  return Math.max(0, Math.floor(((t - started / 1000 + 1200) / 23) * (which + 1)));
}

function seriesFor(expr) {
  if (empty || expr.includes('absent')) return [];
  if (expr.includes('http_method')) return [{ http_method: 'GET', job: 'demo-service' }];
  if (expr.includes('span_name')) return spanNames.map((span_name) => ({ span_name }));
  return [{}];
}

function queryRange(form) {
  const [expr, start, end, step] = [form.get('query'), ...['start', 'end', 'step'].map((key) => Number(form.get(key)))];
  if (expr === 'sum(') return [400, { status: 'error', errorType: 'bad_data', error: 'invalid parameter "query": 1:5: parse error: unclosed left parenthesis' }];
  const result = seriesFor(expr).map((metric, which) => {
    const values = [];
    for (let t = start; t <= end + 1e-6; t += step) if (Math.abs(t - (end - 600)) > 25) values.push([t, String(metricValue(expr, t, which))]);
    return { metric, values };
  });
  return [200, { status: 'success', data: { resultType: 'matrix', result } }];
}

function queryInstant(form) {
  const time = Number(form.get('time'));
  const result = seriesFor(form.get('query')).map((metric, which) => ({ metric, value: [time, String(metricValue(form.get('query'), time, which))] }));
  return [200, { status: 'success', data: { resultType: 'vector', result } }];
}

function queryExemplars(form) {
  const [expr, start, end] = [form.get('query'), Number(form.get('start')), Number(form.get('end'))];
  const quantile = expr.includes('quantile');
  const name = quantile ? 'traces_span_metrics_duration_milliseconds_bucket' : 'traces_span_metrics_calls_total';
  const data = empty || expr.includes('absent') ? [] : (quantile ? spanNames : ['GET /slow']).map((span_name, which) => {
    const exemplars = [];
    const every = 67 + which * 31;
    for (let t = Math.ceil(start / every) * every + (which + 1) * 3.25; t <= end; t += every) {
      const trace_id = hash(`${span_name} ${t}`, 32);
      const value = quantile ? metricValue('quantile', t, which) * (0.9 + (parseInt(trace_id.slice(0, 2), 16) / 255) * 0.4) : 500 + parseInt(trace_id.slice(0, 2), 16) / 20;
      exemplars.push({ labels: { trace_id, span_id: hash(`${trace_id} root`, 16) }, value: String(value), timestamp: t });
    }
    return { seriesLabels: { __name__: name, http_method: 'GET', http_status_code: '200', job: 'demo-service', span_kind: 'SPAN_KIND_SERVER', span_name, ...(quantile ? { le: '1000.0' } : {}) }, exemplars };
  });
  return [200, { status: 'success', data }];
}

const base64 = (hex) => Buffer.from(hex, 'hex').toString('base64');
const attributes = (object) => Object.entries(object).map(([key, value]) => ({
  key,
  value: typeof value === 'string' ? { stringValue: value } : typeof value === 'boolean' ? { boolValue: value } : Array.isArray(value) ? { arrayValue: { values: value.map((text) => ({ stringValue: text })) } } : Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value },
}));

// [service, name, kind, start ms, duration ms, children, more]
const shop = ['frontend', 'GET /checkout', 'SERVER', 0, 503.4, [
  ['frontend', 'authorize', 'INTERNAL', 3, 41, [['auth', 'POST /token', 'SERVER', 6, 33, [['auth', 'SELECT sessions', 'CLIENT', 12, 20, []]]]]],
  ['frontend', 'HTTP GET cart', 'CLIENT', 47, 220, [
    ['cart', 'GET /cart/{id}', 'SERVER', 52, 208, [
      ['cart', 'redis GET', 'CLIENT', 55, 4, []],
      ['cart', 'price lookup', 'INTERNAL', 61, 190, [['pricing', 'Quote', 'SERVER', 70, 176, [['pricing', 'SELECT price', 'CLIENT', 76, 161, []]]]]],
    ]],
  ]],
  ['frontend', 'HTTP POST payment', 'CLIENT', 270, 218, [
    ['payment', 'POST /charge', 'SERVER', 276, 205, [['payment', 'card gateway', 'CLIENT', 280, 196, [], { error: 'gateway timed out after 190 ms' }]], { error: 'charge failed' }],
  ]],
  ['frontend', 'render', 'INTERNAL', 489, 12, []],
]];

function traceOf(traceId) {
  const start = BigInt(Date.now() - 60_000) * 1_000_000n;
  const byService = new Map();
  let count = 0;
  const add = ([service, name, kind, at, ms, children, more = {}], parent) => {
    const spanId = hash(parent === '' ? `${traceId} root` : `${traceId} ${count}`, 16);
    count += 1;
    const from = start + BigInt(Math.round(at * 1e6));
    const span = {
      traceId: base64(traceId), spanId: base64(spanId), ...(parent ? { parentSpanId: base64(parent) } : {}), name, kind: `SPAN_KIND_${kind}`,
      startTimeUnixNano: String(from), endTimeUnixNano: String(from + BigInt(Math.round(ms * 1e6))),
      attributes: attributes({ 'http.method': 'GET', 'http.status_code': more.error ? 500 : 200, 'cache.hit': false, ratio: 0.25, tags: ['a', 'b'], 'http.target': '/checkout?basket=2f1c&currency=EUR' }),
      status: more.error ? { code: 'STATUS_CODE_ERROR', message: more.error } : {},
    };
    if (more.error) span.events = [{ timeUnixNano: String(from + BigInt(Math.round(ms * 9e5))), name: 'exception', attributes: attributes({ 'exception.type': 'TimeoutError', 'exception.message': more.error, 'exception.stacktrace': 'TimeoutError: gateway\n  at charge (pay.py:41)\n  at handle (app.py:12)' }) }];
    if (parent === '') span.links = [{ traceId: base64(hash('linked', 32)), spanId: base64(hash('linked', 16)), attributes: attributes({ reason: 'retry' }) }];
    if (!byService.has(service)) byService.set(service, []);
    byService.get(service).push(span);
    for (const child of children) add(child, spanId);
  };
  if (traceId.startsWith('00000000')) return {};
  const many = traceId.startsWith('bbbbbbbb');
  add(many ? [...shop.slice(0, 5), Array.from({ length: 100 }, (_, i) => ['worker', `batch ${i}`, 'INTERNAL', i * 5, 5, Array.from({ length: 99 }, (_, j) => ['worker', `item ${j}`, 'INTERNAL', i * 5 + j * 0.05, 0.05, []])])] : shop, '');
  return {
    resourceSpans: [...byService].map(([service, spans]) => ({
      resource: { attributes: attributes({ 'service.name': service, 'telemetry.sdk.language': 'python', 'service.instance.id': 'e61221fb' }) },
      scopeSpans: [{ scope: { name: 'opentelemetry.instrumentation.flask', version: '0.66b1' }, spans }],
    })),
  };
}

function search(query) {
  const traces = empty || query.get('q').includes('nothing') ? [] : Array.from({ length: Math.min(12, Number(query.get('limit'))) }, (_, index) => {
    const traceID = hash(`trace ${index}`, 32);
    const durationMs = [503, 2, 501, 120, 1, 44, 502, 3, 240, 0, 500, 2][index];
    return {
      traceID, rootServiceName: index % 4 === 3 ? 'checkout' : 'demo-service', rootTraceName: durationMs >= 500 ? 'GET /slow' : index % 4 === 3 ? 'POST /orders/{id}/confirm' : 'GET /',
      startTimeUnixNano: String(BigInt(Date.now() - index * 3700) * 1_000_000n), durationMs,
      spanSets: [{ spans: [{ spanID: hash(`${traceID} root`, 16) }], matched: 1 }],
      serviceStats: { 'demo-service': { spanCount: 2 + (index % 4 === 3 ? 9 : 0), ...(index % 4 === 3 ? { errorCount: 1 } : {}) } },
    };
  });
  return { traces, metrics: {} };
}

function status() {
  const spans = empty ? 0 : Math.floor((Date.now() - started) / 90);
  const now = new Date().toISOString();
  return {
    version: '0.1.0', started_at: new Date(started).toISOString(), uptime_seconds: (Date.now() - started) / 1000, data_dir: '/home/me/shop/data', roles: ['collector', 'traces', 'metrics', 'ui'],
    listeners: [
      { name: 'OTLP gRPC', address: '127.0.0.1:4317', role: 'collector' }, { name: 'OTLP HTTP', address: '127.0.0.1:4318', role: 'collector' },
      { name: 'Web UI', address: '127.0.0.1:3000', role: 'ui' }, { name: 'Prometheus API', address: '127.0.0.1:9090', role: 'metrics' }, { name: 'Tempo API', address: '127.0.0.1:3200', role: 'traces' },
    ],
    received: {
      spans_total: spans, spans_per_second: empty ? 0 : 11 + Math.sin(Date.now() / 5000), rejected_spans_total: 0, requests_total: spans / 8, last_span_at: empty ? null : now,
      services: empty ? [] : [{ name: 'demo-service', spans_total: Math.floor(spans * 0.7), last_seen: now }, { name: 'checkout', spans_total: Math.floor(spans * 0.22), last_seen: now }, { name: 'payment', spans_total: Math.floor(spans * 0.08), last_seen: now }],
    },
    stored: { series: empty ? 0 : 412, samples_total: spans * 9, exemplars: empty ? 0 : 96, live_traces: empty ? 0 : 7, trace_blocks: empty ? 0 : 3, spans, bytes_on_disk: spans * 260 },
  };
}

function route(path, query, form) {
  if (path === '/api/self/status') return [200, status()];
  if (path === '/api/ui/datasources') return [200, sources];
  if (path === '/api/ui/dashboards') return [200, Object.values(dashboards).map(({ uid, title, tags }) => ({ uid, title, tags, folder: '' }))];
  const dashboard = dashboards[path.replace('/api/ui/dashboards/', '')];
  if (dashboard) return [200, { dashboard, path: 'dashboards/demo.json' }];
  const api = path.replace(/^\/api\/datasources\/proxy\/uid\/[^/]+/, '');
  if (api === '/api/v1/query_range') return queryRange(form);
  if (api === '/api/v1/query') return queryInstant(form);
  if (api === '/api/v1/query_exemplars') return queryExemplars(form);
  if (api.startsWith('/api/v1/label/')) return [200, { status: 'success', data: ['demo-service', 'checkout', 'payment'] }];
  if (api.startsWith('/api/v2/traces/')) return [200, { trace: traceOf(api.slice('/api/v2/traces/'.length).padStart(32, '0')), metrics: {} }];
  if (api === '/api/search') return query.get('q').includes('(((') ? [400, 'invalid TraceQL query: parse error at line 1, col 5: unexpected ('] : [200, search(query)];
  return [404, { error: `no such route: ${path}` }];
}

export function answer(request, response, next) {
  const url = new URL(request.url, 'http://mock');
  if (!url.pathname.startsWith('/api/')) {
    next();
    return;
  }
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const [code, body] = route(url.pathname, url.searchParams, new URLSearchParams(Buffer.concat(chunks).toString()));
    response.statusCode = code;
    response.setHeader('Content-Type', typeof body === 'string' ? 'text/plain' : 'application/json');
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
}
