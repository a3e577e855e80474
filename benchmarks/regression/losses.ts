/** From a row of the settings to the loss of a batch: draws the samples, evaluates the net, calls the objective. */
import type * as TF from '@tensorflow/tfjs-core';
import { denoisingScoreMatching } from '../../src/ebm/objectives/denoising-score-matching.js';
import { joint } from '../../src/ebm/objectives/joint.js';
import { kldIs } from '../../src/ebm/objectives/kld-is.js';
import { detach, withoutGradient } from '../../src/ebm/objectives/log-domain.js';
import {
  mixtureLikelihood,
  mixtureLogDensity,
  type MixtureTensors,
} from '../../src/ebm/objectives/mixture-likelihood.js';
import { mlIs } from '../../src/ebm/objectives/ml-is.js';
import { langevinChain, mlMcmc } from '../../src/ebm/objectives/ml-mcmc.js';
import { nce } from '../../src/ebm/objectives/nce.js';
import { scoreMatching } from '../../src/ebm/objectives/score-matching.js';
import { teacher } from '../../src/ebm/objectives/teacher.js';
import { logSumExp } from '../../src/ebm/proposal.js';
import type { Random } from '../../src/random.js';
import { energies, energyJet, features, mixtureOf, type Architecture, type Parameters } from './network.js';
import type { DataSetId, Method, Row, RunSettings } from './settings.js';

/** A mini-batch of each of S nets. */
export interface Batch {
  readonly seeds: number;
  readonly size: number;
  /** [S, B] */
  readonly x: Float32Array;
  readonly y: Float32Array;
}

export interface LossContext {
  readonly tf: typeof TF;
  readonly row: Row;
  readonly set: DataSetId;
  readonly settings: RunSettings;
  readonly random: Random;
}

const HALF_LOG_2PI = 0.5 * Math.log(2 * Math.PI);

export function architectureOf({ network, method }: Row): Architecture {
  const { objective } = method;
  return {
    kind: network,
    energy: objective !== 'mdn',
    components: 'components' in method ? method.components : 0,
    ownBackbone: objective === 'mdn' || objective === 'teacher',
  };
}

/** Mean over the batch, summed over the nets, which so do not touch one another's gradients. */
export function batchLoss(context: LossContext, W: Parameters, batch: Batch): TF.Scalar {
  const { tf, row } = context;
  const mean = 'components' in row.method ? learnedLoss(context, W, batch, row.method) : fixedLoss(context, W, batch);
  return tf.mul(mean, batch.seeds);
}

/** Objectives of the energy alone. */
function fixedLoss(context: LossContext, W: Parameters, batch: Batch): TF.Scalar {
  const { tf, row, set, settings, random } = context;
  const { method, network } = row;
  const feature = features(tf, W, 'energy/', tf.tensor3d(batch.x, [batch.seeds, 1, batch.size]));
  const at = (y: TF.Tensor3D): TF.Tensor2D => energies(tf, W, network, feature, y);
  const truth = tf.tensor3d(batch.y, [batch.seeds, batch.size, 1]);
  const first = (): TF.Tensor1D => tf.squeeze(at(truth), [1]);
  switch (method.objective) {
    case 'ml-is': {
      const { y, logProposal } = aboutTruth(context, batch, method.sigmas);
      return mlIs(tf, at(y), logProposal, first());
    }
    case 'kld-is': {
      const { y, logProposal, offsets } = aboutTruth(context, batch, method.sigmas);
      const logLabel = forEachPair(tf, batch, logMixture(offsets, [method.labelSigma]));
      return kldIs(tf, at(y), logProposal, logLabel);
    }
    case 'nce': {
      const { y, logProposal } = aboutTruth(context, batch, method.sigmas, method.beta);
      return nce(tf, at(y), logProposal);
    }
    case 'ml-mcmc': {
      const shape: [number, number, number] = [batch.seeds, batch.size, settings.chains];
      const normals = (): TF.Tensor3D => tf.tensor3d(Float32Array.from({ length: size(shape) }, random.normal), shape);
      const end = langevinChain(tf, tf.tile(truth, [1, 1, settings.chains]), {
        steps: method.steps,
        alpha: method.alpha[set],
        gradient: (y) => tf.reshape(energyJet(tf, W, network, feature, y, 1)[1]!, shape),
        noise: normals,
      });
      return mlMcmc(tf, at(end), first());
    }
    case 'sm': {
      const [, gradient, curvature] = energyJet(tf, W, network, feature, truth, 2);
      return scoreMatching(tf, gradient!, curvature!);
    }
    case 'dsm': {
      const sigma = method.sigma[set];
      const drawn = Float32Array.from({ length: batch.seeds * settings.samples }, () => sigma * random.normal());
      const offsets = tf.tensor3d(drawn, [batch.seeds, 1, settings.samples]);
      const gradients = energyJet(tf, W, network, feature, tf.add(truth, offsets), 1)[1]!;
      return denoisingScoreMatching(
        tf,
        tf.expandDims(gradients, 2),
        tf.expandDims(forEachPair(tf, batch, drawn), 2),
        sigma,
      );
    }
    default:
      throw new TypeError(`objective ${method.objective} has a learned proposal`);
  }
}

