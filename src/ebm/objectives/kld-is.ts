/**
 * KL divergence from an assumed density of the label to the model, by importance sampling (KLD-IS: Danelljan et al., "Probabilistic
 * Regression for Visual Tracking", 2020; Gustafsson et al. 2020).
 */
import type * as TF from '@tensorflow/tfjs-core';
import { logPartition } from './log-domain.js';

/**
 * Mean of log Z^ - (1/M) sum_m f(y_m) p(y_m | y_i) / q(y_m). The label's entropy, a constant, is left out: the loss may be negative.
 * @param energies f(x, y_m), y_m ~ q: [R, M]
 * @param logProposal log q(y_m), constants: [R, M]
 * @param logLabel log p(y_m | y_i), density of the annotation's noise, constants: [R, M]
 */
export function kldIs(
  tf: typeof TF,
  energies: TF.Tensor2D,
  logProposal: TF.Tensor2D,
  logLabel: TF.Tensor2D,
): TF.Scalar {
  const weights = tf.exp(tf.sub(logLabel, logProposal));
  const underLabel = tf.mean(tf.mul(energies, weights), 1);
  return tf.mean(tf.sub(logPartition(tf, energies, logProposal), underLabel)) as TF.Scalar;
}
