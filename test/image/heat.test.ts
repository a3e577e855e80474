import { expect, test } from 'vitest';
import { heatColour, overlayHeat } from '../../src/image/heat.js';

test('cold is blue, hot is red, and what is beyond the ends is as the ends are', () => {
  const [cold, hot] = [heatColour(0), heatColour(1)];
  expect(cold[2]).toBeGreaterThan(cold[0]);
  expect(hot[0]).toBeGreaterThan(hot[2]);
  expect(heatColour(-3)).toEqual(cold);
  expect(heatColour(7)).toEqual(hot);
});

test('a map is laid over a picture where it is warm: its cells lie where stride and offset say', () => {
  const size = 16;
  const rgb = new Uint8Array(3 * size * size).fill(100);
  const values = [0, 0, 0, 0, 0, 0, 0, 4, 0]; // row 2, column 1
  overlayHeat(rgb, size, { values, cells: 3, stride: 5, offset: 2.5 }, 4);
  const red = (x: number, y: number): number => rgb[3 * (y * size + x)]!;
  expect(red(7, 12)).toBeGreaterThan(200);
  expect(red(7, 3)).toBe(100);
  expect(red(1, 12)).toBe(100);
});

test('values that are not numbers leave the picture as it is', () => {
  const rgb = new Uint8Array(3 * 16).fill(9);
  overlayHeat(rgb, 4, { values: Array<number>(4).fill(Number.NaN), cells: 2, stride: 2, offset: 1 }, 1);
  expect([...rgb]).toEqual(Array(48).fill(9));
});
