import { describe, expect, it } from 'vitest';
import { seriesNames, seriesText } from './legend';

describe('seriesText', () => {
  it.each([
    [{}, '{}'],
    [{ __name__: 'up' }, 'up'],
    [{ __name__: 'up', job: 'a', instance: 'b"c' }, 'up{instance="b\\"c", job="a"}'],
    [{ job: 'a' }, '{job="a"}'],
  ])('%j -> %s', (labels, want) => expect(seriesText(labels)).toBe(want));
});

describe('seriesNames', () => {
  const get = { http_method: 'GET', job: 'demo' };
  const post = { http_method: 'POST', job: 'demo' };
  it.each([
    [[get], '{{http_method}} {{ job }}', ['GET demo']],
    [[get], '{{missing}}!', ['!']],
    [[get, post], '__auto', ['GET', 'POST']],
    [[get, post], '', ['GET', 'POST']],
    [[get], '__auto', ['{http_method="GET", job="demo"}']],
    [[{}], undefined, ['sum(up)']],
    [[{ a: '1', b: '1' }, { a: '2', b: '2' }], '', ['{a="1", b="1"}', '{a="2", b="2"}']],
  ])('%j with %s', (labels, format, want) => {
    expect(seriesNames(labels, format, 'sum(up)')).toEqual(want);
  });
});
