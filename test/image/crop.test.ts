import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { frameToCrop, searchRegion } from '../../src/geometry.js';
import { regionWindow, resample, resampleInput, writeInput, type PixelFormat } from '../../src/image/crop.js';

/** An image whose pixels follow a function of their centres. */
function picture(width: number, height: number, value: (x: number, y: number, channel: number) => number) {
  const data = new Uint8Array(3 * width * height);
  for (let i = 0; i < data.length; i++) {
    const pixel = Math.floor(i / 3);
    data[i] = value((pixel % width) + 0.5, Math.floor(pixel / width) + 0.5, i % 3);
  }
  return { data, width, height };
}

const random = picture(16, 16, (x, y, channel) => ((Math.sin(x * 12.9 + y * 78.2 + channel) * 43_758) % 128) + 128);
const ramp = picture(120, 100, (x, y, channel) => [2 * x, 2 * y, 50][channel]!);

describe('resample', () => {
  it('gives the pixels themselves where the window is the image', () => {
    const crop = resample(random, { cx: 8, cy: 8, width: 16, height: 16, out: 16 });
    expect([...crop]).toEqual([...random.data]);
  });

  it.each([
    ['larger', 16, 24],
    ['as large', 24, 24],
    ['half as large', 48, 24],
    ['a quarter as large', 80, 20],
    ['of an odd share', 61, 24],
  ])('keeps places when the output is %s', (_, side, out) => {
    const window = { cx: 55.3, cy: 48.7, width: side, height: side, out };
    const crop = resample(ramp, window);
    for (const [column, row] of [
      [2, 2],
      [out - 3, 4],
      [5, out - 3],
    ] as const) {
      const at = 3 * (row * out + column);
      // the ramp tells where a value comes from: its centre lies at x = value / 2
      expect(crop[at]! / 2).toBeCloseTo(window.cx + ((column + 0.5) / out - 0.5) * side, 3);
      expect(crop[at + 1]! / 2).toBeCloseTo(window.cy + ((row + 0.5) / out - 0.5) * side, 3);
      expect(crop[at + 2]).toBeCloseTo(50, 3);
    }
  });

  it('stretches a window that is not square', () => {
    const crop = resample(ramp, { cx: 60, cy: 50, width: 80, height: 40, out: 20 });
    const [first, last] = [3 * (10 * 20 + 2), 3 * (10 * 20 + 17)];
    expect((crop[last]! - crop[first]!) / 2).toBeCloseTo((15 / 20) * 80, 3);
    const [top, bottom] = [3 * (2 * 20 + 10), 3 * (17 * 20 + 10)];
    expect((crop[bottom + 1]! - crop[top + 1]!) / 2).toBeCloseTo((15 / 20) * 40, 3);
  });

  it.each([20, 200])('repeats the border outside the image, window of %i', (side) => {
    const inside = picture(30, 30, (x) => (x < 1 ? 240 : 10));
    const crop = resample(inside, { cx: -side, cy: 15, width: side, height: side, out: 10 });
    expect(crop.every((value) => Math.abs(value - 240) < 1e-3)).toBe(true);
  });

  it('keeps the mean of fine stripes instead of picking some', () => {
    const stripes = picture(240, 240, (x) => (Math.floor(x) % 2 === 0 ? 0 : 200));
    const crop = resample(stripes, { cx: 120, cy: 120, width: 160, height: 160, out: 40 });
    expect(crop.every((value) => Math.abs(value - 100) < 1e-3)).toBe(true);
  });

  it('puts a box where the geometry says', () => {
    const box = { x: 40, y: 30, w: 20, h: 20 };
    const image = picture(120, 100, (x, y) => (x > 40 && x < 60 && y > 30 && y < 50 ? 250 : 0));
    const region = searchRegion({ ...box, x: box.x + 5 }, 4, 96);
    const crop = resample(image, regionWindow(region));
    const expected = frameToCrop(box, region);
    let [mass, x, y] = [0, 0, 0];
    for (let pixel = 0; pixel < 96 * 96; pixel++) {
      const value = crop[3 * pixel]!;
      mass += value;
      x += value * ((pixel % 96) + 0.5);
      y += value * (Math.floor(pixel / 96) + 0.5);
    }
    expect(x / mass).toBeCloseTo(expected.cx, 1);
    expect(y / mass).toBeCloseTo(expected.cy, 1);
    expect(mass / 250 / (expected.w * expected.h)).toBeCloseTo(1, 1);
  });

  it('stays within the values of the image, wherever the window lies', () => {
    const number = fc.double({ min: -100, max: 100, noNaN: true });
    const side = fc.double({ min: 0.1, max: 200, noNaN: true });
    fc.assert(
      fc.property(number, number, side, side, (cx, cy, width, height) => {
        const crop = resample(random, { cx, cy, width, height, out: 8 });
        expect(crop).toHaveLength(3 * 64);
        expect(crop.every((value) => value >= -1e-3 && value <= 255.001)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});

describe('writeInput', () => {
  const rgb = Float32Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]); // [2, 2, 3]
  const format = (over: Partial<PixelFormat>): PixelFormat => ({
    layout: 'NCHW',
    colour: 'RGB',
    mean: [0, 0, 0],
    scale: [1, 1, 1],
    ...over,
  });

  it.each([
    ['NCHW', 'RGB', [1, 4, 7, 10, 2, 5, 8, 11, 3, 6, 9, 12]],
    ['NCHW', 'BGR', [3, 6, 9, 12, 2, 5, 8, 11, 1, 4, 7, 10]],
    ['NHWC', 'RGB', [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]],
    ['NHWC', 'BGR', [3, 2, 1, 6, 5, 4, 9, 8, 7, 12, 11, 10]],
  ] as const)('lays out %s %s', (layout, colour, expected) => {
    const target = new Float32Array(12);
    writeInput(rgb, format({ layout, colour }), target);
    expect([...target]).toEqual([...expected]);
  });

  it('takes mean and scale in the order of the output channels', () => {
    const target = new Float32Array(12);
    writeInput(rgb, format({ colour: 'BGR', mean: [3, 2, 1], scale: [1, 10, 100] }), target);
    expect([...target]).toEqual([0, 3, 6, 9, 0, 30, 60, 90, 0, 300, 600, 900]);
  });

  it('writes its entry of a batch and no other', () => {
    const target = new Float32Array(36).fill(-1);
    writeInput(rgb, format({}), target, 1);
    expect(target.subarray(0, 12).every((value) => value === -1)).toBe(true);
    expect([...target.subarray(12, 16)]).toEqual([1, 4, 7, 10]);
    expect(target.subarray(24).every((value) => value === -1)).toBe(true);
  });
});

describe('resampleInput', () => {
  it.each(['NCHW', 'NHWC'] as const)('gives what resample and writeInput give, %s', (layout) => {
    const format: PixelFormat = { layout, colour: 'BGR', mean: [10, 20, 30], scale: [1, 0.5, 2] };
    for (const side of [20, 90, 300]) {
      const window = { cx: 40.3, cy: 60.7, width: side, height: side, out: 24 };
      const expected = new Float32Array(3 * 24 * 24);
      writeInput(resample(ramp, window), format, expected);
      const found = new Float32Array(3 * 24 * 24);
      resampleInput(ramp, window, format, found);
      for (const [i, value] of found.entries()) expect(value).toBeCloseTo(expected[i]!, 3);
    }
  });
});
