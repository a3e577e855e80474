/**
 * Objectives of the head's energy, by name. Each says which boxes are scored, and which loss their energies have: the losses themselves are
 * src/ebm/objectives/.
 */
import type * as TF from '@tensorflow/tfjs-core';
import { denoisingScoreMatching } from '../ebm/objectives/denoising-score-matching.js';
import { kldIs } from '../ebm/objectives/kld-is.js';
import { withoutGradient } from '../ebm/objectives/log-domain.js';
import { mlIs } from '../ebm/objectives/ml-is.js';
import { langevinChain, mlMcmc } from '../ebm/objectives/ml-mcmc.js';
import { nce } from '../ebm/objectives/nce.js';
import { scoreMatching } from '../ebm/objectives/score-matching.js';
import { concat, DIMENSIONS, logDensity, mixtureAbout } from '../ebm/proposal.js';
import type { Random } from '../random.js';

/** R pairs of template and search crop, as an objective sees them; y is relative to the last box. */
export interface ScoredPairs {
  readonly tf: typeof TF;
  readonly random: Random;
  /** True boxes, [4] each. */
  readonly truths: readonly Float32Array[];
  /** Boxes drawn for a pair, and scored for it, with those of the truth: about this many. */
  readonly count: number;
  /** Draws `count` boxes of pair r from the training proposal: [count, 4]. */
  readonly sample: (r: number, count: number) => Float32Array;
  /** Log-density of the training proposal of pair r: [N, 4] -> [N]. */
  readonly logProposal: (r: number, y: Float32Array) => Float32Array;
  /** f(x, y) of N boxes a pair, differentiable in the weights: R times [N, 4] -> [R, N]. */
  readonly energies: (y: readonly Float32Array[]) => TF.Tensor2D;
}

/** The loss, and what the proposal may learn from: boxes with their energies and the log-density that they were drawn by. */
export interface EnergyLoss {
  readonly loss: TF.Scalar;
  readonly drawn?: {
    readonly y: readonly Float32Array[];
    readonly energies: TF.Tensor2D;
    readonly logSampled: TF.Tensor2D;
  };
}

type Objective = (pairs: ScoredPairs) => EnergyLoss;

/** Deviation of the noise on the real box: NCE+; and of the label that KLD-IS assumes. */
const LABEL_NOISE = 0.03;
const LABEL_SIGMA = 0.05;
/** Deviation of the noise that DSM takes away again. */
const DENOISED_SIGMA = 0.1;
/** Step of the central differences in y: the objectives that need df/dy differentiate them in the weights. */
const DIFFERENCE = 0.02;
/** Langevin dynamics: chains a pair, steps and step length. */
const CHAINS = 4;
const CHAIN_STEPS = 6;
const CHAIN_ALPHA = 0.05;
/** Boxes of the central differences about one point. */
const STENCIL = 2 * DIMENSIONS;

const OBJECTIVES = {
  'nce+': contrastive(LABEL_NOISE),
  nce: contrastive(0),
  'ml-is': likelihood,
  'kld-is': divergence,
  'ml-mcmc': langevin,
  sm: matching,
  dsm: denoising,
} satisfies Record<string, Objective>;

export type ObjectiveName = keyof typeof OBJECTIVES;
export const DEFAULT_OBJECTIVE: ObjectiveName = 'nce+';
export const OBJECTIVE_NAMES = Object.keys(OBJECTIVES) as readonly ObjectiveName[];

/** How the proposal learns: the truth's likelihood, its divergence from the energy's density (Gustafsson et al. 2022), or both. */
export const PROPOSAL_OBJECTIVES = ['likelihood', 'divergence', 'both'] as const;
export type ProposalObjective = (typeof PROPOSAL_OBJECTIVES)[number];

export function energyLoss(name: ObjectiveName, pairs: ScoredPairs): EnergyLoss {
  return OBJECTIVES[name](pairs);
}

/** NCE, with noise on the real box NCE+ (Gustafsson et al. 2020, section 3). */
function contrastive(labelNoise: number): Objective {
  return (pairs) => {
    const { tf, truths, random, count } = pairs;
    const y = truths.map((truth, r) =>
      Float32Array.of(...truth.map((value) => value + labelNoise * random.normal()), ...pairs.sample(r, count)),
    );
    const energies = pairs.energies(y);
    const logProposal = matrix(
      tf,
      y.map((boxes, r) => pairs.logProposal(r, boxes)),
    );
    return { loss: nce(tf, energies, logProposal), drawn: drawn(tf, y, energies, logProposal) };
  };
}

/** Columns 1.. of boxes that begin with the real one. */
function drawn(
  tf: typeof TF,
  y: readonly Float32Array[],
  energies: TF.Tensor2D,
  logProposal: TF.Tensor2D,
): NonNullable<EnergyLoss['drawn']> {
  const rest = (values: TF.Tensor2D): TF.Tensor2D => tf.slice(values, [0, 1], [values.shape[0], values.shape[1] - 1]);
  return {
    y: y.map((boxes) => boxes.subarray(DIMENSIONS)),
    energies: rest(energies),
    logSampled: rest(logProposal),
  };
}

function likelihood(pairs: ScoredPairs): EnergyLoss {
  const { tf, truths, count } = pairs;
  const y = truths.map((truth, r) => Float32Array.of(...truth, ...pairs.sample(r, count)));
  const energies = pairs.energies(y);
  const logProposal = matrix(
    tf,
    y.map((boxes, r) => pairs.logProposal(r, boxes)),
  );
  const samples = drawn(tf, y, energies, logProposal);
  return { loss: mlIs(tf, samples.energies, samples.logSampled, column(tf, energies)), drawn: samples };
}

