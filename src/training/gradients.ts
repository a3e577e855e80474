/** Gradients of a loss by weights. */
import type * as TF from '@tensorflow/tfjs-core';
import type { Weights } from '../ebm/head.js';

/** @param loss of the weights as tensors, under their names; all that it makes is freed */
export function gradientsOf(
  tf: typeof TF,
  weights: Weights,
  loss: (W: Record<string, TF.Tensor>) => TF.Scalar,
): Record<string, Float32Array> {
  const names = Object.keys(weights);
  const named = (...tensors: TF.Tensor[]): TF.Scalar =>
    loss(Object.fromEntries(names.map((name, i) => [name, tensors[i]!])));
  const gradients: Record<string, Float32Array> = {};
  // Nothing leaves through tidy's result: it would walk through every number of the arrays in search of tensors.
  tf.tidy(() => {
    const inputs = names.map((name) => tf.tensor(weights[name]!.data, [...weights[name]!.shape]));
    const { grads } = tf.valueAndGrads(named)(inputs);
    names.forEach((name, i) => (gradients[name] = grads[i]!.dataSync() as Float32Array));
  });
  return gradients;
}
