/** A mixture density network that learns from the data and from an energy (Gustafsson et al. 2022: the energy as its teacher). */
import type * as TF from '@tensorflow/tfjs-core';
import { samplesOf } from './joint.js';
import { proposalDivergence } from './proposal-divergence.js';

/**
 * 0.5 log Z^ with f constant + 0.5 (-log q(y_i | x)), means over R. The energy learns beside it by NCE with q constant, of other weights.
 * @param energies f(x, y_i), f(x, y_1) .. f(x, y_M), y_m ~ q and constant: [R, 1 + M]
 * @param logProposal log q(y | x) of the same: [R, 1 + M]
 */
export function teacher(tf: typeof TF, energies: TF.Tensor2D, logProposal: TF.Tensor2D): TF.Scalar {
  const divergence = proposalDivergence(tf, samplesOf(tf, energies), samplesOf(tf, logProposal));
  const truth = tf.slice(logProposal, [0, 0], [logProposal.shape[0], 1]);
  return tf.mul(tf.sub(divergence, tf.mean(truth)), 0.5);
}
