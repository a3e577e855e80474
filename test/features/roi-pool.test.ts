import { expect, test } from 'vitest';
import { cutWindow, poolingMatrices, roiPool, touchedWindow, type MapAxis } from '../../src/features/roi-pool.js';
import { createRandom } from '../../src/random.js';

const axis: MapAxis = { cells: 12, stride: 8, offset: 4.3 };
const random = createRandom(5);
const channels = 3;
const map = Float32Array.from({ length: axis.cells ** 2 * channels }, () => random.normal());

/** The bilinear surface at a crop pixel; zero one cell outside the grid. */
function surface(x: number, y: number, channel: number): number {
  const u = (x - axis.offset) / axis.stride;
  const v = (y - axis.offset) / axis.stride;
  let sum = 0;
  for (let row = Math.max(0, Math.floor(v)); row <= Math.min(axis.cells - 1, Math.floor(v) + 1); row++) {
    for (let column = Math.max(0, Math.floor(u)); column <= Math.min(axis.cells - 1, Math.floor(u) + 1); column++) {
      const weight = Math.max(0, 1 - Math.abs(u - column)) * Math.max(0, 1 - Math.abs(v - row));
      sum += weight * map[(row * axis.cells + column) * channels + channel]!;
    }
  }
  return sum;
}

/** Mean of the surface over one bin by the midpoint rule. */
function numericBin(box: readonly number[], bins: number, p: number, q: number, channel: number): number {
  const [cx, cy, w, h] = box as [number, number, number, number];
  const steps = 160;
  let sum = 0;
  for (let i = 0; i < steps; i++) {
    for (let j = 0; j < steps; j++) {
      const x = cx - w / 2 + ((q + (j + 0.5) / steps) * w) / bins;
      const y = cy - h / 2 + ((p + (i + 0.5) / steps) * h) / bins;
      sum += surface(x, y, channel);
    }
  }
  return sum / steps ** 2;
}

test.each([
  ['inside', [47, 50, 31, 22]],
  ['smaller than a cell', [40.2, 33.1, 3, 2]],
  ['across the border', [4, 90, 40, 30]],
])('pooling equals the dense integral of the bilinear surface: box %s', (_, box) => {
  const bins = 3;
  const pooled = roiPool(map, channels, Float32Array.from(box), bins, axis);
  for (let p = 0; p < bins; p++) {
    for (let q = 0; q < bins; q++) {
      for (let c = 0; c < channels; c++) {
        expect(pooled[(p * bins + q) * channels + c]).toBeCloseTo(numericBin(box, bins, p, q, c), 2);
      }
    }
  }
});

test('the window holds every cell with a weight, and pools as the whole map', () => {
  const bins = 3;
  const boxes = Float32Array.from([47, 50, 31, 22, 60, 41, 18, 30]);
  const window = touchedWindow(boxes, axis);
  expect(window.x.count).toBeLessThan(axis.cells);
  const whole = poolingMatrices(boxes, bins, axis);
  const part = poolingMatrices(boxes, bins, axis, window);
  for (const side of ['x', 'y'] as const) {
    const { first, count } = window[side];
    for (let row = 0; row < 2 * bins; row++) {
      const all = whole[side].subarray(row * axis.cells, (row + 1) * axis.cells);
      const inside = all.subarray(first, first + count);
      expect(part[side].subarray(row * count, (row + 1) * count)).toEqual(inside);
      expect(all.filter((weight) => weight !== 0)).toHaveLength(inside.filter((weight) => weight !== 0).length);
    }
  }
  const cut = cutWindow(map, channels, axis, window);
  const cell = (row: number, column: number): number => (row * axis.cells + column) * channels;
  expect(cut.subarray(0, channels)).toEqual(
    map.subarray(cell(window.y.first, window.x.first), cell(window.y.first, window.x.first) + channels),
  );
  expect(cut.at(-1)).toBe(
    map[cell(window.y.first + window.y.count - 1, window.x.first + window.x.count - 1) + channels - 1],
  );
});

test.each([
  ['far outside', [-300, -300, 20, 20]],
  ['of infinite size', [50, 50, Infinity, Infinity]],
  ['of no number', [NaN, NaN, NaN, NaN]],
])('a box %s has a window in the map', (_, box) => {
  for (const { first, count } of Object.values(touchedWindow(Float32Array.from(box), axis))) {
    expect(first).toBeGreaterThanOrEqual(0);
    expect(count).toBeGreaterThan(0);
    expect(first + count).toBeLessThanOrEqual(axis.cells);
  }
});

test('a box far outside pools to zero, an empty one to finite numbers', () => {
  const outside = roiPool(map, channels, Float32Array.of(-300, -300, 20, 20), 3, axis);
  expect(outside.every((value) => value === 0)).toBe(true);
  const empty = roiPool(map, channels, Float32Array.of(50, 50, 0, 0), 3, axis);
  expect(empty.every(Number.isFinite)).toBe(true);
});
