/** Energy and proposal trained together (Gustafsson et al., "Learning Proposals for Practical Energy-Based Regression", 2022). */
import type * as TF from '@tensorflow/tfjs-core';
import { detach } from './log-domain.js';
import { nce } from './nce.js';
import { proposalDivergence } from './proposal-divergence.js';

/**
 * NCE of the energy with q constant + log Z^ of the proposal with f constant, one to one: two losses in one scalar, neither of which reaches
 * the other's weights.
 * @param energies f(x, y_i), f(x, y_1) .. f(x, y_M), y_m ~ q and constant: [R, 1 + M]
 * @param logProposal log q(y | x) of the same: [R, 1 + M]
 */
export function joint(tf: typeof TF, energies: TF.Tensor2D, logProposal: TF.Tensor2D): TF.Scalar {
  return tf.add(
    nce(tf, energies, detach(tf, logProposal)),
    proposalDivergence(tf, samplesOf(tf, energies), samplesOf(tf, logProposal)),
  );
}

/** All but the first column, which is the annotation. */
export function samplesOf(tf: typeof TF, values: TF.Tensor2D): TF.Tensor2D {
  const [rows, columns] = values.shape;
  return tf.slice(values, [0, 1], [rows, columns - 1]);
}
