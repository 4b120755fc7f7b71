import { describe, expect, it } from 'vitest';
import { interpolate, referencedNames, singleValue, type Scope } from './interpolate';

const scope: Scope = new Map([
  ['one', { values: ["a'b"], texts: ['A b'], multi: false }],
  ['many', { values: ["a'b", 'c'], texts: ['A b', 'C'], multi: true }],
  ['dots', { values: ['a.b'], texts: ['a.b'], multi: true }],
  ['all', { values: ['.*'], texts: ['All'], multi: true, raw: true }],
  ['quoted', { values: ['say "hi"'], texts: ['say "hi"'], multi: false }],
  ['__interval', singleValue('15s')],
  ['__from', singleValue('1795485311163')],
]);

describe('interpolate', () => {
  it.each([
    ['x{a="$one"}', 'x{a="a\'b"}'],
    ['x{a=~"$many"}', 'x{a=~"(a\'b|c)"}'],
    ['x{a=~"${dots}"}', 'x{a=~"a\\\\.b"}'],
    ['x{a=~"[[all]]"}', 'x{a=~".*"}'],
    ['x{a="$quoted"}', 'x{a="say \\"hi\\""}'],
    ['rate(x[$__interval])', 'rate(x[15s])'],
    ['$unknown ${unknown:csv} [[unknown]]', '$unknown ${unknown:csv} [[unknown]]'],
    ['$oneMore', '$oneMore'],
    ['${many:csv}', "a'b,c"],
    ['${many:distributed}', "a'b,many=c"],
    ['${many:doublequote}', '"a\'b","c"'],
    ['${many:singlequote}', "'a\\'b','c'"],
    ['${many:sqlstring}', "'a''b','c'"],
    ['${many:glob}', "{a'b,c}"],
    ['${many:json}', '["a\'b","c"]'],
    ['${many:lucene}', '("a\'b" OR "c")'],
    ['${many:percentencode}', '%7Ba%27b%2Cc%7D'],
    ['${many:pipe}', "a'b|c"],
    ['${many:raw}', "a'b,c"],
    ['${many:regex}', "(a'b|c)"],
    ['${many:text}', 'A b + C'],
    ['${many:queryparam}', 'var-many=a%27b&var-many=c'],
    ['[[many:pipe]]', "a'b|c"],
    ['${__from:date:seconds}', '1795485311'],
    ['${__from:date:iso}', '2026-11-24T01:55:11.163Z'],
  ])('%s -> %s', (text, want) => expect(interpolate(text, scope, 'prometheus')).toBe(want));

  it('shows texts in titles', () => expect(interpolate('For $many', scope, 'text')).toBe('For A b + C'));
});

describe('referencedNames', () => {
  it('finds every spelling', () => {
    expect(referencedNames('$a ${b:csv} [[c]] ${d.e}')).toEqual(['a', 'b', 'c', 'd']);
  });
});
