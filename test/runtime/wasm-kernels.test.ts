import type * as TF from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { openTensorflow } from '../../src/runtime/tensorflow.js';

/** Values of a computation on both backends: plain JavaScript has every kernel. */
async function onBoth(compute: (tf: typeof TF) => TF.Tensor[]): Promise<[number[][], number[][]]> {
  const results: number[][][] = [];
  for (const backend of ['cpu', 'wasm'] as const) {
    const { tf } = await openTensorflow({ backend });
    const before = tf.memory().numTensors;
    const tensors = compute(tf);
    results.push(tensors.map((tensor) => [...tensor.dataSync()]));
    tf.dispose(tensors);
    expect(tf.memory().numTensors).toBe(before);
  }
  return results as [number[][], number[][]];
}

function expectClose([expected, found]: [number[][], number[][]]): void {
  expect(found.length).toBe(expected.length);
  found.forEach((values, i) => {
    expect(values.length).toBe(expected[i]!.length);
    values.forEach((value, k) => expect(Math.abs(value - expected[i]![k]!)).toBeLessThan(1e-3));
  });
}

/** Numbers of about unit size, the same each time. */
const wave = (tf: typeof TF, shape: number[], phase: number): TF.Tensor =>
  tf.tensor(
    Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(1.7 * i + phase)),
    shape,
  );

beforeAll(async () => {
  await openTensorflow({ backend: 'wasm' });
});

test.each([
  ['plain', [40, 40], [40, 40], false, false],
  ['transposed left', [40, 40], [40, 36], true, false],
  ['transposed right', [38, 40], [44, 40], false, true],
  ['batches', [3, 40, 33], [3, 33, 41], false, false],
  ['one for all of a batch', [1, 40, 33], [3, 33, 41], false, false],
  ['small', [3, 4, 5], [3, 5, 2], false, false],
] as const)('matMul, %s', async (_, a, b, transposeA, transposeB) => {
  expectClose(
    await onBoth((tf) => tf.tidy(() => [tf.matMul(wave(tf, [...a], 0), wave(tf, [...b], 1), transposeA, transposeB)])),
  );
});

test('tile', async () => {
  expectClose(
    await onBoth((tf) =>
      tf.tidy(() => [tf.tile(wave(tf, [2, 1, 3], 0), [1, 4, 1]), tf.tile(wave(tf, [2, 2], 0), [2, 3])]),
    ),
  );
});

test('gradients of conv2d and gather', async () => {
  expectClose(
    await onBoth((tf) =>
      tf.tidy(() => {
        const score = (x: TF.Tensor, kernel: TF.Tensor): TF.Scalar => {
          const taken = tf.gather(x as TF.Tensor4D, tf.tensor1d([1, 0, 1], 'int32'));
          const y = tf.conv2d(taken, kernel as TF.Tensor4D, 1, 'same');
          return tf.sum(tf.mul(y, wave(tf, y.shape, 2)));
        };
        return tf.grads(score)([wave(tf, [2, 6, 5, 4], 0), wave(tf, [3, 3, 4, 8], 1)]);
      }),
    ),
  );
});
