import { expect, test } from 'vitest';
import { areaUnderRoc, binsOf, calibrationError } from '../../src/evaluation/calibration.js';

test('area under ROC by hand: the share of pairs in which the right one was more confident, equals half', () => {
  // right .9 .6 .3, wrong .6 .2: won .9 > .6, .9 > .2, .6 > .2, .3 > .2; equal .6 = .6; lost .3 < .6
  const claims = { confidence: [0.9, 0.6, 0.6, 0.2, 0.3], hit: [1, 0, 1, 0, 1] };
  expect(areaUnderRoc(claims)).toBeCloseTo(4.5 / 6, 12);
  expect(areaUnderRoc({ confidence: [1, 1, 1], hit: [1, 0, 0] })).toBe(0.5);
});

test('weights: a claim of weight 2 is two claims', () => {
  const twice = { confidence: [0.5, 0.5, 0.7, 0.1], hit: [1, 1, 0, 0] };
  const weighed = { confidence: [0.5, 0.7, 0.1], hit: [1, 0, 0], weight: [2, 1, 1] };
  expect(areaUnderRoc(weighed)).toBe(areaUnderRoc(twice));
  expect(binsOf(weighed)).toEqual(binsOf(twice));
});

test('no area where there is nothing to tell apart', () => {
  expect(areaUnderRoc({ confidence: [0.1, 0.9], hit: [1, 1] })).toBeUndefined();
});

test('calibration error by hand: bins by their share', () => {
  const bins = binsOf({ confidence: [0.81, 0.89, 0.1, 1], hit: [1, 0, 0, 1] });
  expect(bins[8]).toEqual({ confidence: expect.closeTo(0.85, 12) as number, right: 0.5, weight: 2 });
  expect(bins[9]).toEqual({ confidence: 1, right: 1, weight: 1 }); // 1 is in the last bin
  expect(calibrationError(bins)).toBeCloseTo((2 * 0.35 + 0.1) / 4, 12);
});
