import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decodeAttributes, decodeTrace, idToHex, type Span } from './decode';
import { barOf, buildTree, rowWindow, rulerTicks, servicesOf, visibleRows } from './layout';

describe('idToHex', () => {
  it.each([
    ['CvdlGRbNQ92ESOshHIAxnA==', 16, '0af7651916cd43dd8448eb211c80319c'],
    ['t61rcWkgMzE=', 8, 'b7ad6b7169203331'],
    ['b7ad6b7169203331', 8, 'b7ad6b7169203331'],
    ['', 8, ''],
    ['AAAAAAAAAAA=', 8, ''],
    ['not base64!', 8, ''],
  ] as const)('%s', (text, bytes, want) => expect(idToHex(text, bytes)).toBe(want));
});

describe('decodeAttributes', () => {
  it.each([
    [{ stringValue: 'a' }, 'string', 'a'],
    [{ intValue: '9007199254740993' }, 'int', '9007199254740993'],
    [{ doubleValue: 0.5 }, 'double', '0.5'],
    [{ boolValue: true }, 'bool', 'true'],
    [{ arrayValue: { values: [{ stringValue: 'a' }, { intValue: '2' }] } }, 'array', '["a", 2]'],
    [{ kvlistValue: { values: [{ key: 'k', value: { boolValue: false } }] } }, 'map', '{k: false}'],
    [{}, 'empty', ''],
  ])('%j', (value, type, text) => expect(decodeAttributes([{ key: 'x', value }])).toEqual([{ key: 'x', type, text }]));
});

describe('decodeTrace', () => {
  it.each([[{ trace: {}, metrics: {} }], [{ batches: [] }], [null], ['text']])('finds no spans in %j', (answer) => {
    expect(decodeTrace(answer)).toBeNull();
  });

  it('gives times from the start of the trace', () => {
    const trace = decodeTrace({
      batches: [
        {
          resource: { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] },
          scopeSpans: [
            {
              scope: { name: 'lib' },
              spans: [
                {
                  spanId: 't61rcWkgMzE=',
                  name: 'late',
                  kind: 'SPAN_KIND_CLIENT',
                  startTimeUnixNano: '1795485311163293191',
                  endTimeUnixNano: '1795485311163293291',
                  status: { code: 'STATUS_CODE_ERROR', message: 'boom' },
                  events: [{ timeUnixNano: '1795485311163293201', name: 'exception' }],
                },
                { name: 'first', startTimeUnixNano: '1795485311163293091', endTimeUnixNano: '1795485311163293090' },
              ],
            },
          ],
        },
      ],
    });
    expect(trace?.startUnixNs).toBe(1795485311163293091n);
    expect(trace?.durationNs).toBe(200);
    expect(trace?.spans.map((span) => [span.name, span.startNs, span.durationNs, span.statusCode])).toEqual([
      ['first', 0, 0, 'unset'],
      ['late', 100, 100, 'error'],
    ]);
    expect(trace?.spans[1]).toMatchObject({ kind: 'client', statusMessage: 'boom', resource: { service: 'shop' } });
    expect(trace?.spans[1]?.events[0]?.offsetNs).toBe(110);
  });

  for (const version of ['v1', 'v2']) {
    const golden = new URL(`../../../../shared/golden/tempo-trace-${version}.json`, import.meta.url);
    it.skipIf(!existsSync(golden))(`reads the captured ${version} answer`, () => {
      const trace = decodeTrace(JSON.parse(readFileSync(golden, 'utf8')));
      expect(trace?.traceId).toBe('e41b08ad04d15d702766dab99539eeb6');
      const tree = buildTree(trace?.spans ?? []);
      expect(tree.roots.map((root) => [root.span.name, root.span.kind, root.children.map((c) => c.span.name)])).toEqual([
        ['GET /', 'server', ['index-span']],
      ]);
    });
  }
});

