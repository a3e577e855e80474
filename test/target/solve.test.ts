import { expect, test } from 'vitest';
import type { FeatureMap } from '../../src/features/backbone.js';
import { createRandom } from '../../src/random.js';
import { responseAt } from '../../src/target/response.js';
import { principalBasis } from '../../src/target/pca.js';
import { multiplyInLoops } from '../../src/target/multiply.js';
import { iterate, startSolving } from '../../src/target/solve.js';

test('conjugate gradients solve a ridge system', async () => {
  const random = createRandom(9);
  const n = 41;
  const rows = Float32Array.from({ length: 60 * n }, () => random.normal());
  const matrix = new Float32Array(n * n);
  for (let r = 0; r < 60; r++) {
    for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) matrix[i * n + j]! += rows[r * n + i]! * rows[r * n + j]!;
  }
  const x = Float32Array.from({ length: n }, () => random.normal());
  const ridge = 2;
  const b = x.map((value, i) => {
    let sum = ridge * value;
    for (let j = 0; j < n; j++) sum += matrix[i * n + j]! * x[j]!;
    return sum;
  });
  const product = async (v: Float32Array): Promise<Float64Array> =>
    Float64Array.from(await multiplyInLoops({ data: matrix, dims: [n, n] }, { data: v, dims: [n, 1] }));
  const start = await startSolving(product, b, ridge, new Float32Array(n), 1e-6);
  const whole = await iterate(product, start, 200);
  whole.x.forEach((value, i) => expect(value).toBeCloseTo(x[i]!, 3));
  expect(whole.squares).toBeLessThanOrEqual(whole.enough);
  expect(whole.iterations).toBeLessThan(200);
  // in parts it is the same to the last bit, and what a part began with stays
  let parts = start;
  while (parts.squares > parts.enough) parts = await iterate(product, parts, 7);
  expect(parts).toEqual(whole);
  expect(start.x).toEqual(new Float64Array(n));
});

test('the principal basis is orthonormal and holds the directions of most variance', () => {
  const random = createRandom(10);
  const channels = 20;
  const cells = 64;
  const data = new Float32Array(channels * cells);
  // three strong directions, along channels 3, 8 and 15, on weak noise
  for (let i = 0; i < cells; i++) {
    for (let c = 0; c < channels; c++)
      data[c * cells + i] = 5 + 0.05 * random.normal() + ([3, 8, 15].includes(c) ? 2 * random.normal() : 0);
  }
  const map: FeatureMap = { data, batch: 1, channels, width: 8, height: 8, stride: 16, offset: 8 };
  const { directions, mean } = principalBasis(map, 3, random);
  for (let a = 0; a < 3; a++) {
    for (let b = 0; b < 3; b++) {
      let dot = 0;
      for (let c = 0; c < channels; c++) dot += directions[a * channels + c]! * directions[b * channels + c]!;
      expect(dot).toBeCloseTo(a === b ? 1 : 0, 4);
    }
  }
  for (const c of [3, 8, 15]) {
    const energy = [0, 1, 2].reduce((sum, k) => sum + directions[k * channels + c]! ** 2, 0);
    expect(energy).toBeGreaterThan(0.98);
  }
  expect(mean[0]).toBeCloseTo(5, 1);
});

test('the response is bilinear between cell centres, with its slope, and flat beyond the border', () => {
  const axis = { cells: 3, stride: 16, offset: 7 };
  const response = { scores: Float32Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8), axis };
  expect(responseAt(response, 23, 23)).toBe(4);
  expect(responseAt(response, 31, 15)).toBeCloseTo(0.5 * (1.5 + 4.5), 5);
  expect(responseAt(response, -50, 23)).toBe(3);
});
