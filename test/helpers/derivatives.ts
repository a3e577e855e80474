import { expect } from 'vitest';
import type * as TF from '@tensorflow/tfjs-core';

/** Gradients of a scalar function of tensors by tfjs, beside central differences of its value. */
export function checkGradients(
  tf: typeof TF,
  loss: (...inputs: TF.Tensor[]) => TF.Scalar,
  inputs: readonly TF.Tensor[],
  { step = 1e-2, tolerance = 2e-2 } = {},
): void {
  const gradients = tf.grads((...tensors: TF.Tensor[]) => loss(...tensors))([...inputs]);
  inputs.forEach((input, which) => {
    const values = input.dataSync();
    const found = gradients[which]!.dataSync();
    const value = (index: number, shift: number): number => {
      const moved = Float32Array.from(values);
      moved[index]! += shift;
      const tensors = inputs.map((tensor, i) => (i === which ? tf.tensor(moved, input.shape) : tensor));
      return tf.tidy(() => loss(...tensors).dataSync()[0]!);
    };
    const expected = Float32Array.from(values, (_, i) => (value(i, step) - value(i, -step)) / (2 * step));
    const top = expected.reduce((max, v) => Math.max(max, Math.abs(v)), 1e-2);
    expected.forEach((v, i) => expect(Math.abs(found[i]! - v) / top).toBeLessThan(tolerance));
  });
}

/** Gradients only: what tfjs says of each input. */
export function gradientsOf(
  tf: typeof TF,
  loss: (...inputs: TF.Tensor[]) => TF.Scalar,
  inputs: readonly TF.Tensor[],
): Float32Array[] {
  return tf
    .grads((...tensors: TF.Tensor[]) => loss(...tensors))([...inputs])
    .map((t) => t.dataSync() as Float32Array);
}