function span(spanId: string, parentSpanId = '', more: Partial<Span> = {}): Span {
  return {
    traceId: 't', spanId, parentSpanId, name: spanId, kind: '', startNs: 0, durationNs: 1, statusCode: 'unset', statusMessage: '',
    traceState: '', attributes: [], droppedAttributes: 0, events: [], links: [], resource: { service: 's', attributes: [] },
    scope: { name: '', version: '', attributes: [] }, ...more,
  };
}

describe('buildTree', () => {
  it.each([
    ['a chain', [span('a'), span('b', 'a'), span('c', 'b')], 'a0 b1 c2'],
    ['siblings in order', [span('a'), span('b', 'a'), span('c', 'a'), span('d', 'b')], 'a0 b1 d2 c1'],
    ['a missing parent', [span('a'), span('b', 'gone')], 'a0 b0'],
    ['a child before its parent', [span('b', 'a'), span('a')], 'a0 b1'],
    ['a cycle', [span('a', 'b'), span('b', 'a')], 'b0 a1'],
    ['its own parent', [span('a', 'a')], 'a0'],
    ['a doubled id', [span('a'), span('b', 'a'), span('b', 'a')], 'a0 b1 b1'],
    ['nothing', [], ''],
  ])('%s', (_name, spans, want) => {
    const rows = visibleRows(buildTree(spans), new Set());
    expect(rows.map((row) => `${row.span.spanId}${row.depth}`).join(' ')).toBe(want);
    expect(rows).toHaveLength(spans.length);
  });

  it('counts descendants, carries errors up and hides what is collapsed', () => {
    const tree = buildTree([span('a'), span('b', 'a'), span('c', 'b', { statusCode: 'error' }), span('d', 'a')]);
    const a = tree.byId.get('a');
    const b = tree.byId.get('b');
    const d = tree.byId.get('d');
    expect([a?.descendants, b?.descendants, a?.hasError, d?.hasError]).toEqual([3, 1, true, false]);
    const rows = b ? visibleRows(tree, new Set([b])) : [];
    expect(rows.map((row) => row.span.spanId)).toEqual(['a', 'b', 'd']);
  });

  it('takes ten thousand spans in one deep chain', () => {
    const spans = Array.from({ length: 10_000 }, (_, index) => span(`s${index}`, index === 0 ? '' : `s${index - 1}`));
    expect(visibleRows(buildTree(spans), new Set()).at(-1)?.depth).toBe(9_999);
  });
});

describe('rowWindow', () => {
  it.each([
    [0, 280, 28, 1000, 5, { first: 0, last: 15 }],
    [2800, 280, 28, 1000, 5, { first: 95, last: 115 }],
    [99_999, 280, 28, 20, 5, { first: 20, last: 20 }],
    [0, 280, 28, 0, 5, { first: 0, last: 0 }],
  ])('scrolled by %d', (top, view, row, count, over, want) => expect(rowWindow(top, view, row, count, over)).toEqual(want));
});

describe('barOf', () => {
  it.each([
    [0, 100, 100, 0, 100],
    [50, 25, 100, 50, 25],
    [90, 50, 100, 90, 10],
    [0, 0, 0, 0, 100],
  ])('%d + %d of %d', (start, duration, whole, leftPercent, widthPercent) => {
    expect(barOf(start, duration, whole)).toEqual({ leftPercent, widthPercent });
  });
});

describe('rulerTicks', () => {
  it.each([
    [503_406_681, 5, [0, 2e8, 4e8]],
    [1e9, 5, [0, 2e8, 4e8, 6e8, 8e8, 1e9]],
    [0, 5, [0]],
  ])('%d in about %d', (whole, about, want) => expect(rulerTicks(whole, about)).toEqual(want));
});

describe('servicesOf', () => {
  it('numbers services by first appearance', () => {
    const other = { service: 'b', attributes: [] };
    expect(servicesOf([span('1'), span('2', '', { resource: other, statusCode: 'error' }), span('3')])).toEqual([
      { service: 's', colour: 0, spans: 2, errors: 0 },
      { service: 'b', colour: 1, spans: 1, errors: 1 },
    ]);
  });
});
