import { expect, test } from 'vitest';
import { CELL_OPTIONS, drawCells, generateCells, placeCells } from '../../../benchmarks/regression/images/cells.js';
import { createRandom } from '../../../src/random.js';

const mean = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => a + b, 0) / values.length;

test('the same seed gives the same bytes, another seed others', () => {
  const first = generateCells(4, 7);
  expect(generateCells(4, 7)).toEqual(first);
  expect(generateCells(4, 8).images).not.toEqual(first.images);
});

test('an image depends on its own number, not on how many there are', () => {
  const few = generateCells(2, 7);
  const more = generateCells(5, 7);
  expect(more.images.subarray(0, few.images.length)).toEqual(few.images);
  expect(more.targets.subarray(0, 2)).toEqual(few.targets);
});

test('as many cells as were asked for, all with their centres inside', () => {
  for (const count of [1, 20, 200]) {
    const cells = placeCells(count, CELL_OPTIONS, createRandom(count));
    expect(cells).toHaveLength(count);
    expect(cells.every(({ x, y }) => Math.min(x, y) >= 1 && Math.max(x, y) <= CELL_OPTIONS.side - 1)).toBe(true);
  }
});

test('a cell more shows: one cell alone stands out of the background', () => {
  const still = { ...CELL_OPTIONS, readNoise: 0, fullWell: Infinity, unevenness: 0, exposureSpread: 0 };
  const background = Math.round(255 * still.background);
  for (let seed = 0; seed < 20; seed++) {
    const brightest = Math.max(...drawCells(1, createRandom(seed), still));
    expect(brightest).toBeGreaterThan(background + 15);
  }
});

test('the mean brightness grows with the count', () => {
  const brightness = [1, 50, 100, 150, 200].map((count) =>
    mean([0, 1, 2].map((seed) => mean(drawCells(count, createRandom(100 * count + seed))))),
  );
  expect(brightness).toEqual(brightness.toSorted((a, b) => a - b));
  expect(brightness[4]! / brightness[1]!).toBeGreaterThan(2.5);
});

test('counts cover 1 to 200 evenly', () => {
  const tiny = { ...CELL_OPTIONS, planes: [0.35] };
  const { targets } = generateCells(120, 3, tiny);
  expect(Math.min(...targets)).toBeGreaterThanOrEqual(1);
  expect(Math.max(...targets)).toBeLessThanOrEqual(200);
  expect(targets.every((count) => Number.isInteger(count))).toBe(true);
  expect(mean(targets)).toBeGreaterThan(80);
  expect(mean(targets)).toBeLessThan(121);
});
