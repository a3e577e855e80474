/**
 * Figures on test images: the energy's density normalised on a dense grid as in the authors' evaluation, the MDN's in closed form.
 * Target units throughout: nats of a density in counts, years or degrees.
 */
import type * as TF from '@tensorflow/tfjs-core';
import type { Weights } from '../../../src/ebm/head.js';
import { mixtureLogDensity } from '../../../src/ebm/objectives/mixture-likelihood.js';
import { createRandom } from '../../../src/random.js';
import { takeRows, type ImageSet, type ImageTask } from './data.js';
import { backbone, embedTargets, energies, mixture, partsOf, regress, type Tensors } from './network.js';
import { fromScaled, sampleMixtures, scaleOf, toScaled, type Scale } from './proposals.js';
import type { Method, RunSettings } from './settings.js';
import { imageTensor, mixtureValues } from './train.js';

/** Means over the test images. */
export interface Figures {
  readonly nll: number;
  /** Of the density's mean; of the regression's output. */
  readonly mae: number;
  /** Of the density's maximum on the grid. */
  readonly maeArgmax?: number;
  /** With the learned proposal instead of the grid: NLL with log Z^, self-normalised mean, effective sample size of M. */
  readonly nllSampled?: number;
  readonly maeSampled?: number;
  readonly effectiveSamples?: number;
}

/** A row gives one density, or two: the energy and the proposal that was learned with it. */
export interface RowFigures {
  readonly regression?: Figures;
  readonly energy?: Figures;
  readonly proposal?: Figures;
}

export interface Evaluation {
  readonly tf: typeof TF;
  readonly task: ImageTask;
  readonly method: Method;
  readonly settings: RunSettings;
  readonly weights: Weights;
  readonly validation: ImageSet;
  readonly test: ImageSet;
}

const BATCH = 50;
/** Energies held at once: [rows, G, 64] floats. */
const GRID_ROWS = 4;

export function evaluate(evaluation: Evaluation): RowFigures {
  const { tf, method, weights } = evaluation;
  const W: Record<string, TF.Tensor> = {};
  for (const [name, { data, shape }] of Object.entries(weights)) W[name] = tf.tensor(data, [...shape]);
  try {
    if (method.objective === 'l2') return { regression: evaluateRegression(evaluation, W) };
    const { energy, proposal } = partsOf(method);
    return {
      ...(energy ? { energy: evaluateEnergy(evaluation, W) } : {}),
      ...(proposal ? { proposal: evaluateProposal(evaluation, W) } : {}),
    };
  } finally {
    tf.dispose(W);
  }
}

/** What `compute` returns for batches of a set, one after the other. */
function inBatches(
  { tf, task }: Evaluation,
  set: ImageSet,
  size: number,
  compute: (images: TF.Tensor4D, batch: ImageSet, first: number) => void,
): void {
  const count = set.targets.length / task.axes.length;
  for (let first = 0; first < count; first += size) {
    const rows = Array.from({ length: Math.min(size, count - first) }, (_, i) => first + i);
    const batch = takeRows(task, set, rows);
    tf.tidy(() => compute(imageTensor(tf, task, batch.images), batch, first));
  }
}

/** Mean of a list; NaN of an empty one. */
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** |prediction - target| of each image, averaged over the dimensions. */
function absoluteErrors(predicted: Float32Array, targets: Float32Array, dimensions: number): number[] {
  return Array.from({ length: targets.length / dimensions }, (_, row) => {
    let sum = 0;
    for (let d = 0; d < dimensions; d++) {
      sum += Math.abs(predicted[row * dimensions + d]! - targets[row * dimensions + d]!);
    }
    return sum / dimensions;
  });
}

function evaluateRegression(evaluation: Evaluation, W: Tensors): Figures {
  const { tf, task, validation, test } = evaluation;
  const dimensions = task.axes.length;
  const predict = (set: ImageSet): Float32Array => {
    const all = new Float32Array(set.targets.length);
    inBatches(evaluation, set, BATCH, (images, _, first) => {
      const scaled = regress(tf, W, backbone(tf, W, 'regression', images)).dataSync() as Float32Array;
      all.set(fromScaled(scaleOf(task), scaled), first * dimensions);
    });
    return all;
  };
  const held = predict(validation);
  const variances = task.axes.map((_, d) =>
    mean([...held].flatMap((value, i) => (i % dimensions === d ? [(value - validation.targets[i]!) ** 2] : []))),
  );
  const predicted = predict(test);
  let nll = 0;
  for (const [i, value] of predicted.entries()) {
    const variance = variances[i % dimensions]!;
    nll += 0.5 * Math.log(2 * Math.PI * variance) + (value - test.targets[i]!) ** 2 / (2 * variance);
  }
  return {
    nll: nll / (predicted.length / dimensions),
    mae: mean(absoluteErrors(predicted, test.targets, dimensions)),
  };
}

function proposalFeatures(tf: typeof TF, method: Method, W: Tensors, images: TF.Tensor4D): TF.Tensor2D {
  return backbone(tf, W, method.objective === 'joint' ? 'energy' : 'proposal', images);
}

function evaluateProposal(evaluation: Evaluation, W: Tensors): Figures {
  const { tf, task, method } = evaluation;
  const scale = scaleOf(task);
  const dimensions = task.axes.length;
  const nlls: number[] = [];
  const errors: number[] = [];
  inBatches(evaluation, evaluation.test, BATCH, (images, batch) => {
    const q = mixture(tf, W, proposalFeatures(tf, method, W, images), dimensions);
    const rows = images.shape[0];
    const truth = tf.tensor3d(toScaled(scale, batch.targets), [rows, 1, dimensions]);
    for (const logDensity of mixtureLogDensity(tf, q, truth).dataSync()) nlls.push(scale.logJacobian - logDensity);
    const means = tf.sum(tf.mul(q.means, tf.expandDims(tf.softmax(q.logits), 2)), 1).dataSync() as Float32Array;
    errors.push(...absoluteErrors(fromScaled(scale, means), batch.targets, dimensions));
  });
  return { nll: mean(nlls), mae: mean(errors) };
}

