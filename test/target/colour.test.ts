import { expect, test } from 'vitest';
import { cropBox, type CropBox } from '../../src/geometry.js';
import type { PixelFormat } from '../../src/image/crop.js';
import { createRandom } from '../../src/random.js';
import { colourTerm, colourGrid, createColourModel, learnColours, type ColourGrid } from '../../src/target/colour.js';

const SIZE = 288;
const RGB: PixelFormat = { layout: 'NHWC', colour: 'RGB', mean: [0, 0, 0], scale: [1, 1, 1] };
const GREEN = [60, 160, 70] as const;
const RED = [200, 50, 40] as const;
const BLUE = [30, 60, 210] as const;
type Colour = readonly [number, number, number];

/** A noisy lawn, and on it boxes of other colours. */
function picture(things: readonly (readonly [CropBox, Colour])[], seed = 1): Float32Array {
  const random = createRandom(seed);
  const pixels = new Float32Array(3 * SIZE * SIZE);
  for (let row = 0; row < SIZE; row++) {
    for (let column = 0; column < SIZE; column++) {
      const thing = things.findLast(
        ([{ cx, cy, w, h }]) => Math.abs(column + 0.5 - cx) < w / 2 && Math.abs(row + 0.5 - cy) < h / 2,
      );
      const colour = thing?.[1] ?? GREEN;
      for (let c = 0; c < 3; c++)
        pixels[3 * (row * SIZE + column) + c] = Math.min(255, Math.max(0, colour[c]! + 12 * random.normal()));
    }
  }
  return pixels;
}

const grid = (pixels: Float32Array): ColourGrid => colourGrid(pixels, SIZE, RGB);
const BOX = cropBox(140, 150, 64, 48);
const WEIGHT = 2;
const model = createColourModel(grid(picture([[BOX, RED]])), BOX);
const at = (y: readonly number[], things: readonly (readonly [CropBox, Colour])[], known = model): number =>
  colourTerm(known, grid(picture(things, 2)), BOX, WEIGHT)(Float32Array.from(y), 0);

test('a grid is the same however the backbone wants its pixels', () => {
  const pixels = picture([[BOX, RED]]);
  const planar = new Float32Array(pixels.length);
  const format: PixelFormat = { ...RGB, layout: 'NCHW', mean: [120, 110, 100], scale: [0.02, 0.03, 0.04] };
  for (let i = 0; i < SIZE * SIZE; i++) {
    for (let c = 0; c < 3; c++) planar[c * SIZE * SIZE + i] = (pixels[3 * i + c]! - format.mean[c]!) * format.scale[c]!;
  }
  const { colours } = colourGrid(planar, SIZE, format);
  const other = grid(pixels).colours;
  // a value on the edge of a level may round to its other side
  expect(colours.filter((colour, i) => colour !== other[i]).length).toBeLessThan(colours.length / 100);
});

test('at the object, as large as it was, they say little; beside it they doubt', () => {
  const same = colourTerm(model, grid(picture([[BOX, RED]])), BOX, WEIGHT)(new Float32Array(4), 0);
  expect(same).toBeCloseTo(Math.log(1.2), 5);
  // of a colour that noise has not yet shown nothing is known
  expect(at([0, 0, 0, 0], [[BOX, RED]])).toBeGreaterThan(-0.4);
  expect(at([1.5, 0, 0, 0], [[BOX, RED]])).toBeLessThan(Math.log(0.3));
  expect(at([1.5, 0, 0, 0], [[BOX, RED]])).toBeGreaterThan(Math.log(0.2));
});

test('they follow the object that moves and grows', () => {
  const moved = cropBox(BOX.cx + 0.3 * BOX.w, BOX.cy, BOX.w, 1.4 * BOX.h);
  const there = at([0.3, 0, 0, Math.log(1.4)], [[moved, RED]]);
  for (const y of [
    [0, 0, 0, 0],
    [0.3, 0, 0, 0],
    [0.6, 0, 0, Math.log(1.4)],
    [0.3, 0.3, 0, Math.log(1.4)],
  ])
    expect(at(y, [[moved, RED]])).toBeLessThan(there);
});

test('a box that is drawn larger than what has its colours stays so', () => {
  // people draw a box about the arms as well
  const loose = cropBox(BOX.cx, BOX.cy + 10, BOX.w * 1.3, BOX.h * 1.5);
  const known = createColourModel(grid(picture([[BOX, RED]])), loose);
  const term = colourTerm(known, grid(picture([[BOX, RED]], 2)), loose, WEIGHT);
  const value = term(new Float32Array(4), 0);
  for (const d of [2, 3]) {
    for (const step of [-0.15, 0.15]) {
      const y = new Float32Array(4);
      y[d] = step;
      expect(Math.abs(term(y, 0) - value)).toBeLessThan(0.25);
    }
  }
});

test('another colour of the object is learned, and the first one is not forgotten', () => {
  const blue = picture([[BOX, BLUE]], 4);
  let known = model;
  for (let n = 0; n < 15; n++) known = learnColours(known, grid(blue), BOX);
  const beside = cropBox(BOX.cx + 1.5 * BOX.w, BOX.cy, BOX.w, BOX.h);
  const here = [0, 0, 0, 0];
  const there = [1.5, 0, 0, 0];
  const lead = (colour: Colour, by = known): number => at(here, [[BOX, colour]], by) - at(there, [[BOX, colour]], by);
  expect(lead(BLUE, model)).toBeLessThan(0.2);
  expect(lead(BLUE)).toBeGreaterThan(1);
  expect(lead(RED)).toBeGreaterThan(1);
  // what has neither colour is no object
  expect(at(there, [[beside, [230, 230, 230]]], known)).toBeLessThan(at(there, [[beside, RED]], known));
});

test('figures are finite for boxes of any place and size', () => {
  for (const box of [cropBox(-500, -500, 10, 10), cropBox(144, 144, 0.5, 0.5), cropBox(144, 144, 5000, 5000)]) {
    const term = colourTerm(createColourModel(grid(picture([])), box), grid(picture([])), box, WEIGHT);
    expect(term(Float32Array.of(0.1, -3, 2, -2), 0)).toSatisfy(Number.isFinite);
  }
});
