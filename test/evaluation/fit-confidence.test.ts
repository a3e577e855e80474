import { expect, test } from 'vitest';
import { fitLogistic } from '../../src/evaluation/fit-confidence.js';
import { scaledScoreOf } from '../../src/published/confidence.js';
import { createRandom } from '../../src/random.js';

const logistic = (value: number): number => 1 / (1 + Math.exp(-value));

test('finds the curve that claims were drawn from', () => {
  const random = createRandom(3);
  const confidence = Array.from({ length: 20_000 }, () => random.uniform());
  const hit: number[] = confidence.map((c) => (random.uniform() < logistic(-2 + 5 * c) ? 1 : 0));
  const { offset, slope } = fitLogistic({ confidence, hit });
  expect(offset).toBeCloseTo(-2, 0);
  expect(Math.abs(slope - 5)).toBeLessThan(0.3);
  // at the maximum of the likelihood as many are expected as there were
  const expected = confidence.reduce((sum, c) => sum + logistic(offset + slope * c), 0);
  expect(expected).toBeCloseTo(
    hit.reduce((a, b) => a + b, 0),
    0,
  );
});

test('scores that part right from wrong without a fault give a steep curve, not infinity', () => {
  const { offset, slope } = fitLogistic({ confidence: [0.1, 0.2, 0.3, 0.7, 0.8, 0.9], hit: [0, 0, 0, 1, 1, 1] });
  expect(Number.isFinite(offset + slope)).toBe(true);
  expect(slope).toBeGreaterThan(10);
});

test('the score of a fitted confidence is found again', () => {
  const curve = { offset: -1.5, slope: 4 };
  expect(scaledScoreOf(logistic(-1.5 + 4 * 0.3), curve)).toBeCloseTo(0.3, 6);
});
