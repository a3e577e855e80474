/**
 * The posterior over boxes, and what importance sampling says of it. One formula joins all terms; y is relative to the last box:
 *
 *   L(y) = t f(x, y) + a c(y) + k(y) + log m(y) + log s(y),     p(y | x) = exp L(y) / Z
 *
 *   f  energy of the head                                            (head.ts)
 *   c  response of the target model at the box's centre              (target/response.ts)
 *   k  how much of the object's colours the box holds                (target/colour.ts)
 *   m  motion: the place, a Gaussian about the last one with a tail  (placePrior)
 *   s  size: log size and log aspect, Gaussians about the last ones  (sizePrior)
 *
 * L is the log-posterior, up to a constant. The proposal q takes a c + k + log m into its logits, samples have importance weights exp L / q, the box
 * is the peak of L. Its spread, effective samples, height over that of the first update and log Z are evidence for the confidence
 * (tracker/confidence.ts), which decides what is learned.
 *
 * f alone is not sampled: its maximum is no good box, and its mean without a prior is worse than the last box (the energies far from the
 * truth are trained only to be small on average). Contrast within a frame leaves a constant a frame in f open; it is learned by the absent outcome
 * (objectives/absent-outcome.ts), p(absent | x) = 1 / (1 + Z), so that Z is small where nothing is like the object.
 */
import { DIMENSIONS, logSumExp } from './proposal.js';
import type { Embedding, HeadEngine, Template } from './head.js';
import type { CropBox } from '../geometry.js';

/** A log-density up to a constant; y is [N, 4]. */
export interface LogDensity {
  values(y: Float32Array): Promise<Float32Array>;
}

/** A term of the posterior in closed form: its value at y[at .. at + 3]. */
export type LogTerm = (y: Float32Array, at: number) => number;

/** Sizes further than this from the last one are not boxes of interest, and overflow: log sizes are limited to it. */
const MAX_LOG_SIZE = 3;

/** Relative boxes to crop boxes [N, 4]: cx, cy, w, h. */
export function toCropBoxes(y: Float32Array, base: Pick<CropBox, 'cx' | 'cy' | 'w' | 'h'>): Float32Array {
  const boxes = new Float32Array(y.length);
  const limit = (value: number): number => Math.min(MAX_LOG_SIZE, Math.max(-MAX_LOG_SIZE, value));
  for (let i = 0; i < y.length; i += DIMENSIONS) {
    boxes[i] = base.cx + y[i]! * base.w;
    boxes[i + 1] = base.cy + y[i + 1]! * base.h;
    boxes[i + 2] = base.w * Math.exp(limit(y[i + 2]!));
    boxes[i + 3] = base.h * Math.exp(limit(y[i + 3]!));
  }
  return boxes;
}

/**
 * Prior over the place, a motion model about the last box: a Gaussian with a wide tail.
 * @param deviation of the place, in units of sqrt(w h); @param tail how many times wider the tail is
 */
export function placePrior(base: Pick<CropBox, 'w' | 'h'>, deviation: number, tail: number): LogTerm {
  const reach = Math.sqrt(base.w * base.h);
  const sx = base.w / reach;
  const sy = base.h / reach;
  const narrow = 1 / (deviation * deviation);
  const wide = narrow / (tail * tail);
  // log mass of the tail against the centre: e^-2, spread over tail^2 times the area
  const tailLog = -2 - 2 * Math.log(tail);
  return (y, at) => {
    const dx = y[at]! * sx;
    const dy = y[at + 1]! * sy;
    const distance = dx * dx + dy * dy;
    const a = -0.5 * distance * narrow;
    const b = -0.5 * distance * wide + tailLog;
    const max = Math.max(a, b);
    return max + Math.log(Math.exp(a - max) + Math.exp(b - max));
  };
}

/** Prior over the size about the last one: Gaussians in common log size (log w + log h) / 2 and in (log w - log h) / 2. */
export function sizePrior(size: number, aspect: number): LogTerm {
  return (y, at) => {
    const common = (y[at + 2]! + y[at + 3]!) / 2 / size;
    const stretch = (y[at + 2]! - y[at + 3]!) / 2 / aspect;
    return -0.5 * (common * common + stretch * stretch);
  };
}

/**
 * The log-posterior of one frame.
 * @param temperature t: how much of the energy counts
 * @param terms all but the energy
 */
export function boxPosterior(
  engine: Pick<HeadEngine, 'energy'>,
  embedding: Embedding,
  template: Template,
  base: CropBox,
  temperature: number,
  terms: readonly LogTerm[],
): LogDensity {
  return {
    async values(y) {
      const values = await engine.energy(embedding, template, toCropBoxes(y, base));
      for (let n = 0; n < values.length; n++) {
        let value = temperature * values[n]!;
        for (const term of terms) value += term(y, DIMENSIONS * n);
        values[n] = value;
      }
      return values;
    },
  };
}

/** Moments of a density p = exp(log p~) / Z, estimated from weighted samples. */
export interface ImportanceEstimate {
  /** log of the mean weight: estimates log Z where log weights are log p~ - log q. */
  readonly logZ: number;
  readonly mean: Float64Array;
  /** [4, 4], row by row. */
  readonly covariance: Float64Array;
  /** Effective sample size 1 / sum of squared weights, 1 .. N. */
  readonly effectiveSamples: number;
}

/** Self-normalised importance sampling. @param y [N, 4]; @param logWeights log p~(y) - log q(y) */
export function importanceEstimate(y: Float32Array, logWeights: Float32Array): ImportanceEstimate {
  const total = logSumExp(logWeights);
  const mean = new Float64Array(DIMENSIONS);
  const covariance = new Float64Array(DIMENSIONS * DIMENSIONS);
  const weights = Float64Array.from(logWeights, (value) => Math.exp(value - total));
  let squares = 0;
  weights.forEach((weight, n) => {
    squares += weight * weight;
    for (let d = 0; d < DIMENSIONS; d++) mean[d]! += weight * y[DIMENSIONS * n + d]!;
  });
  weights.forEach((weight, n) => {
    for (let i = 0; i < DIMENSIONS; i++) {
      const a = y[DIMENSIONS * n + i]! - mean[i]!;
      for (let j = 0; j < DIMENSIONS; j++) {
        covariance[DIMENSIONS * i + j]! += weight * a * (y[DIMENSIONS * n + j]! - mean[j]!);
      }
    }
  });
  return { logZ: total - Math.log(logWeights.length), mean, covariance, effectiveSamples: 1 / squares };
}

/** How far a sample may lie from the best one, in place and in log size, to belong to its mode. */
const MODE_PLACE = 0.3;
const MODE_SIZE = 0.25;

/** The samples of the dominant mode: those near the sample of the highest density; the others get no weight. */
export function dominantMode(y: Float32Array, values: Float32Array, logWeights: Float32Array): Float32Array {
  const best = values.reduce((top, value, n) => (value > values[top]! ? n : top), 0);
  return logWeights.map((weight, n) => {
    for (let d = 0; d < DIMENSIONS; d++) {
      const limit = d < 2 ? MODE_PLACE : MODE_SIZE;
      if (Math.abs(y[DIMENSIONS * n + d]! - y[DIMENSIONS * best + d]!) >= limit) return -Infinity;
    }
    return weight;
  });
}
