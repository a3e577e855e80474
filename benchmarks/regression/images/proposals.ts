/** Samples of proposals, drawn from the seeded generator so that a run can be repeated and resumed. */
import type { Random } from '../../../src/random.js';
import type { ImageTask } from './data.js';

/** y in the nets' units: 0 in the middle of the range, -2 and 2 at its ends. */
export interface Scale {
  readonly middle: readonly number[];
  readonly unit: readonly number[];
  /** log |dy / dscaled|: what a scaled log-density is larger by than the one in target units. */
  readonly logJacobian: number;
}

export function scaleOf(task: ImageTask): Scale {
  const unit = task.axes.map(({ min, max }) => (max - min) / 4);
  return {
    middle: task.axes.map(({ min, max }) => (min + max) / 2),
    unit,
    logJacobian: unit.reduce((sum, value) => sum + Math.log(value), 0),
  };
}

/** @param values [N, D] target units @returns [N, D] scaled */
export function toScaled({ middle, unit }: Scale, values: Float32Array): Float32Array {
  return values.map((value, i) => (value - middle[i % unit.length]!) / unit[i % unit.length]!);
}

export function fromScaled({ middle, unit }: Scale, values: Float32Array): Float32Array {
  return values.map((value, i) => middle[i % unit.length]! + unit[i % unit.length]! * value);
}

export interface Candidates {
  /** The truth first, then M samples: [R, 1 + M, D], scaled. */
  readonly y: Float32Array;
  /** [R, 1 + M] */
  readonly logProposal: Float32Array;
}

const HALF_LOG_2PI = 0.5 * Math.log(2 * Math.PI);

/**
 * The hand-made proposal about the annotation: an even mixture of Gaussians with the axes' deviations (reference 1.0). Every image has
 * samples of its own here.
 * @param truth [R, D] scaled
 */
export function aboutTruth(
  task: ImageTask,
  scale: Scale,
  truth: Float32Array,
  samples: number,
  random: Random,
): Candidates {
  const dimensions = task.axes.length;
  const rows = truth.length / dimensions;
  const sigmas = task.axes[0]!.sigmas.map((_, k) => task.axes.map((axis, d) => axis.sigmas[k]! / scale.unit[d]!));
  const y = new Float32Array(rows * (1 + samples) * dimensions);
  const logProposal = new Float32Array(rows * (1 + samples));
  const offset = new Float64Array(dimensions);
  for (let row = 0, at = 0; row < rows; row++) {
    for (let m = 0; m <= samples; m++, at++) {
      const own = sigmas[m === 0 ? 0 : random.integer(sigmas.length)]!;
      for (let d = 0; d < dimensions; d++) {
        offset[d] = m === 0 ? 0 : own[d]! * random.normal();
        y[at * dimensions + d] = truth[row * dimensions + d]! + offset[d]!;
      }
      logProposal[at] = logEvenMixture(offset, sigmas);
    }
  }
  return { y, logProposal };
}

/** log (1/K) sum_k N(offset; 0, sigma_k) */
function logEvenMixture(offset: Float64Array, sigmas: readonly (readonly number[])[]): number {
  const terms = sigmas.map((own) =>
    own.reduce((sum, sigma, d) => sum - 0.5 * (offset[d]! / sigma) ** 2 - Math.log(sigma) - HALF_LOG_2PI, 0),
  );
  const max = Math.max(...terms);
  return max + Math.log(terms.reduce((sum, term) => sum + Math.exp(term - max), 0) / terms.length);
}

/** Numbers of R mixtures: logits [R, K], means and log deviations [R, K, D]. */
export interface MixtureValues {
  readonly logits: Float32Array;
  readonly means: Float32Array;
  readonly logSigmas: Float32Array;
}

/** M draws of each mixture. @returns [R, M, D], scaled */
export function sampleMixtures(
  { logits, means, logSigmas }: MixtureValues,
  rows: number,
  samples: number,
  random: Random,
): Float32Array {
  const components = logits.length / rows;
  const dimensions = means.length / logits.length;
  const y = new Float32Array(rows * samples * dimensions);
  for (let row = 0, at = 0; row < rows; row++) {
    const shares = cumulativeShares(logits.subarray(row * components, (row + 1) * components));
    for (let m = 0; m < samples; m++) {
      const u = random.uniform();
      const found = shares.findIndex((share) => u < share);
      const k = row * components + (found === -1 ? components - 1 : found);
      for (let d = 0; d < dimensions; d++, at++) {
        y[at] = means[k * dimensions + d]! + Math.exp(logSigmas[k * dimensions + d]!) * random.normal();
      }
    }
  }
  return y;
}

function cumulativeShares(logits: Float32Array): Float64Array {
  const max = Math.max(...logits);
  const powers = Float64Array.from(logits, (logit) => Math.exp(logit - max));
  const sum = powers.reduce((a, b) => a + b, 0);
  let before = 0;
  return powers.map((power) => (before += power / sum));
}

/** Rows of `first` [R, 1, D] before those of `rest` [R, M, D]: [R, 1 + M, D] */
export function prepend(first: Float32Array, rest: Float32Array, rows: number): Float32Array {
  const [a, b] = [first.length / rows, rest.length / rows];
  const all = new Float32Array(first.length + rest.length);
  for (let row = 0; row < rows; row++) {
    all.set(first.subarray(row * a, (row + 1) * a), row * (a + b));
    all.set(rest.subarray(row * b, (row + 1) * b), row * (a + b) + a);
  }
  return all;
}
