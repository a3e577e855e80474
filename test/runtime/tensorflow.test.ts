import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { Tensor } from '@tensorflow/tfjs-core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { cacheDirectory } from '../../src/runtime/native-backend.js';
import { TENSORFLOW_BACKENDS } from '../../src/config.js';
import { openTensorflow, type TensorflowBackend } from '../../src/runtime/tensorflow.js';

let cache: string;

beforeEach(async () => {
  cache = await mkdtemp(path.join(os.tmpdir(), 'ebm-tracker-'));
  vi.stubEnv('EBM_TRACKER_CACHE', cache); // empty: native cannot open
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(cache, { recursive: true });
});

/** Central difference of the sum of f about x, one component at a time. */
function numericGradient(f: (x: number[]) => number, x: number[], step = 1e-2): number[] {
  return x.map((_, i) => {
    const moved = (by: number): number[] => x.map((value, j) => (i === j ? value + by : value));
    return (f(moved(step)) - f(moved(-step))) / (2 * step);
  });
}

function expectClose(found: Tensor, expected: readonly number[], tolerance: number): void {
  const values = Array.from(found.dataSync());
  expect(values).toHaveLength(expected.length);
  for (const [i, value] of values.entries()) expect(Math.abs(value - expected[i]!)).toBeLessThan(tolerance);
}

describe.each(['wasm', 'cpu'] as const)('openTensorflow %s', (backend) => {
  it('opens and says so', async () => {
    const opened = await openTensorflow({ backend });
    expect(opened.backend).toBe(backend);
    expect(opened.tried).toEqual([]);
    expect(opened.tf.getBackend()).toBe(backend);
    expect(opened.version).toMatch(/\d+\.\d+\.\d+/);
  });

  it('multiplies matrices and differentiates the product', async () => {
    const { tf } = await openTensorflow({ backend });
    const a = tf.tensor2d([1, 2, 3, 4], [2, 2]);
    const b = tf.tensor2d([5, 6, 7, 8], [2, 2]);
    expectClose(a.matMul(b), [19, 22, 43, 50], 1e-5); // chained operations are there too
    const [da, db] = tf.grads((x, y) => tf.sum(tf.matMul(x, y)))([a, b]) as [Tensor, Tensor];
    expectClose(da, [11, 15, 11, 15], 1e-5);
    expectClose(db, [4, 4, 6, 6], 1e-5);
  });

  it.each([
    ['all axes', undefined, false],
    ['the last axis', -1, false],
    ['two axes, kept', [0, 2], true],
  ] as const)('differentiates sum and mean over %s as finite differences do', async (_, axis, keepDims) => {
    const { tf } = await openTensorflow({ backend });
    const start = [0.3, -1.2, 0.7, 2.1, -0.4, 0.9, 1.5, -0.8, 0.1, 0.6, -1.9, 1.1];
    for (const reduce of [tf.sum, tf.mean]) {
      const f = (x: Tensor): Tensor => tf.sum(tf.square(reduce(tf.square(x), axis as number | undefined, keepDims)));
      const value = (x: number[]): number => f(tf.tensor(x, [2, 3, 2])).dataSync()[0]!;
      const expected = numericGradient(value, start);
      const scale = Math.max(...expected.map(Math.abs));
      expectClose(tf.grad(f)(tf.tensor(start, [2, 3, 2])), expected, 2e-3 * scale);
    }
  });

  it('differentiates a sum twice', async () => {
    const { tf } = await openTensorflow({ backend });
    const cubes = (x: Tensor): Tensor => tf.sum(tf.mul(x, tf.square(x)));
    const second = tf.grad((x) => tf.sum(tf.grad(cubes)(x)));
    expectClose(second(tf.tensor1d([1, -2, 0.5])), [6, -12, 3], 1e-4);
    const squareOfSum = (x: Tensor): Tensor => tf.square(tf.sum(x));
    const mixed = tf.grad((x) => tf.sum(tf.grad(squareOfSum)(x)));
    expectClose(mixed(tf.tensor1d([1, -2, 0.5])), [6, 6, 6], 1e-4);
  });

  it('passes a gradient through the sum of a scalar', async () => {
    const { tf } = await openTensorflow({ backend });
    expectClose(tf.grad((x) => tf.sum(tf.square(x)))(tf.scalar(3)), [6], 1e-5);
  });
});

describe('openTensorflow auto', () => {
  it('gives a reason for each backend passed over', async () => {
    const { tf, backend, reason, tried } = await openTensorflow({ threads: 1 });
    const passedOver = TENSORFLOW_BACKENDS.slice(0, TENSORFLOW_BACKENDS.indexOf(backend));
    expect(tried.map((entry) => entry.backend)).toEqual(passedOver);
    for (const entry of tried) expect(entry.reason).not.toBe('');
    expect(reason).toContain(backend);
    expect(backend).not.toBe('native');
    expectClose(tf.add(tf.scalar(1), tf.scalar(2)), [3], 1e-6);
  });
});

describe('openTensorflow refuses', () => {
  it('an unknown backend', async () => {
    const backend = 'webgl' as TensorflowBackend;
    await expect(openTensorflow({ backend })).rejects.toMatchObject({ code: 'OPTION_INVALID' });
  });

  it.each([0, -1, 1.5, 128, Number.NaN])('%d threads', async (threads) => {
    await expect(openTensorflow({ backend: 'cpu', threads })).rejects.toMatchObject({ code: 'OPTION_INVALID' });
  });

  it('native without its libraries, naming the command that brings them in a clone, and elsewhere', async () => {
    const error = {
      code: 'TENSORFLOW_UNAVAILABLE',
      hint: expect.stringMatching(
        /in a clone .*npm run native-tensorflow; elsewhere npm install @tensorflow.tfjs-node@/,
      ) as string,
    };
    await expect(openTensorflow({ backend: 'native' })).rejects.toMatchObject(error);
  });
});

describe('cacheDirectory', () => {
  it('is EBM_TRACKER_CACHE, else in XDG_CACHE_HOME, else in the home folder', () => {
    expect(cacheDirectory({ EBM_TRACKER_CACHE: '/a/b', XDG_CACHE_HOME: '/c' })).toBe(path.resolve('/a/b'));
    expect(cacheDirectory({ XDG_CACHE_HOME: '/c' })).toBe(path.join('/c', 'ebm-tracker'));
    expect(cacheDirectory({})).toBe(path.join(os.homedir(), '.cache', 'ebm-tracker'));
  });
});
