/**
 * Maximum likelihood, the partition function by importance sampling (ML-IS: Gustafsson et al., "How to Train Your Energy-Based Model
 * for Regression", 2020).
 */
import type * as TF from '@tensorflow/tfjs-core';
import { logPartition } from './log-domain.js';

/**
 * Mean of log Z^ - f(x, y_i), log Z^ = LSE_m(f(y_m) - log q(y_m)) - log M. Not bounded below for finite M: the truth is not among the samples.
 * @param energies f(x, y_m), y_m ~ q: [R, M]
 * @param logProposal log q(y_m), constants: [R, M]
 * @param truth f(x, y_i): [R]
 */
export function mlIs(tf: typeof TF, energies: TF.Tensor2D, logProposal: TF.Tensor2D, truth: TF.Tensor1D): TF.Scalar {
  return tf.mean(tf.sub(logPartition(tf, energies, logProposal), truth)) as TF.Scalar;
}
