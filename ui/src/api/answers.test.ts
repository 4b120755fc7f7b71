import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decodeQuery } from './prometheus';
import { dashboardHref, decodeDataSources, defaultOf } from './sightline';
import { decodeSearch } from './tempo';

function golden(name: string): URL {
  return new URL(`../../../../shared/golden/${name}`, import.meta.url);
}

describe('decodeQuery', () => {
  it.each([
    [{ resultType: 'scalar', result: [1, '2'] }, [{ labels: {}, samples: [[1, '2']] }]],
    [{ resultType: 'vector', result: [{ metric: { a: 'b' }, value: [1, '2'] }] }, [{ labels: { a: 'b' }, samples: [[1, '2']] }]],
    [
      { resultType: 'matrix', result: [{ metric: {}, values: [[1, '2'], [2, 'NaN']] }] },
      [{ labels: {}, samples: [[1, '2'], [2, 'NaN']] }],
    ],
    [{ resultType: 'matrix', result: [] }, []],
  ])('%j', (data, series) => {
    expect(decodeQuery({ status: 'success', data, warnings: ['w'], infos: ['i'] })).toEqual({ series, notices: ['w', 'i'] });
  });

  it('carries the reason of an error', () => {
    expect(() => decodeQuery({ status: 'error', error: 'parse error' })).toThrow('parse error');
  });

  it.skipIf(!existsSync(golden('prometheus-query.json')))('reads the captured answer', () => {
    const answer = decodeQuery(JSON.parse(readFileSync(golden('prometheus-query.json'), 'utf8')));
    expect(answer.series).toEqual([{ labels: { http_method: 'GET', job: 'demo-service' }, samples: [[1795485444.978, '5']] }]);
  });
});

describe('decodeSearch', () => {
  it('fills in what the answer leaves out', () => {
    expect(decodeSearch({ traces: [{ traceID: 'abc', rootServiceName: '<root span not yet received>' }] })).toEqual([
      {
        traceId: '00000000000000000000000000000abc',
        service: '<root span not yet received>',
        name: '(no name)',
        startMs: 0,
        durationMs: 0,
        spans: 0,
        errors: 0,
        matched: 0,
        firstSpanId: null,
      },
    ]);
  });

  it.skipIf(!existsSync(golden('tempo-search.json')))('reads the captured answer', () => {
    const [first] = decodeSearch(JSON.parse(readFileSync(golden('tempo-search.json'), 'utf8')));
    expect(first).toMatchObject({
      traceId: 'b58db8c520140689210aa4890326f594',
      service: 'demo-service',
      name: 'GET /slow',
      durationMs: 503,
      spans: 2,
      matched: 1,
      firstSpanId: '44f2095d2d8f049e',
    });
  });
});

describe('data sources', () => {
  const sources = decodeDataSources([
    { uid: 'l', name: 'Logs', type: 'loki' },
    { uid: 'p1', name: 'One', type: 'prometheus', jsonData: { timeInterval: '5s' } },
    { uid: 'p2', name: 'Two', type: 'prometheus', isDefault: true, jsonData: { exemplarTraceIdDestinations: [{ name: 'trace_id', datasourceUid: 't' }] } },
    { uid: 't', name: 'Traces', type: 'tempo' },
  ]);
  it('keeps what it knows', () => expect(sources.map((source) => source.uid)).toEqual(['p1', 'p2', 't']));
  it('finds defaults', () => {
    expect(defaultOf(sources, 'prometheus')?.traceDestinations[0]?.datasourceUid).toBe('t');
    expect(defaultOf(sources, 'tempo')?.uid).toBe('t');
    expect(defaultOf([], 'tempo')).toBeUndefined();
  });
  it.each([
    ['Slow requests (demo)', '/d/u/slow-requests-demo'],
    ['', '/d/u/dashboard'],
  ])('%s -> %s', (title, want) => expect(dashboardHref({ uid: 'u', title })).toBe(want));
});
