/**
 * The learned proposal q(y | x): a mixture of K Gaussians over relative boxes, diagonal, one a cell of the coarse map
 * (Gustafsson et al. 2022, section 3; spatial here, so that it needs no first guess of the place).
 */
import type { CropBox } from '../geometry.js';
import type { MapAxis } from '../features/roi-pool.js';
import type { Random } from '../random.js';
import { PROPOSAL_OUTPUTS } from './head.js';

/** Dimensions of y. */
export const DIMENSIONS = 4;

/** Gaussians over relative boxes, diagonal. */
export interface Mixture {
  /** Logits of the K components, not normalised. */
  readonly logits: Float32Array;
  /** [K, 4] */
  readonly means: Float32Array;
  /** [K, 4] */
  readonly logSigmas: Float32Array;
}

/** A cell moves its Gaussian by half an object's size at most easily: the raw offset is halved. */
export const OFFSET_SCALE = 0.5;
export const LOG_SIGMA_RANGE = [-4, 1] as const;
const HALF_LOG_2PI = 0.5 * Math.log(2 * Math.PI);

/**
 * Cell centres of the coarse map in y space about a base box, [cells^2, 2] row by row.
 */
export function cellPlaces(axis: MapAxis, base: CropBox): Float32Array {
  const places = new Float32Array(axis.cells * axis.cells * 2);
  for (let row = 0, at = 0; row < axis.cells; row++) {
    for (let column = 0; column < axis.cells; column++) {
      places[at++] = (axis.stride * column + axis.offset - base.cx) / base.w;
      places[at++] = (axis.stride * row + axis.offset - base.cy) / base.h;
    }
  }
  return places;
}

/** @param raw [K, PROPOSAL_OUTPUTS] of the head; @param places [K, 2], see cellPlaces */
export function decodeProposal(raw: Float32Array, places: Float32Array): Mixture {
  const count = raw.length / PROPOSAL_OUTPUTS;
  const logits = new Float32Array(count);
  const means = new Float32Array(count * DIMENSIONS);
  const logSigmas = new Float32Array(count * DIMENSIONS);
  for (let k = 0; k < count; k++) {
    const at = k * PROPOSAL_OUTPUTS;
    logits[k] = raw[at]!;
    means[4 * k] = places[2 * k]! + OFFSET_SCALE * raw[at + 1]!;
    means[4 * k + 1] = places[2 * k + 1]! + OFFSET_SCALE * raw[at + 2]!;
    means[4 * k + 2] = raw[at + 3]!;
    means[4 * k + 3] = raw[at + 4]!;
    for (let d = 0; d < DIMENSIONS; d++) {
      logSigmas[4 * k + d] = Math.min(LOG_SIGMA_RANGE[1], Math.max(LOG_SIGMA_RANGE[0], raw[at + 5 + d]!));
    }
  }
  return { logits, means, logSigmas };
}

/** exp of less than this below the largest is lost in a sum of doubles, however many there are. */
const LOST = -50;

export function logSumExp(values: ArrayLike<number>): number {
  let max = -Infinity;
  for (let i = 0; i < values.length; i++) max = Math.max(max, values[i]!);
  if (!Number.isFinite(max)) return max;
  let sum = 0;
  for (let i = 0; i < values.length; i++) {
    const below = values[i]! - max;
    if (below > LOST) sum += Math.exp(below);
  }
  return max + Math.log(sum);
}

/** A component whose highest density is this far below that of the highest one is looked at only where no other is near. */
const LIGHT = -25;

/** log q of each y, [N, 4] -> [N]; exact, in the log domain. */
export function logDensity(mixture: Mixture, y: Float32Array): Float32Array {
  const { heavy, constants, means, precisions } = weighComponents(mixture);
  const count = constants.length;
  let lightest = -Infinity;
  for (let k = heavy; k < count; k++) lightest = Math.max(lightest, constants[k]!);
  const result = new Float32Array(y.length / DIMENSIONS);
  const terms = new Float64Array(count);
  for (let n = 0; n < result.length; n++) {
    const a = y[4 * n]!;
    const b = y[4 * n + 1]!;
    const c = y[4 * n + 2]!;
    const d = y[4 * n + 3]!;
    let max = -Infinity;
    let used = 0;
    for (; used < heavy || (used < count && lightest > max + LOST); used++) {
      const at = 4 * used;
      const da = a - means[at]!;
      const db = b - means[at + 1]!;
      const dc = c - means[at + 2]!;
      const dd = d - means[at + 3]!;
      const term =
        constants[used]! -
        da * da * precisions[at]! -
        db * db * precisions[at + 1]! -
        dc * dc * precisions[at + 2]! -
        dd * dd * precisions[at + 3]!;
      terms[used] = term;
      if (term > max) max = term;
    }
    result[n] = logSumExp(terms.subarray(0, used));
  }
  return result;
}

