import { expect, it } from 'vitest';
import type { Estimate } from '../../src/ebm/estimate.js';
import { cropBox } from '../../src/geometry.js';
import {
  CONFIDENCE_INPUTS,
  confidenceInputs,
  confidenceOf,
  evidenceOf,
  filterInputs,
  type Evidence,
} from '../../src/tracker/confidence.js';

const MODEL = { bias: 0, weights: [1, 1, 1, 1, 1, 1] };
const SOUND: Evidence = { response: 1, rival: 0, spread: 0.02, effectiveShare: 0.9, height: 1, logZ: 8 };

it.each(Object.keys(SOUND))('no confidence comes of a %s that is no number', (figure) => {
  expect(confidenceOf(confidenceInputs({ ...SOUND, [figure]: Number.NaN }), MODEL)).toBe(0);
  expect(confidenceOf(confidenceInputs(SOUND), MODEL)).toBeGreaterThan(0.5);
});

it('is the logistic function of the weighted inputs', () => {
  const inputs = confidenceInputs(SOUND);
  expect(inputs).toHaveLength(CONFIDENCE_INPUTS);
  expect(inputs).toEqual([1, 0, -0.6, 0.8, 1, 0.8]);
  const logit = 0.3 + 2 * 1 + 5 * -0.6;
  expect(confidenceOf(inputs, { bias: 0.3, weights: [2, 7, 5] })).toBeCloseTo(1 / (1 + Math.exp(-logit)), 12);
});

it('one frame counts half, some decide', () => {
  const model = { bias: 0, weights: [2, -1, -1, 1, 1, 1] };
  const good = confidenceInputs(SOUND);
  const bad = confidenceInputs({ response: 0, rival: 1, spread: 0.12, effectiveShare: 0.1, height: 0, logZ: -6 });
  let inputs = filterInputs(undefined, good);
  expect(inputs).toEqual(good);
  inputs = filterInputs(inputs, bad);
  inputs.forEach((value, i) => expect(value).toBeCloseTo((good[i]! + bad[i]!) / 2, 12));
  for (let frame = 0; frame < 9; frame++) inputs = filterInputs(inputs, bad);
  expect(confidenceOf(inputs, model)).toBeLessThan(0.25);
});

it('the rival is the highest response further than one box away, the height is relative to the first one', () => {
  const axis = { cells: 5, stride: 10, offset: 5 };
  const scores = new Float32Array(25);
  scores[2 * 5 + 2] = 0.8; // at (25, 25), on the box
  scores[2 * 5 + 3] = 0.7; // 10 px away, less than its width of 12
  scores[0] = 0.4; // 20 px away
  const estimate = { sigma: Float64Array.of(0.1, 0.2, 0.1, 0.2), effectiveShare: 0.6, best: 9, logZ: 3 };
  const evidence = evidenceOf({ scores, axis }, cropBox(25, 25, 12, 12), estimate as unknown as Estimate, 12);
  expect(evidence).toEqual({
    response: expect.closeTo(0.8, 6) as number,
    rival: expect.closeTo(0.4, 6) as number,
    spread: expect.closeTo(Math.sqrt((0.01 + 0.04 + 0.01 + 0.04) / 4), 12) as number,
    effectiveShare: 0.6,
    height: 0.75,
    logZ: 3,
  });
});