function divergence(pairs: ScoredPairs): EnergyLoss {
  const { tf, truths, count } = pairs;
  const y = truths.map((_, r) => pairs.sample(r, count));
  const energies = pairs.energies(y);
  const logSampled = matrix(
    tf,
    y.map((boxes, r) => pairs.logProposal(r, boxes)),
  );
  const logLabel = matrix(
    tf,
    y.map((boxes, r) => logDensity(mixtureAbout(truths[r]!, [LABEL_SIGMA]), boxes)),
  );
  return { loss: kldIs(tf, energies, logSampled, logLabel), drawn: { y, energies, logSampled } };
}

/** Chains that start at the truth; their gradient in y by central differences, as that of the other objectives here. */
function langevin(pairs: ScoredPairs): EnergyLoss {
  const { tf, truths, random } = pairs;
  const size = CHAINS * DIMENSIONS;
  const start = tf.tensor3d(concat(truths.map((truth) => repeat(truth, CHAINS))), [truths.length, CHAINS, DIMENSIONS]);
  const rows = (y: TF.Tensor): Float32Array[] => {
    const data = y.dataSync() as Float32Array;
    return truths.map((_, r) => data.slice(size * r, size * (r + 1)));
  };
  const ends = langevinChain(tf, start, {
    steps: CHAIN_STEPS,
    alpha: CHAIN_ALPHA,
    gradient: (y) => withoutGradient(tf, () => differences(pairs, rows(y))),
    noise: () => tf.tensor(Float32Array.from({ length: start.size }, random.normal), start.shape) as TF.Tensor3D,
  });
  const samples = rows(ends);
  const energies = pairs.energies(truths.map((truth, r) => Float32Array.of(...truth, ...samples[r]!)));
  const ofChains = tf.slice(energies, [0, 1], [truths.length, CHAINS]) as TF.Tensor2D;
  return { loss: mlMcmc(tf, ofChains, column(tf, energies)) };
}

function matching(pairs: ScoredPairs): EnergyLoss {
  const { tf, truths } = pairs;
  const energies = pairs.energies(truths.map((truth) => Float32Array.of(...truth, ...stencil(truth))));
  const centre = tf.slice(energies, [0, 0], [truths.length, 1]) as TF.Tensor2D;
  const [up, down] = sides(tf, tf.slice(energies, [0, 1], [truths.length, STENCIL]) as TF.Tensor2D, 1);
  const gradient = tf.reshape(tf.div(tf.sub(up, down), 2 * DIFFERENCE), [truths.length, DIMENSIONS]) as TF.Tensor2D;
  const sum = tf.reshape(tf.add(up, down), [truths.length, DIMENSIONS]);
  const curvature = tf.div(tf.sub(sum, tf.mul(centre, 2)), DIFFERENCE ** 2) as TF.Tensor2D;
  return { loss: scoreMatching(tf, gradient, curvature) };
}

/** DSM times s^2, which makes it of the other objectives' size. */
function denoising(pairs: ScoredPairs): EnergyLoss {
  const { tf, truths, random, count } = pairs;
  const points = Math.max(1, Math.floor(count / STENCIL));
  const y = truths.map((truth) => repeat(truth, points).map((value) => value + DENOISED_SIGMA * random.normal()));
  const offsets = concat(y.map((row, r) => row.map((value, i) => value - truths[r]![i % DIMENSIONS]!)));
  const loss = denoisingScoreMatching(
    tf,
    differences(pairs, y),
    tf.tensor3d(offsets, [truths.length, points, DIMENSIONS]),
    DENOISED_SIGMA,
  );
  return { loss: tf.mul(loss, DENOISED_SIGMA ** 2) };
}

/** df/dy at N points a pair by central differences: [R, N, 4]. */
function differences(pairs: ScoredPairs, y: readonly Float32Array[]): TF.Tensor3D {
  const { tf } = pairs;
  const points = y[0]!.length / DIMENSIONS;
  const [up, down] = sides(tf, pairs.energies(y.map(stencil)), points);
  return tf.div(tf.sub(up, down), 2 * DIFFERENCE);
}

/** Boxes of the central differences about N points: [N, 4] -> [N, 4 dimensions, 2 sides, 4]. */
function stencil(points: Float32Array): Float32Array {
  const result = new Float32Array(points.length * STENCIL);
  for (let at = 0, n = 0; n < points.length; n += DIMENSIONS)
    for (let d = 0; d < DIMENSIONS; d++)
      for (const side of [1, -1]) {
        result.set(points.subarray(n, n + DIMENSIONS), at);
        result[at + d]! += side * DIFFERENCE;
        at += DIMENSIONS;
      }
  return result;
}

/** Energies of a stencil -> those of the upper and of the lower side, [R, N, 4] each. */
function sides(tf: typeof TF, energies: TF.Tensor2D, points: number): [TF.Tensor3D, TF.Tensor3D] {
  const split = tf.reshape(energies, [energies.shape[0], points * DIMENSIONS, 2]);
  const side = (at: number): TF.Tensor3D =>
    tf.reshape(tf.slice(split, [0, 0, at], [energies.shape[0], points * DIMENSIONS, 1]), [
      energies.shape[0],
      points,
      DIMENSIONS,
    ]);
  return [side(0), side(1)];
}

function matrix(tf: typeof TF, rows: readonly Float32Array[]): TF.Tensor2D {
  return tf.tensor2d(concat(rows), [rows.length, rows[0]!.length]);
}

/** The first column. */
function column(tf: typeof TF, values: TF.Tensor2D): TF.Tensor1D {
  return tf.squeeze(tf.slice(values, [0, 0], [values.shape[0], 1]), [1]);
}

function repeat(values: Float32Array, times: number): Float32Array {
  return Float32Array.from({ length: values.length * times }, (_, i) => values[i % values.length]!);
}
