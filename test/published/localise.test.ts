import { expect, test } from 'vitest';
import { localise, softmax, type Region } from '../../src/published/localise.js';

const CELLS = 22;
const SIDE = CELLS + 1;
const MIDDLE = CELLS / 2;

/** A map with single peaks: [row, column, score]. */
function scoresOf(...peaks: readonly (readonly [number, number, number])[]): Float32Array {
  const scores = new Float32Array(SIDE * SIDE);
  for (const [row, column, score] of peaks) scores[row * SIDE + column] = score;
  return scores;
}
const region: Region = { cells: CELLS, notFound: 0.25, last: [0, 0], size: [3, 3] };

test.each([
  ['alone', scoresOf([MIDDLE, 12, 0.9]), 'normal', [0, 1]],
  ['too low', scoresOf([MIDDLE, MIDDLE, 0.2]), 'not_found', [0, 0]],
  ['nothing at all', scoresOf(), 'not_found', [-MIDDLE, -MIDDLE]],
  ['no numbers', new Float32Array(SIDE * SIDE).fill(NaN), 'not_found', [-MIDDLE, -MIDDLE]],
  ['its own neighbourhood', scoresOf([MIDDLE, 12, 0.9], [MIDDLE, 14, 0.88]), 'normal', [0, 1]],
  ['something half as high', scoresOf([MIDDLE, 12, 0.9], [MIDDLE, 18, 0.5]), 'hard_negative', [0, 1]],
  ['half as high, but not found itself', scoresOf([MIDDLE, 12, 0.4], [MIDDLE, 18, 0.24]), 'normal', [0, 1]],
  ['its like, far away', scoresOf([MIDDLE, 12, 0.9], [MIDDLE, 22, 0.85]), 'hard_negative', [0, 1]],
  ['the higher one is far away', scoresOf([0, 22, 0.9], [MIDDLE, 12, 0.85]), 'hard_negative', [0, 1]],
  ['both near', scoresOf([MIDDLE, 8, 0.9], [MIDDLE, 14, 0.85]), 'uncertain', [0, -3]],
  ['both far', scoresOf([0, 0, 0.9], [22, 22, 0.85]), 'uncertain', [-MIDDLE, -MIDDLE]],
] as const)('%s', (_, scores, flag, offset) => {
  const place = localise(scores, region);
  expect(place.flag).toBe(flag);
  expect(place.offset).toEqual(offset);
});

test('of equal peaks that in the first column counts, and there the first row', () => {
  const scores = scoresOf([3, 9, 0.5], [9, 3, 0.5], [12, 3, 0.5]);
  expect(localise(scores, region).offset).toEqual([9 - MIDDLE, 3 - MIDDLE]);
});

test('a softmax of large scores is finite and sums to 1', () => {
  const density = softmax(Float32Array.of(1000, 999, -1000));
  expect(density.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 6);
  expect(density[0]).toBeCloseTo(1 / (1 + Math.exp(-1)), 6);
});
