/** D_KL(p || model) on a grid, both as mass functions of y for each x, averaged over x (Gustafsson et al. 2020). */
import type * as TF from '@tensorflow/tfjs-core';
import type { Weights } from '../../src/ebm/head.js';
import { mixtureLogDensity } from '../../src/ebm/objectives/mixture-likelihood.js';
import { gridAxis, trueMass } from './data.js';
import { energies, features, mixtureOf, type Parameters } from './network.js';
import type { DataSetId, Row } from './settings.js';

/** Which density of a row's nets. */
export type Part = 'energy' | 'proposal';

export function partsOf({ method }: Row): Part[] {
  if (method.objective === 'mdn') return ['proposal'];
  return 'components' in method ? ['energy', 'proposal'] : ['energy'];
}

/** Grid rows evaluated at once: bounds the memory. */
const ROWS_AT_ONCE = 16;
/** Added to the truth before its logarithm. */
const TINY = 1e-30;

/** log p(y | x) of all S nets on a grid, normalised over y: [S, x, y]. */
function logMass(tf: typeof TF, W: Parameters, row: Row, part: Part, x: Float32Array, y: Float32Array): TF.Tensor3D {
  const seeds = Object.values(W)[0]!.shape[0];
  const inputs = tf.tile(tf.tensor3d(x, [1, 1, x.length]), [seeds, 1, 1]);
  const rows = tf.tile(tf.tensor3d(y, [1, 1, y.length]), [seeds, x.length, 1]);
  const unnormalised = (): TF.Tensor2D => {
    if (part === 'energy') return energies(tf, W, row.network, features(tf, W, 'energy/', inputs), rows);
    const prefix = 'proposal/x1.w' in W ? 'proposal/' : 'energy/';
    const mixture = mixtureOf(tf, W, features(tf, W, prefix, inputs));
    return mixtureLogDensity(tf, mixture, tf.reshape(rows, [seeds * x.length, y.length, 1]));
  };
  return tf.reshape(tf.logSoftmax(unnormalised()), [seeds, x.length, y.length]);
}

function loadParameters(tf: typeof TF, weights: Weights): Parameters {
  return Object.fromEntries(
    Object.entries(weights).map(([name, { data, shape }]) => [
      name,
      tf.tensor3d(data, shape as [number, number, number]),
    ]),
  );
}

/** The KL divergence of each of the S nets, in nats. */
export function divergences(
  tf: typeof TF,
  weights: Weights,
  row: Row,
  part: Part,
  set: DataSetId,
  gridSize: number,
): number[] {
  const axis = gridAxis(gridSize);
  const seeds = Object.values(weights)[0]!.shape[0]!;
  const sums = Array<number>(seeds).fill(0);
  for (let from = 0; from < gridSize; from += ROWS_AT_ONCE) {
    const x = axis.subarray(from, from + ROWS_AT_ONCE);
    const p = trueMass(set, x, axis).map((mass) => mass + TINY);
    const negativeEntropy = p.reduce((sum, mass) => sum + mass * Math.log(mass), 0);
    tf.tidy(() => {
      const logQ = logMass(tf, loadParameters(tf, weights), row, part, x, axis);
      const cross = tf.sum(tf.mul(logQ, tf.tensor3d(p, [1, x.length, axis.length])), [1, 2]).dataSync();
      cross.forEach((value, s) => (sums[s]! += negativeEntropy - value));
    });
  }
  return sums.map((sum) => sum / gridSize);
}

/** A small picture of p(y | x): mass of each cell, columns x, rows y, each column sums to 1. */
export interface Heat {
  readonly columns: number;
  readonly rows: number;
  /** [columns, rows] */
  readonly mass: readonly number[];
}

const COLUMNS = 96;
const CELLS = 80;
/** Points of y a cell: narrow densities do not fall between. */
const POINTS = 16;

function cellAxis(count: number): Float32Array {
  return gridAxis(2 * count + 1).filter((_, i) => i % 2 === 1);
}

export function trueHeat(set: DataSetId): Heat {
  return pooled(trueMass(set, cellAxis(COLUMNS), cellAxis(CELLS * POINTS)));
}

/** @param seed which of the S nets */
export function modelHeat(tf: typeof TF, weights: Weights, row: Row, part: Part, seed: number): Heat {
  const mass = tf.tidy(() => {
    const all = logMass(tf, loadParameters(tf, weights), row, part, cellAxis(COLUMNS), cellAxis(CELLS * POINTS));
    return tf.exp(tf.slice(all, [seed, 0, 0], [1, -1, -1])).dataSync() as Float32Array;
  });
  return pooled(mass);
}

function pooled(mass: Float32Array): Heat {
  const cells = Array<number>(COLUMNS * CELLS).fill(0);
  mass.forEach((value, i) => (cells[Math.floor(i / POINTS)]! += value));
  return { columns: COLUMNS, rows: CELLS, mass: cells.map((value) => Math.round(value * 1e4) / 1e4) };
}
