import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { axisRange, axisValue, dotPlace, flattenExemplars, shownLabels, thinExemplars, traceActions, type ExemplarPoint, type ExemplarSeries } from './exemplars';

function point(timeMs: number, value: number, labels: Record<string, string> = {}): ExemplarPoint {
  return { timeMs, value, labels, seriesLabels: {}, traceId: labels['trace_id'] ?? null, spanId: labels['span_id'] ?? null };
}

describe('flattenExemplars', () => {
  it('reads both spellings, drops repeats and non-numbers, orders by time', () => {
    const got = flattenExemplars([
      {
        seriesLabels: { le: '1000.0' },
        exemplars: [
          { labels: { trace_id: 'aa', span_id: 'bb' }, value: '501.1', timestamp: 20.0005 },
          { labels: { traceID: 'cc' }, value: '2', timestamp: 10 },
        ],
      },
      {
        seriesLabels: { le: '+Inf' },
        exemplars: [
          { labels: { trace_id: 'aa', span_id: 'bb' }, value: '501.1', timestamp: 20.0005 },
          { labels: {}, value: 'NaN', timestamp: 30 },
        ],
      },
    ]);
    expect(got.map((p) => [p.timeMs, p.value, p.traceId, p.spanId])).toEqual([
      [10_000, 2, 'cc', null],
      [20_001, 501.1, 'aa', 'bb'],
    ]);
  });

  const golden = new URL('../../../../shared/golden/prometheus-query_exemplars.json', import.meta.url);
  it.skipIf(!existsSync(golden))('reads the captured answer of the real chain', () => {
    const answer = JSON.parse(readFileSync(golden, 'utf8')) as { data: ExemplarSeries[] };
    const got = flattenExemplars(answer.data);
    expect(got).toHaveLength(9);
    expect(got.every((p) => p.traceId?.length === 32 && p.spanId?.length === 16)).toBe(true);
  });
});

describe('thinExemplars', () => {
  it.each([
    ['keeps the largest of a step', [point(0, 2), point(1, 3)], 1000, [3]],
    ['keeps one per step', [point(0, 5), point(1000, 5), point(2000, 5)], 1000, [5, 5, 5]],
    ['equal values in a step are one dot', [point(0, 5), point(1, 5)], 1000, [5]],
    [
      'keeps a value two deviations below',
      [point(0, 100), ...Array.from({ length: 20 }, (_, i) => point(1 + i, 1))],
      1000,
      [100, 1],
    ],
    ['nothing in, nothing out', [], 1000, []],
  ])('%s', (_name, points, step, want) => {
    const got = thinExemplars(points, step).map((p) => p.value);
    expect(got.sort((a, b) => b - a)).toEqual(want);
  });
});

describe('axisRange and dotPlace', () => {
  it.each([
    // counts of 0..5, durations of 503 ms: the axis stays, the dot goes to the strip
    [{ min: 0, max: 5 }, [503], { min: 0, max: 5 }, 503, 'strip'],
    // a quantile of 0.4 s and an exemplar of 0.5 s share the axis
    [{ min: 0.1, max: 0.4 }, [0.5], { min: 0.1, max: 0.5 }, 0.5, 'axis'],
    // one outlier does not flatten the lines
    [{ min: 0.1, max: 0.4 }, [0.5, 30], { min: 0.1, max: 0.5 }, 30, 'strip'],
    [{ min: 2, max: 4 }, [1], { min: 1, max: 4 }, 1, 'axis'],
    [null, [7, 3], { min: 3, max: 7 }, 3, 'axis'],
  ] as const)('%j with %j', (series, values, want, probe, place) => {
    const axis = axisRange(series, values);
    expect(axis).toEqual(want);
    if (axis) expect(dotPlace(probe, axis)).toBe(place);
  });
});

describe('axisValue', () => {
  it.each([
    ['traces_span_metrics_calls_total', 503, '', null],
    ['traces_span_metrics_duration_milliseconds_bucket', 503, '', 503],
    ['traces_span_metrics_duration_milliseconds_bucket', 503, 'ms', 503],
    ['traces_span_metrics_duration_milliseconds_bucket', 503, 's', 0.503],
    ['http_server_request_duration_seconds_bucket', 0.2, 'ms', 200],
    ['http_server_request_duration_seconds_count', 0.2, 'reqps', null],
    ['response_size_bytes_bucket', 900, 'bytes', 900],
    ['response_size_bytes_bucket', 900, 'decbytes', 900],
    ['queue_length', 4, 'reqps', 4],
  ])('%s: %d on an axis of "%s" -> %s', (name, value, unit, want) => {
    expect(axisValue({ ...point(0, value), seriesLabels: { __name__: name } }, unit)).toBe(want);
  });
});

describe('traceActions', () => {
  const labels = { trace_id: 'abc', span_id: 'def' };
  it.each([
    [
      [{ name: 'trace_id', datasourceUid: 'tempo', urlDisplayLabel: 'Open' }],
      [{ label: 'Open', href: '/trace/abc?span=def&ds=tempo', external: false }],
    ],
    // the two spellings stand for each other, and one link is enough
    [
      [
        { name: 'traceID', datasourceUid: 'tempo' },
        { name: 'trace_id', datasourceUid: 'tempo' },
      ],
      [{ label: 'View trace', href: '/trace/abc?span=def&ds=tempo', external: false }],
    ],
    [
      [{ name: 'trace_id', url: 'https://x.example/t/${__value.raw}' }],
      [
        { label: 'View trace', href: '/trace/abc?span=def&ds=here', external: false },
        { label: 'x.example', href: 'https://x.example/t/abc', external: true },
      ],
    ],
    [
      [{ name: 'trace_id', url: 'javascript:alert(1)' }],
      [{ label: 'View trace', href: '/trace/abc?span=def&ds=here', external: false }],
    ],
    [[], [{ label: 'View trace', href: '/trace/abc?span=def&ds=here', external: false }]],
  ])('%j', (destinations, want) => {
    expect(traceActions(point(0, 1, labels), destinations, 'here')).toEqual(want);
  });

  it('has nothing to open without a trace id', () => {
    expect(traceActions(point(0, 1, { user: 'x' }), [{ name: 'trace_id', datasourceUid: 't' }], 't')).toEqual([]);
  });
});

it('a trace id under several names is shown once', () => {
  expect(shownLabels({ trace_id: 'aa', traceID: 'aa', span_id: 'b' })).toEqual({ trace_id: 'aa', span_id: 'b' });
  expect(shownLabels({ trace_id: 'aa', traceID: 'cc' })).toEqual({ trace_id: 'aa', traceID: 'cc' });
  expect(shownLabels({ traceID: 'aa', user: 'aa' })).toEqual({ traceID: 'aa', user: 'aa' });
});
