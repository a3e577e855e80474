/** Denoising score matching (DSM: Vincent 2011; for regression Gustafsson et al. 2020). */
import type * as TF from '@tensorflow/tfjs-core';

/**
 * Mean over R and M of |df/dy(y_m) + (y_m - y_i) / s^2|^2 (no 1/2, as the authors have it): f learns the density blurred by N(0, s^2).
 * @param gradients df/dy at y_m ~ N(y_i, s^2): [R, M, D]
 * @param offsets y_m - y_i: [R, M, D]
 * @param sigma s
 */
export function denoisingScoreMatching(
  tf: typeof TF,
  gradients: TF.Tensor3D,
  offsets: TF.Tensor3D,
  sigma: number,
): TF.Scalar {
  const residual = tf.add(gradients, tf.div(offsets, sigma * sigma));
  return tf.mean(tf.sum(tf.square(residual), 2)) as TF.Scalar;
}
