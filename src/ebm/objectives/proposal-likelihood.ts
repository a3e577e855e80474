/** Negative log-likelihood of the truth under the dense mixture: how the learned proposal is trained. */
import type * as TF from '@tensorflow/tfjs-core';
import { PROPOSAL_OUTPUTS } from '../head.js';
import { DIMENSIONS, LOG_SIGMA_RANGE, OFFSET_SCALE } from '../proposal.js';

/**
 * @param raw the head's output [R, K, PROPOSAL_OUTPUTS]
 * @param places cell centres in y space, [R, K, 2] (proposal.ts: cellPlaces)
 * @param truth [R, 4]
 * @returns mean over R of -log q(y); it may be negative, as densities may exceed 1
 */
export function proposalLikelihood(
  tf: typeof TF,
  raw: TF.Tensor3D,
  places: TF.Tensor3D,
  truth: TF.Tensor2D,
): TF.Scalar {
  const [pairs, cells] = raw.shape;
  const part = (from: number, size: number): TF.Tensor3D => tf.slice(raw, [0, 0, from], [pairs, cells, size]);
  const centres = tf.add(places, tf.mul(part(1, 2), OFFSET_SCALE));
  const means = tf.concat([centres, part(3, 2)], 2);
  const logSigmas = tf.clipByValue(part(5, PROPOSAL_OUTPUTS - 5), ...LOG_SIGMA_RANGE);
  const distance = tf.mul(tf.sub(tf.expandDims(truth, 1), means), tf.exp(tf.neg(logSigmas)));
  const logNormal = tf.sub(
    tf.mul(tf.sum(tf.square(distance), 2), -0.5),
    tf.add(tf.sum(logSigmas, 2), 0.5 * DIMENSIONS * Math.log(2 * Math.PI)),
  );
  const logits = tf.squeeze(part(0, 1), [2]);
  const logWeights = tf.sub(logits, tf.logSumExp(logits, 1, true));
  return tf.neg(tf.mean(tf.logSumExp(tf.add(logWeights, logNormal), 1))) as TF.Scalar;
}