/** The components as exp(constant - sum of (y - mean)^2 * precision), the heavy ones first. */
function weighComponents({ logits, means, logSigmas }: Mixture) {
  const count = logits.length;
  const norm = logSumExp(logits);
  const heights = new Float64Array(count);
  let highest = -Infinity;
  for (let k = 0; k < count; k++) {
    let logScale = 0;
    for (let d = 0; d < DIMENSIONS; d++) logScale += logSigmas[4 * k + d]!;
    heights[k] = logits[k]! - norm - logScale - DIMENSIONS * HALF_LOG_2PI;
    highest = Math.max(highest, heights[k]!);
  }
  const sorted = {
    heavy: 0,
    constants: new Float64Array(count),
    means: new Float32Array(means.length),
    precisions: new Float64Array(means.length),
  };
  for (let k = 0, light = count; k < count; k++) {
    const place = heights[k]! >= highest + LIGHT ? sorted.heavy++ : --light;
    sorted.constants[place] = heights[k]!;
    for (let d = 0; d < DIMENSIONS; d++) {
      sorted.means[4 * place + d] = means[4 * k + d]!;
      sorted.precisions[4 * place + d] = 0.5 * Math.exp(-2 * logSigmas[4 * k + d]!);
    }
  }
  return sorted;
}

/** Draws N relative boxes, [N, 4]. */
export function sampleMixture(mixture: Mixture, count: number, random: Random): Float32Array {
  const { logits, means, logSigmas } = mixture;
  const cumulative = new Float64Array(logits.length);
  const max = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  let total = 0;
  for (let k = 0; k < logits.length; k++) cumulative[k] = total += Math.exp(logits[k]! - max);
  const y = new Float32Array(count * DIMENSIONS);
  for (let n = 0; n < count; n++) {
    const k = firstAbove(cumulative, random.uniform() * total);
    for (let d = 0; d < DIMENSIONS; d++) {
      y[4 * n + d] = means[4 * k + d]! + Math.exp(logSigmas[4 * k + d]!) * random.normal();
    }
  }
  return y;
}

/** Index of the first entry above the value, in an ascending list. */
function firstAbove(ascending: Float64Array, value: number): number {
  let low = 0;
  let high = ascending.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ascending[middle]! > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Two mixtures as one, each with half of the mass. */
export function evenMix(a: Mixture, b: Mixture): Mixture {
  const normA = logSumExp(a.logits);
  const normB = logSumExp(b.logits);
  return {
    logits: concat([a.logits.map((v) => v - normA), b.logits.map((v) => v - normB)]),
    means: concat([a.means, b.means]),
    logSigmas: concat([a.logSigmas, b.logSigmas]),
  };
}

/** Lists one behind the other. */
export function concat(parts: readonly Float32Array[]): Float32Array {
  const result = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}

/** A mixture of centred Gaussians about one y, equal weights, the same sigma in all dimensions (hand-made proposals). */
/** All components of two mixtures, their logits as they are. */
export function joinMixtures(a: Mixture, b: Mixture): Mixture {
  return {
    logits: concat([a.logits, b.logits]),
    means: concat([a.means, b.means]),
    logSigmas: concat([a.logSigmas, b.logSigmas]),
  };
}

export function mixtureAbout(y: ArrayLike<number>, sigmas: readonly number[]): Mixture {
  return {
    logits: new Float32Array(sigmas.length),
    means: Float32Array.from(sigmas.flatMap(() => Array.from(y))),
    logSigmas: Float32Array.from(sigmas.flatMap((sigma) => Array<number>(DIMENSIONS).fill(Math.log(sigma)))),
  };
}
