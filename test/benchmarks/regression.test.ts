/** The parts of the 1-D experiments, by numbers. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type * as TF from '@tensorflow/tfjs-core';
import { drawPairs, gridAxis, trueMass } from '../../benchmarks/regression/data.js';
import { divergences, trueHeat } from '../../benchmarks/regression/divergence.js';
import { architectureOf } from '../../benchmarks/regression/losses.js';
import { createWeights, energyJet, features, type Parameters } from '../../benchmarks/regression/network.js';
import { renderSheet } from '../../benchmarks/regression/picture.js';
import { FULL, ROWS, type RunSettings } from '../../benchmarks/regression/settings.js';
import { trainGroup } from '../../benchmarks/regression/train.js';
import type { Weights } from '../../src/ebm/head.js';
import { createRandom } from '../../src/random.js';
import { openTensorflow } from '../../src/runtime/tensorflow.js';

let tf: typeof TF;
let folder: string;
beforeAll(async () => {
  ({ tf } = await openTensorflow({ backend: 'cpu' }));
  folder = mkdtempSync(path.join(tmpdir(), 'regression-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const rowOf = (name: string) => ROWS.find((row) => row.name === name)!;
const load = (weights: Weights): Parameters =>
  Object.fromEntries(
    Object.entries(weights).map(([name, { data, shape }]) => [
      name,
      tf.tensor3d(data, shape as [number, number, number]),
    ]),
  );

/** f and its derivatives at the points, net by net. */
function jetAt(W: Parameters, kind: 'tanh' | 'relu', y: Float32Array, order: 0 | 1 | 2): Float32Array[] {
  const seeds = 2;
  const feature = features(tf, W, 'energy/', tf.tensor3d([0.3, -1.2], [seeds, 1, 1]));
  const points = tf.tile(tf.tensor3d(y, [1, 1, y.length]), [seeds, 1, 1]);
  return energyJet(tf, W, kind, feature, points, order).map((part) => part.dataSync() as Float32Array);
}

test.each(['tanh', 'relu'] as const)('derivatives of the %s net equal differences', (kind) => {
  const architecture = architectureOf(rowOf(kind === 'tanh' ? 'sm' : 'nce-relu'));
  const weights = createWeights(architecture, 2, createRandom(3));
  // initial nets are nearly straight: larger weights bend them
  const W = load(
    Object.fromEntries(Object.entries(weights).map(([k, w]) => [k, { ...w, data: w.data.map((v) => 2 * v) }])),
  );
  const y = Float32Array.of(-2, -0.7, 0.1, 0.8, 1.9);
  const step = 0.02;
  const [f, df, d2f] = jetAt(W, kind, y, 2);
  const [above] = jetAt(
    W,
    kind,
    y.map((v) => v + step),
    0,
  );
  const [below] = jetAt(
    W,
    kind,
    y.map((v) => v - step),
    0,
  );
  let compared = 0;
  f!.forEach((value, i) => {
    const second = (above![i]! - 2 * value + below![i]!) / step ** 2;
    if (kind === 'relu' && Math.abs(second) > 0.1) return; // a kink lies between
    compared++;
    const first = (above![i]! - below![i]!) / (2 * step);
    expect(Math.abs(first - df![i]!)).toBeLessThan(5e-3 * (1 + Math.abs(first)));
    expect(Math.abs(second - d2f![i]!)).toBeLessThan(0.03 + 0.02 * Math.abs(second) + (kind === 'relu' ? 0.1 : 0));
  });
  expect(compared).toBeGreaterThan(6);
});

