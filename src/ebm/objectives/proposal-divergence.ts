/** How a proposal learns from the energy (Gustafsson et al., "Learning Proposals for Practical Energy-Based Regression", 2022). */
import type * as TF from '@tensorflow/tfjs-core';
import { detach, logPartition } from './log-domain.js';

/**
 * Mean of log Z^ = LSE_m(f(y_m) - log q(y_m)) - log M with f constant. Its gradient is -sum_m w_m dlog q(y_m), w = softmax_m(f - log q): the
 * self-normalised estimate of the gradient of KL(p(. | x) || q(. | x)), which makes q cover all of p.
 * @param energies f(x, y_m); no gradient flows into it: [R, M]
 * @param logProposal log q(y_m | x), with gradient; the samples y_m ~ q themselves must be constants: [R, M]
 */
export function proposalDivergence(tf: typeof TF, energies: TF.Tensor2D, logProposal: TF.Tensor2D): TF.Scalar {
  return tf.mean(logPartition(tf, detach(tf, energies), logProposal)) as TF.Scalar;
}

/**
 * The same divergence where the y_m come from another density r that covers more than q: mean of -sum_m w_m log q(y_m),
 * w = softmax_m(f - log r). With r = q its gradient is that of proposalDivergence.
 * @param logSampled log r(y_m | x), constants: [R, M]
 */
export function proposalCrossEntropy(
  tf: typeof TF,
  energies: TF.Tensor2D,
  logSampled: TF.Tensor2D,
  logProposal: TF.Tensor2D,
): TF.Scalar {
  const weights = tf.softmax(detach(tf, tf.sub(energies, logSampled)));
  return tf.neg(tf.mean(tf.sum(tf.mul(weights, logProposal), 1))) as TF.Scalar;
}
