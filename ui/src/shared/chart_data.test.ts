import { describe, expect, it } from 'vitest';
import { alignSeries, appendNewest, axisLimits, extentOf, stackRows, type QuerySeries } from './chart_data';

describe('alignSeries', () => {
  it('makes missing and unreal samples gaps', () => {
    const series = [{ labels: {}, samples: [[10, '1'], [30, 'NaN'], [40, '4']] as const }];
    expect(alignSeries([{ fromMs: 10_000, toMs: 40_000, stepMs: 10_000, series }])).toEqual({
      times: [10, 20, 30, 40],
      values: [[1, null, null, 4]],
      mixedSteps: false,
    });
  });

  it('joins queries of different steps', () => {
    const first = { fromMs: 0, toMs: 20_000, stepMs: 10_000, series: [{ labels: {}, samples: [[0, '1'], [20, '2']] as const }] };
    const second = { fromMs: 0, toMs: 15_000, stepMs: 15_000, series: [{ labels: {}, samples: [[15, '9']] as const }] };
    expect(alignSeries([first, second])).toEqual({
      times: [0, 10, 15, 20],
      values: [
        [1, null, null, 2],
        [null, null, 9, null],
      ],
      mixedSteps: true,
    });
  });

  it('is empty for nothing', () => expect(alignSeries([])).toEqual({ times: [], values: [], mixedSteps: false }));
});

describe('appendNewest', () => {
  it('puts the sample of this moment behind its series, and new series last', () => {
    const series: QuerySeries[] = [{ labels: { a: '1', b: '2' }, samples: [[10, '1']] as const }, { labels: { a: '2' }, samples: [[10, '5']] as const }];
    const newest: QuerySeries[] = [{ labels: { b: '2', a: '1' }, samples: [[14, '3']] as const }, { labels: { a: '3' }, samples: [[14, '9']] as const }];
    expect(appendNewest(series, newest)).toEqual([
      { labels: { a: '1', b: '2' }, samples: [[10, '1'], [14, '3']] },
      { labels: { a: '2' }, samples: [[10, '5']] },
      { labels: { a: '3' }, samples: [[14, '9']] },
    ]);
  });
});

describe('stackRows', () => {
  it.each([
    [[[1, 2], [3, null], [1, 1]], [[1, 2], [4, null], [5, 3]]],
    [[], []],
  ])('%j', (rows, want) => expect(stackRows(rows)).toEqual(want));
});

describe('extentOf', () => {
  it.each([
    [[[1, null, -3], [7]], { min: -3, max: 7 }],
    [[[null]], null],
    [[], null],
  ])('%j', (rows, want) => expect(extentOf(rows)).toEqual(want));
});

describe('axisLimits', () => {
  it.each([
    [null, {}, [0, 1.08]],
    [{ min: 0, max: 5 }, {}, [0, 5.4]],
    [{ min: 3, max: 5 }, {}, [0, 5.4]],
    [{ min: 90, max: 100 }, {}, [89.4, 100.8]],
    [{ min: 5, max: 5 }, {}, [0, 8.1]],
    [{ min: 0, max: 0 }, {}, [0, 1.08]],
    [{ min: 0, max: 0.2 }, { min: 0, max: 1 }, [0, 1]],
    [{ min: 0, max: 5 }, { softMax: 10 }, [0, 10.8]],
  ])('%j with %j', (extent, bounds, want) => {
    const [low, high] = axisLimits(extent, bounds);
    expect(low).toBeCloseTo(want[0] ?? 0, 6);
    expect(high).toBeCloseTo(want[1] ?? 0, 6);
  });
});