/** Objectives with a learned proposal. */
function learnedLoss(
  context: LossContext,
  W: Parameters,
  batch: Batch,
  method: Extract<Method, { components: number }>,
): TF.Scalar {
  const { tf, row, settings, random } = context;
  const x = tf.tensor3d(batch.x, [batch.seeds, 1, batch.size]);
  const rows = batch.seeds * batch.size;
  if (method.objective === 'mdn')
    return mixtureLikelihood(tf, mixtureOf(tf, W, features(tf, W, 'proposal/', x)), tf.tensor2d(batch.y, [rows, 1]));
  const feature = features(tf, W, 'energy/', x);
  // One backbone belongs to the energy: the proposal sees its features as constants.
  const own = method.objective === 'teacher' ? features(tf, W, 'proposal/', x) : detach(tf, feature);
  const mixture = mixtureOf(tf, W, own);
  const count = 1 + settings.samples;
  const y = tf.tensor1d(withTruth(batch.y, sampleRows(mixture, settings.samples, random)));
  const f = energies(tf, W, row.network, feature, tf.reshape(y, [batch.seeds, batch.size, count]));
  const logProposal = mixtureLogDensity(tf, mixture, tf.reshape(y, [rows, count, 1]));
  if (method.objective === 'joint') return joint(tf, f, logProposal);
  return tf.add(nce(tf, f, detach(tf, logProposal)), teacher(tf, f, logProposal));
}

/** M samples of each row of a mixture in one dimension: constants, [R, M]. */
function sampleRows(mixture: MixtureTensors, count: number, random: Random): Float32Array {
  const [rows, components] = mixture.logits.shape;
  const logits = mixture.logits.dataSync();
  const means = mixture.means.dataSync();
  const logSigmas = mixture.logSigmas.dataSync();
  const y = new Float32Array(rows * count);
  const cumulative = new Float64Array(components);
  for (let row = 0; row < rows; row++) {
    const from = row * components;
    const norm = logSumExp(logits.subarray(from, from + components) as Float32Array);
    for (let k = 0, total = 0; k < components; k++) cumulative[k] = total += Math.exp(logits[from + k]! - norm);
    for (let m = row * count; m < (row + 1) * count; m++) {
      const u = random.uniform();
      let k = 0;
      while (k < components - 1 && cumulative[k]! <= u) k++;
      y[m] = means[from + k]! + Math.exp(logSigmas[from + k]!) * random.normal();
    }
  }
  return y;
}

/** [R] and [R, M] as [R, 1 + M]. */
function withTruth(truth: Float32Array, samples: Float32Array): Float32Array {
  const count = samples.length / truth.length;
  const result = new Float32Array(truth.length + samples.length);
  truth.forEach((value, row) => {
    result[row * (count + 1)] = value;
    result.set(samples.subarray(row * count, (row + 1) * count), row * (count + 1) + 1);
  });
  return result;
}

interface Samples {
  /** [S, B, M], or with y_0 in front [S, B, 1 + M] */
  readonly y: TF.Tensor3D;
  /** log q, of y_0 too: [S * B, M] or [S * B, 1 + M] */
  readonly logProposal: TF.Tensor2D;
  /** y - y_i of each net, shared by its batch. */
  readonly offsets: Float32Array;
}

/**
 * Samples of the hand-made proposal about each truth. One draw of offsets serves all pairs of a net's batch, as the authors do it.
 * @param beta given: y_0 comes first, drawn with beta times the deviations; 0 is the truth itself
 */
function aboutTruth(context: LossContext, batch: Batch, sigmas: readonly number[], beta?: number): Samples {
  const { tf, random, settings } = context;
  const draw = (): number => sigmas[random.integer(sigmas.length)]! * random.normal();
  const first = beta === undefined ? 0 : 1;
  const count = first + settings.samples;
  const offsets = Float32Array.from({ length: batch.seeds * count }, (_, i) =>
    first === 1 && i % count === 0 ? beta! * draw() : draw(),
  );
  const truth = tf.tensor3d(batch.y, [batch.seeds, batch.size, 1]);
  return {
    y: tf.add(truth, tf.tensor3d(offsets, [batch.seeds, 1, count])),
    logProposal: forEachPair(tf, batch, logMixture(offsets, sigmas)),
    offsets,
  };
}

/** log of an even mixture of centred Gaussians. */
function logMixture(offsets: Float32Array, sigmas: readonly number[]): Float32Array {
  return offsets.map((offset) =>
    logSumExp(
      sigmas.map((sigma) => -0.5 * (offset / sigma) ** 2 - Math.log(sigma) - HALF_LOG_2PI - Math.log(sigmas.length)),
    ),
  );
}

/** Values of each net, [S, M], for every pair of its batch: [S * B, M]. */
function forEachPair(tf: typeof TF, batch: Batch, values: Float32Array): TF.Tensor2D {
  const { seeds, size: pairs } = batch;
  const count = values.length / seeds;
  return withoutGradient(tf, () =>
    tf.reshape(tf.tile(tf.tensor3d(values, [seeds, 1, count]), [1, pairs, 1]), [seeds * pairs, count]),
  );
}

function size(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}
