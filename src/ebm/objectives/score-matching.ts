/** Score matching (SM: Hyvärinen 2005, theorem 1; for regression Gustafsson et al. 2020). */
import type * as TF from '@tensorflow/tfjs-core';

/**
 * Mean of tr(d2f/dy2) + 1/2 |df/dy|^2 at y = y_i. No samples, no log Z; the derivatives are the network's own forward-mode outputs, so that
 * one reverse pass gives the gradient of the weights.
 * @param gradient df/dy: [R, D]
 * @param curvature the diagonal of d2f/dy2: [R, D]
 */
export function scoreMatching(tf: typeof TF, gradient: TF.Tensor2D, curvature: TF.Tensor2D): TF.Scalar {
  return tf.mean(tf.sum(tf.add(curvature, tf.mul(tf.square(gradient), 0.5)), 1)) as TF.Scalar;
}
