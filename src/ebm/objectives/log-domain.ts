/** Helpers for the objectives: constants for the gradient, and sums of exponentials that do not overflow. */
import type * as TF from '@tensorflow/tfjs-core';

/**
 * The value of `compute`, as a constant: no gradient flows into it, and nothing inside is recorded ("detached" in the papers).
 * tfjs has no stop-gradient; a custom gradient of no inputs is one, without a copy of the numbers.
 */
export function withoutGradient<T extends TF.Tensor>(tf: typeof TF, compute: () => T): T {
  return tf.customGrad<T>(() => ({ value: compute(), gradFunc: () => [] }))();
}

/** The tensor as a constant, see withoutGradient. */
export function detach<T extends TF.Tensor>(tf: typeof TF, tensor: T): T {
  return withoutGradient(tf, () => tf.clone(tensor));
}

/**
 * log sum exp over one axis, which is dropped. Its gradient is the softmax, written down: tfjs's own also differentiates the maximum,
 * which cancels, and so takes twice the passes.
 */
export function logSumExp<T extends TF.Tensor>(tf: typeof TF, values: TF.Tensor, axis: number): T {
  const lse = tf.customGrad<T>((x, save) => {
    const input = x as TF.Tensor;
    const max = tf.max(input, axis, true);
    const powers = tf.exp(tf.sub(input, max));
    const sum = tf.sum(powers, axis, true);
    // not exp(x - lse): at energies of 1e4 the rounding of lse alone would be 1e-3 of it
    (save as TF.GradSaveFunc)([powers, sum]);
    return {
      value: tf.squeeze(tf.add(max, tf.log(sum)), [axis]) as TF.Tensor as T,
      gradFunc: (dy: T, saved: TF.Tensor[]) => [tf.mul(saved[0]!, tf.div(tf.expandDims(dy, axis), saved[1]!))],
    };
  });
  return lse(values);
}

/**
 * Estimate of log Z = log of the integral of exp f by importance sampling: LSE_m(f(y_m) - log q(y_m)) - log M, y_m ~ q.
 * @param energies f(x, y_m): [R, M]
 * @param logProposal log q(y_m): [R, M]
 * @returns [R]
 */
export function logPartition(tf: typeof TF, energies: TF.Tensor2D, logProposal: TF.Tensor2D): TF.Tensor1D {
  const scores = tf.sub(energies, logProposal);
  return tf.sub(logSumExp<TF.Tensor1D>(tf, scores, 1), Math.log(scores.shape[1]!));
}
