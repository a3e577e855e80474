/**
 * A mixture density network's likelihood (Bishop 1994): K diagonal Gaussians in D dimensions, in the log domain. The learned proposal of
 * "Learning Proposals for Practical Energy-Based Regression" (Gustafsson et al. 2022) in its general form.
 */
import type * as TF from '@tensorflow/tfjs-core';
import { logSumExp } from './log-domain.js';

export interface MixtureTensors {
  /** Logits of the K weights: [R, K] */
  readonly logits: TF.Tensor2D;
  /** [R, K, D] */
  readonly means: TF.Tensor3D;
  /** [R, K, D] */
  readonly logSigmas: TF.Tensor3D;
}

/** log q(y | x) of N points in each row. @param y [R, N, D] @returns [R, N] */
export function mixtureLogDensity(tf: typeof TF, mixture: MixtureTensors, y: TF.Tensor3D): TF.Tensor2D {
  const { logits, means, logSigmas } = mixture;
  const dimensions = y.shape[2];
  const distance = tf.mul(
    tf.sub(tf.expandDims(y, 1), tf.expandDims(means, 2)),
    tf.exp(tf.neg(tf.expandDims(logSigmas, 2))),
  ); // [R, K, N, D]
  const logWeights = tf.sub(logits, tf.expandDims(logSumExp(tf, logits, 1), 1));
  const constants = tf.sub(logWeights, tf.add(tf.sum(logSigmas, 2), 0.5 * dimensions * Math.log(2 * Math.PI)));
  const exponents = tf.mul(tf.sum(tf.square(distance), 3), -0.5);
  return logSumExp(tf, tf.add(exponents, tf.expandDims(constants, 2)), 1);
}

/** Mean over R of -log q(y_i | x). It may be negative. @param truth [R, D] */
export function mixtureLikelihood(tf: typeof TF, mixture: MixtureTensors, truth: TF.Tensor2D): TF.Scalar {
  return tf.neg(tf.mean(mixtureLogDensity(tf, mixture, tf.expandDims(truth, 1)))) as TF.Scalar;
}
