/** A step whose numbers are not finite must not spoil the weights: one black crop would end hours of training. */
import type * as TF from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { groupNormRelu } from '../../src/ebm/engines/tfjs.js';
import { NORM_GROUPS } from '../../src/ebm/head.js';
import { openTensorflow, type Tensorflow } from '../../src/runtime/tensorflow.js';
import { adamStep, createOptimiserState } from '../../src/training/optimiser.js';

const SETTINGS = { weightDecay: 1e-3, maxNorm: 10, averageDecay: 0.99 };

test('a step with a gradient that is not finite leaves weights, moments and mean as they were', () => {
  const weights = { a: { shape: [2], data: Float32Array.of(1, 2) } };
  const state = createOptimiserState(weights);
  adamStep(weights, { a: Float32Array.of(0.1, -0.2) }, state, 1, 1e-3, SETTINGS);
  const before = structuredClone({ weights, state });
  expect(adamStep(weights, { a: Float32Array.of(Number.NaN, 1) }, state, 2, 1e-3, SETTINGS)).toBeNaN();
  expect({ weights, state }).toEqual(before);
});

let tensorflow: Tensorflow;
beforeAll(async () => {
  tensorflow = await openTensorflow({ backend: 'auto' });
});

// sums are rounded as the backend likes: native TensorFlow gave NaN for half of these before the variance was kept from falling below zero
test('group norm of a map of one value is finite', () => {
  const { tf } = tensorflow;
  for (let i = 1; i < 40; i++) {
    const x = tf.mul(tf.ones<TF.Rank.R4>([1, 36, 36, 8 * NORM_GROUPS]), 0.737 * i) as TF.Tensor4D;
    const normed = groupNormRelu(tf, x, tf.ones([8 * NORM_GROUPS]), tf.ones([8 * NORM_GROUPS]));
    expect([...normed.dataSync()].every(Number.isFinite)).toBe(true);
  }
});
