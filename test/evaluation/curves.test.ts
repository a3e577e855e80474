import * as fc from 'fast-check';
import { expect, it, test } from 'vitest';
import {
  countBelow,
  curveAbove,
  curveWithin,
  meanFps,
  spaced,
  successArea,
  successCurve,
  trapezoid,
  valueAt,
} from '../../src/evaluation/curves.js';

const lists = [spaced(21, 1), spaced(101, 1), spaced(51, 50), spaced(51, 0.5), spaced(21, 50), spaced(21, 0.5)];

test.each(lists.map((list) => [list]))('%j: a value is counted as comparing with each threshold says', (thresholds) => {
  const byHand = (value: number): number => thresholds.filter((threshold) => threshold < value).length;
  for (const value of [...thresholds, ...thresholds.map((t) => t * (1 + 2e-16)), ...thresholds.map((t) => t - 1e-17)])
    expect(countBelow(thresholds, value), String(value)).toBe(byHand(value));
  for (const value of [Infinity, -Infinity, -1, Number.NaN]) expect(countBelow(thresholds, value)).toBe(byHand(value));
  fc.assert(
    fc.property(fc.double(), (value) => {
      expect(countBelow(thresholds, value)).toBe(byHand(value));
    }),
  );
  fc.assert(
    fc.property(fc.nat(1000), fc.integer({ min: 1, max: 1000 }), (a, b) => {
      expect(countBelow(thresholds, a / b)).toBe(byHand(a / b)); // quotients of small integers, as overlaps of integer boxes are
    }),
  );
});

it('thresholds are the doubles nearest to their decimals', () => {
  expect(spaced(21, 1)).toEqual([
    0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1,
  ]);
  expect(spaced(51, 0.5)[29]).toBe(0.29);
});

it('curves are shares above (strictly) and within', () => {
  const thresholds = spaced(3, 1);
  const below = new Float64Array(4);
  for (const value of [0, 0.5, 0.6, 1]) below[countBelow(thresholds, value)]!++;
  expect(curveAbove(thresholds, below, 5).values).toEqual([3 / 5, 2 / 5, 0]);
  expect(curveWithin(thresholds, below, 5).values).toEqual([1 / 5, 2 / 5, 4 / 5]);
});

it('success is the share of overlaps strictly above 21 thresholds, its area their mean', () => {
  expect(successArea([1])).toBe(20 / 21);
  expect(successArea([0, 0.05, Number.NaN])).toBeCloseTo(1 / 21 / 3, 12);
  expect(valueAt(successCurve([0.5, 0.51, 0.9, 0]), 0.5)).toBe(0.5);
  expect(successArea([])).toBe(0);
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1 }), (overlaps) => {
      const shares = spaced(21, 1).map((t) => overlaps.filter((overlap) => overlap > t).length / overlaps.length);
      expect(successArea(overlaps)).toBe(shares.reduce((sum, share) => sum + share, 0) / 21);
    }),
  );
});

it('the area of a straight line is that of its triangle', () => {
  expect(trapezoid(spaced(21, 1))).toBeCloseTo(0.5, 12);
  expect(trapezoid([...spaced(20, 0).map(() => 1), 0])).toBeCloseTo(0.975, 12);
});

it('frames a second are the mean of rates, over positive times', () => {
  const seconds = (...values: number[]): { seconds: Float64Array } => ({ seconds: Float64Array.from(values) });
  expect(meanFps([seconds(0, 0.1, 0.5), seconds(Number.NaN, 0.25), {}])).toBeCloseTo((10 + 2 + 4) / 3, 12);
  expect(meanFps([{}, seconds(0)])).toBeUndefined();
});