test('the gradient of score matching, through second derivatives, equals differences', () => {
  const weights = createWeights(architectureOf(rowOf('sm')), 2, createRandom(4));
  const y = Float32Array.of(-0.7, 0.8);
  const loss = (w: TF.Tensor): TF.Scalar => {
    const W = { ...load(weights), 'energy/residual1.w': w as TF.Tensor3D };
    const feature = features(tf, W, 'energy/', tf.tensor3d([0.3, -1.2], [2, 1, 1]));
    const points = tf.tile(tf.tensor3d(y, [1, 1, 2]), [2, 1, 1]);
    const [, df, d2f] = energyJet(tf, W, 'tanh', feature, points, 2);
    return tf.sum(tf.add(tf.mul(d2f!, 30), tf.square(df!)));
  };
  const { shape, data } = weights['energy/residual1.w']!;
  const [gradient] = tf.grads(loss)([tf.tensor3d(data, shape as [number, number, number])]);
  const found = gradient!.dataSync() as Float32Array;
  const at = (index: number, shift: number): number => {
    const moved = data.slice();
    moved[index]! += shift;
    return tf.tidy(() => loss(tf.tensor3d(moved, shape as [number, number, number])).dataSync()[0]!);
  };
  const top = found.reduce((max, v) => Math.max(max, Math.abs(v)), 0);
  for (const index of [0, 17, 99, 100, 142, 199])
    expect(Math.abs((at(index, 0.02) - at(index, -0.02)) / 0.04 - found[index]!) / top).toBeLessThan(0.01);
});

test.each([1, 2] as const)('draws and density of data set %i belong together', (set) => {
  const axis = gridAxis(601);
  const { x, y } = drawPairs(set, 40_000, createRandom(2));
  for (const at of [-2, 1.5]) {
    const near = y.filter((_, i) => Math.abs(x[i]! - at) < 0.1);
    const mass = trueMass(set, Float32Array.of(at), axis);
    expect(mass.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 4);
    const mean = mass.reduce((sum, m, i) => sum + m * axis[i]!, 0);
    expect(near.reduce((a, b) => a + b, 0) / near.length).toBeCloseTo(mean, 1);
    const second = mass.reduce((sum, m, i) => sum + m * axis[i]! ** 2, 0);
    expect(near.reduce((a, b) => a + b * b, 0) / near.length).toBeCloseTo(second, 1);
  }
});

test('the divergence of a flat density is log of the grid minus the entropy', () => {
  const row = rowOf('nce');
  const weights = createWeights(architectureOf(row), 2, createRandom(1));
  const flat = Object.fromEntries(Object.entries(weights).map(([k, w]) => [k, { ...w, data: w.data.map(() => 0) }]));
  const axis = gridAxis(128);
  const negativeEntropy = trueMass(1, axis, axis).reduce((sum, p) => sum + (p > 0 ? p * Math.log(p) : 0), 0) / 128;
  for (const value of divergences(tf, flat, row, 'energy', 1, 128))
    expect(value).toBeCloseTo(negativeEntropy + Math.log(128), 3);
});

const SMALL: RunSettings = { ...FULL, seeds: 2, groupSize: 2, epochs: 6, samples: 8, chains: 2, pairs: 32, grid: 32 };
const trained = (name: string, settings: RunSettings, checkpoint: string): Promise<Weights> =>
  trainGroup(
    { row: rowOf(name), set: 1, index: 0, seeds: 2 },
    { tf, settings, hash: 'x', checkpoint: path.join(folder, checkpoint) },
  );

test.each(ROWS.filter(({ name }) => !/-(1|16)$/.test(name) || name === 'ml-mcmc-16').map(({ name }) => name))(
  '%s trains: all weights move and stay finite',
  async (name) => {
    const before = createWeights(architectureOf(rowOf(name)), 2, createRandom(FULL.seed * 1000 + 100));
    const after = await trained(name, { ...SMALL, epochs: 1 }, `moves-${name}`);
    for (const [key, { data }] of Object.entries(after)) {
      expect(data.every(Number.isFinite)).toBe(true);
      expect(data.some((value, i) => value !== before[key]!.data[i])).toBe(true);
    }
  },
);

test('a run that goes on from its checkpoint ends as the undisturbed one', async () => {
  const whole = await trained('joint-4', SMALL, 'whole');
  await trained('joint-4', { ...SMALL, epochs: 5 }, 'halves');
  expect(await trained('joint-4', SMALL, 'halves')).toEqual(whole);
});

test('a sheet is small', () => {
  const truth = trueHeat(1);
  const sheet = renderSheet('two', truth, [{ title: 'again', heat: truth }]);
  expect(sheet).toContain('<path');
  expect(sheet.length).toBeLessThan(20_000);
});