/** All points of the task's grid, target units: [G, D], and log of the volume of a point. */
export function gridOf({ axes }: ImageTask): { points: Float32Array; logVolume: number } {
  const count = axes.reduce((product, { gridPoints }) => product * gridPoints, 1);
  const points = new Float32Array(count * axes.length);
  for (let at = 0; at < count; at++) {
    let rest = at;
    for (const [d, { min, max, gridPoints }] of axes.entries()) {
      points[at * axes.length + d] = min + ((max - min) * (rest % gridPoints)) / (gridPoints - 1);
      rest = Math.floor(rest / gridPoints);
    }
  }
  // the authors' rule: the mean over the points times the range
  const logVolume = axes.reduce((sum, { min, max, gridPoints }) => sum + Math.log((max - min) / gridPoints), 0);
  return { points, logVolume };
}

function evaluateEnergy(evaluation: Evaluation, W: Tensors): Figures {
  const { tf, task, method } = evaluation;
  const scale = scaleOf(task);
  const dimensions = task.axes.length;
  const { points, logVolume } = gridOf(task);
  const scaledPoints = toScaled(scale, points);
  const grid = tf.tensor2d(scaledPoints, [points.length / dimensions, dimensions]);
  const embeddedGrid = tf.tidy(() => tf.expandDims(embedTargets(tf, W, grid), 0) as TF.Tensor3D);
  const nlls: number[] = [];
  const means: number[] = [];
  const maxima: number[] = [];
  const sampled: SampledFigures[] = [];
  const random = createRandom(SAMPLING_SEED);
  inBatches(evaluation, evaluation.test, GRID_ROWS, (images, batch) => {
    const rows = images.shape[0];
    const features = backbone(tf, W, 'energy', images);
    const truth = tf.tensor2d(toScaled(scale, batch.targets), [rows, dimensions]);
    const own = energies(tf, W, features, tf.expandDims(embedTargets(tf, W, truth), 1)).dataSync() as Float32Array;
    const f = energies(tf, W, features, embeddedGrid); // [rows, G]
    const logZ = tf.logSumExp(f, 1).dataSync();
    for (let row = 0; row < rows; row++) nlls.push(logZ[row]! + logVolume - own[row]!);
    const expected = tf.matMul(tf.softmax(f), grid).dataSync() as Float32Array;
    means.push(...absoluteErrors(fromScaled(scale, expected), batch.targets, dimensions));
    const best = tf.gather(grid, tf.argMax(f, 1)).dataSync() as Float32Array;
    maxima.push(...absoluteErrors(fromScaled(scale, best), batch.targets, dimensions));
    if (!partsOf(method).proposal) return;
    const q = mixture(tf, W, proposalFeatures(tf, method, W, images), dimensions);
    const y = sampleMixtures(mixtureValues(q), rows, evaluation.settings.testSamples, random);
    sampled.push(...withSamples(tf, W, features, q, y, own, batch.targets, scale));
  });
  tf.dispose([grid, embeddedGrid]);
  return { nll: mean(nlls), mae: mean(means), maeArgmax: mean(maxima), ...meanOf(sampled) };
}

const SAMPLING_SEED = 11;

interface SampledFigures {
  readonly nll: number;
  readonly error: number;
  readonly effective: number;
}

function meanOf(sampled: readonly SampledFigures[]): Partial<Figures> {
  if (sampled.length === 0) return {};
  return {
    nllSampled: mean(sampled.map(({ nll }) => nll)),
    maeSampled: mean(sampled.map(({ error }) => error)),
    effectiveSamples: mean(sampled.map(({ effective }) => effective)),
  };
}

/**
 * Importance sampling with the learned proposal (reference 2.4): w = softmax_m(f - log q), mean = sum w y, log Z^, 1 / sum w^2.
 * @param y samples [R, M, D], scaled; own: f at the truth [R]
 */
function withSamples(
  tf: typeof TF,
  W: Tensors,
  features: TF.Tensor2D,
  q: Parameters<typeof mixtureLogDensity>[1],
  y: Float32Array,
  own: Float32Array,
  targets: Float32Array,
  scale: Scale,
): SampledFigures[] {
  const rows = features.shape[0];
  const dimensions = scale.unit.length;
  const samples = y.length / rows / dimensions;
  const points = tf.tensor3d(y, [rows, samples, dimensions]);
  const embedded = embedTargets(tf, W, tf.reshape(points, [rows * samples, dimensions]));
  const f = energies(tf, W, features, tf.reshape(embedded, [rows, samples, embedded.shape[1]]));
  const scores = tf.sub(f, mixtureLogDensity(tf, q, points)) as TF.Tensor2D;
  const weights = tf.softmax(scores);
  const logZ = tf.logSumExp(scores, 1).dataSync();
  const squares = tf.sum(tf.square(weights), 1).dataSync();
  const expected = tf.sum(tf.mul(points, tf.expandDims(weights, 2)), 1).dataSync() as Float32Array;
  return absoluteErrors(fromScaled(scale, expected), targets, dimensions).map((error, row) => ({
    nll: logZ[row]! - Math.log(samples) + scale.logJacobian - own[row]!,
    error,
    effective: 1 / squares[row]!,
  }));
}
