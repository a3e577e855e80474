/**
 * Noise contrastive estimation (Gustafsson et al. 2020, eq. 12; 2022, section 3): which of 1 + M boxes is the real one?
 *
 * With label noise on the real one it is NCE+ (2020, eq. 13): the caller draws y_0 from the noise q_beta(y | y_i), the proposal with its
 * deviations times beta, but still gives log q of the proposal itself for it. This stays as it is.
 */
import type * as TF from '@tensorflow/tfjs-core';

/**
 * @param energies f(x, y_0), f(x, y_1) .. f(x, y_M): [R, 1 + M]
 * @param logProposal log q of the same boxes, constants: [R, 1 + M]
 * @returns mean over R of LSE_m(f - log q) - (f_0 - log q_0), at least 0
 */
export function nce(tf: typeof TF, energies: TF.Tensor2D, logProposal: TF.Tensor2D): TF.Scalar {
  const scores = tf.sub(energies, logProposal);
  const real = tf.squeeze(tf.slice(scores, [0, 0], [scores.shape[0]!, 1]), [1]);
  return tf.mean(tf.sub(tf.logSumExp(scores, 1), real)) as TF.Scalar;
}
