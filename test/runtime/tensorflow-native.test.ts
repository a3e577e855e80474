/** The native backend against the plain JavaScript one. Runs where `npm run native-tensorflow` has set it up. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Rank, Tensor, Tensor4D } from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { cacheDirectory, nativeDirectories } from '../../src/runtime/native-backend.js';
import { TENSORFLOW_LIBRARIES, type NativeBinding } from '../../src/runtime/native-binding.js';
import { openTensorflow, type Tensorflow } from '../../src/runtime/tensorflow.js';

const { libraries, tfjsNode } = nativeDirectories(cacheDirectory());
const isThere = existsSync(tfjsNode) && TENSORFLOW_LIBRARIES.every((file) => existsSync(path.join(libraries, file)));
if (!isThere)
  console.warn(`native TensorFlow is not in ${libraries}: its tests are skipped (npm run native-tensorflow)`);

const open = (): Promise<Tensorflow> => openTensorflow({ backend: 'native', threads: 2 });

type Core = Tensorflow['tf'];

/** Fixed pseudo-random numbers in [-1, 1]. */
function numbers(count: number, seed: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => Math.sin((i + 1) * 12.9898 + seed * 78.233) ** 3);
}

const values = (tensors: Tensor[]): number[][] => tensors.map((tensor) => Array.from(tensor.dataSync()));

/** The same computation on native and on cpu. */
async function onBoth(compute: (tf: Core) => Tensor[]): Promise<[number[], number[]][]> {
  const native = values(compute((await open()).tf));
  const cpu = values(compute((await openTensorflow({ backend: 'cpu' })).tf));
  return native.map((found, i) => [found, cpu[i]!]);
}

function expectSame(pairs: readonly [number[], number[]][]): void {
  for (const [found, expected] of pairs) {
    expect(found).toHaveLength(expected.length);
    const worst = Math.max(...found.map((value, i) => Math.abs(value - expected[i]!) / (1 + Math.abs(expected[i]!))));
    expect(worst).toBeLessThan(1e-4);
  }
}

describe.skipIf(!isThere)('native TensorFlow', () => {
  it('opens with its version and threads, by auto too, and once a process', async () => {
    const first = await open();
    expect(first.version).toBe('TensorFlow 2.15.1 on CPU, 2 thread(s)');
    const again = await openTensorflow();
    expect(again.backend).toBe('native');
    expect(again.tf.backend()).toBe(first.tf.backend());
    expect(again.tf.getBackend()).toBe('tensorflow');
  });

  it('multiplies matrices, batched and transposed, with the gradients of cpu', async () => {
    const pairs = await onBoth((tf) => {
      const a = tf.tensor3d(numbers(2 * 5 * 7, 1), [2, 5, 7]);
      const b = tf.tensor3d(numbers(2 * 6 * 7, 2), [2, 6, 7]);
      const f = (x: Tensor, y: Tensor): Tensor => tf.sum(tf.square(tf.matMul(x, y, false, true)));
      return [tf.matMul(a, b, false, true), ...tf.grads(f)([a, b])];
    });
    expectSame(pairs);
  });

  it('convolves with the gradients of cpu', async () => {
    const pairs = await onBoth((tf) => {
      const x = tf.tensor4d(numbers(2 * 9 * 8 * 5, 3), [2, 9, 8, 5]);
      const filter = tf.tensor4d(numbers(3 * 3 * 5 * 4, 4), [3, 3, 5, 4]);
      const f = (x: Tensor<Rank>, w: Tensor<Rank>): Tensor =>
        tf.sum(tf.square(tf.conv2d(x as Tensor4D, w as Tensor4D, 1, 'same')));
      return [tf.conv2d(x, filter, 1, 'same'), ...tf.grads(f)([x, filter])];
    });
    expectSame(pairs);
  });

  it('agrees with cpu on the operations of a head', async () => {
    const pairs = await onBoth((tf) => {
      const x = tf.tensor2d(numbers(12 * 10, 5), [12, 10]);
      const mask = tf.greater(x, 0); // outside: tfjs has no gradient for it
      const operations: ((x: Tensor) => Tensor)[] = [
        (x) => tf.logSumExp(x, 1),
        (x) => tf.softplus(tf.relu(x)),
        (x) => tf.sigmoid(tf.tanh(x)),
        (x) => tf.exp(tf.mean(x, 0, true)),
        (x) => tf.concat([tf.slice(x, [0, 2], [12, 3]), tf.square(x)], 1),
        (x) => tf.transpose(tf.reshape(x, [3, 4, 10]), [2, 0, 1]),
        (x) => tf.erf(tf.clipByValue(x, -0.5, 0.5)),
        (x) => tf.gather(x, tf.tensor1d([3, 3, 0], 'int32')),
        (x) =>
          tf.pad(tf.maximum(x, tf.scalar(0.1)), [
            [1, 0],
            [0, 2],
          ]),
        (x) => tf.where(mask, x, tf.mul(x, 0.1)),
      ];
      return operations.flatMap((f) => [f(x), tf.grad((x) => tf.sum(tf.square(f(x))))(x)]);
    });
    expectSame(pairs);
  });

  it('carries int32, bool and strings, empty and scalar shapes', async () => {
    const { tf } = await open();
    const sum = tf.add(tf.tensor1d([1, 2], 'int32'), tf.scalar(1, 'int32'));
    expect(Array.from(sum.dataSync())).toEqual([2, 3]);
    expect(Array.from(tf.greater(tf.tensor1d([1, 2, 3]), 2).dataSync())).toEqual([0, 0, 1]);
    expect(Array.from(tf.concat([tf.tensor1d(['a', 'héé']), tf.tensor1d([''])]).dataSync())).toEqual(['a', 'héé', '']);
    expect(tf.concat([tf.zeros([0, 3]), tf.zeros([0, 3])]).shape).toEqual([0, 3]);
    const { values, indices } = tf.topk(tf.tensor1d([3, 1, 2]), 2); // tfjs-node calls util functions gone from Node 23
    expect([...values.dataSync(), ...indices.dataSync()]).toEqual([3, 2, 0, 2]);
  });

  it('says what TensorFlow says of a bad call', async () => {
    const { tf } = await open();
    const { binding } = tf.backend() as unknown as { binding: NativeBinding };
    expect(() => binding.executeOp('NoSuchOp', [], [], 1)).toThrow(/NoSuchOp/);
    expect(() => binding.deleteTensor(-1)).toThrow();
    expect(() => binding.createTensor([3], 1, new Float32Array(2))).toThrow();
  });

  it('keeps no tensor over 500 training steps', async () => {
    const { tf } = await open();
    const { binding } = tf.backend() as unknown as { binding: NativeBinding };
    const weights = tf.variable(tf.tensor2d(numbers(8 * 4, 6), [8, 4]));
    const input = tf.tensor2d(numbers(16 * 8, 7), [16, 8]);
    const optimizer = tf.train.adam(1e-3);
    const step = (): void => {
      optimizer.minimize(() => tf.mean(tf.square(tf.relu(tf.matMul(input, weights)))));
    };
    for (let i = 0; i < 3; i++) step();
    const before = [tf.memory().numTensors, binding.getNumOfTensors()];
    for (let i = 0; i < 500; i++) step();
    expect([tf.memory().numTensors, binding.getNumOfTensors()]).toEqual(before);
  });
});
