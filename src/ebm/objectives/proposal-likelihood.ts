/** The learned proposal as tensors, and its two losses: likelihood of the truth, and what it misses of the energy's density. */
import type * as TF from '@tensorflow/tfjs-core';
import { PROPOSAL_OUTPUTS } from '../head.js';
import { LOG_SIGMA_RANGE, OFFSET_SCALE } from '../proposal.js';
import { mixtureLikelihood, type MixtureTensors } from './mixture-likelihood.js';

/**
 * The dense mixture, differentiable.
 * @param raw the head's output [R, K, PROPOSAL_OUTPUTS]
 * @param places cell centres in y space, [R, K, 2] (proposal.ts: cellPlaces)
 */
export function proposalMixture(tf: typeof TF, raw: TF.Tensor3D, places: TF.Tensor3D): MixtureTensors {
  const [pairs, cells] = raw.shape;
  const part = (from: number, size: number): TF.Tensor3D => tf.slice(raw, [0, 0, from], [pairs, cells, size]);
  const centres = tf.add(places, tf.mul(part(1, 2), OFFSET_SCALE));
  return {
    logits: tf.squeeze(part(0, 1), [2]),
    means: tf.concat([centres, part(3, 2)], 2) as TF.Tensor3D,
    logSigmas: tf.clipByValue(part(5, PROPOSAL_OUTPUTS - 5), ...LOG_SIGMA_RANGE) as TF.Tensor3D,
  };
}

/**
 * How the proposal of the tracker's head is trained.
 * @param truth [R, 4]
 * @returns mean over R of -log q(y); it may be negative, as densities may exceed 1
 */
export function proposalLikelihood(
  tf: typeof TF,
  raw: TF.Tensor3D,
  places: TF.Tensor3D,
  truth: TF.Tensor2D,
): TF.Scalar {
  return mixtureLikelihood(tf, proposalMixture(tf, raw, places), truth);
}
