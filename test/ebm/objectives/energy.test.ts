/** Objectives of the energy, on the Gaussian model f = -(y - mu)^2 / 2 s^2, whose log Z is known. */
import { beforeAll, describe, expect, test } from 'vitest';
import type * as TF from '@tensorflow/tfjs-core';
import { absentOutcome } from '../../../src/ebm/objectives/absent-outcome.js';
import { denoisingScoreMatching } from '../../../src/ebm/objectives/denoising-score-matching.js';
import { kldIs } from '../../../src/ebm/objectives/kld-is.js';
import { logPartition } from '../../../src/ebm/objectives/log-domain.js';
import { mlIs } from '../../../src/ebm/objectives/ml-is.js';
import { langevinChain, langevinStep, mlMcmc } from '../../../src/ebm/objectives/ml-mcmc.js';
import { nce } from '../../../src/ebm/objectives/nce.js';
import { scoreMatching } from '../../../src/ebm/objectives/score-matching.js';
import { createRandom } from '../../../src/random.js';
import { openTensorflow } from '../../../src/runtime/tensorflow.js';
import { checkGradients } from '../../helpers/derivatives.js';

let tf: typeof TF;
beforeAll(async () => {
  ({ tf } = await openTensorflow({ backend: 'cpu' }));
});

const HALF_LOG_2PI = 0.5 * Math.log(2 * Math.PI);
const logNormal = (y: number, mu: number, s: number): number => -0.5 * ((y - mu) / s) ** 2 - Math.log(s) - HALF_LOG_2PI;
const value = (scalar: TF.Scalar): number => scalar.dataSync()[0]!;

/** N draws of N(mu, s). */
function draws(count: number, mu: number, s: number, seed = 3): Float32Array {
  const random = createRandom(seed);
  return Float32Array.from({ length: count }, () => mu + s * random.normal());
}

/** f(y) of the model, mu and s tensors. */
function gaussian(y: TF.Tensor, mu: TF.Tensor, s: TF.Tensor): TF.Tensor {
  return tf.mul(tf.square(tf.div(tf.sub(y, mu), s)), -0.5);
}

describe('ML-IS', () => {
  test('is the exact negative log-likelihood where q is the model', () => {
    const [mu, s, truth] = [0.3, 0.7, 0.9];
    const y = draws(50, mu, s);
    const q = tf.tensor2d(
      y.map((v) => logNormal(v, mu, s)),
      [1, 50],
    );
    const f = tf.tensor2d(
      y.map((v) => -0.5 * ((v - mu) / s) ** 2),
      [1, 50],
    );
    expect(logPartition(tf, f, q).dataSync()[0]).toBeCloseTo(Math.log(s) + HALF_LOG_2PI, 4);
    const loss = mlIs(tf, f, q, tf.tensor1d([-0.5 * ((truth - mu) / s) ** 2]));
    expect(value(loss)).toBeCloseTo(-logNormal(truth, mu, s), 4);
  });

  test('log Z under a wider proposal is within its sampling error', () => {
    const y = draws(20_000, 0, 2);
    const q = tf.tensor2d(
      y.map((v) => logNormal(v, 0, 2)),
      [1, y.length],
    );
    const f = tf.tensor2d(
      y.map((v) => -0.5 * (v / 0.7) ** 2),
      [1, y.length],
    );
    expect(logPartition(tf, f, q).dataSync()[0]).toBeCloseTo(Math.log(0.7) + HALF_LOG_2PI, 1);
  });

  test('its gradient is the derivative', () => {
    const y = tf.tensor2d(draws(40, 0, 1), [2, 20]);
    const q = tf.tensor2d(
      Float32Array.from(y.dataSync(), (v) => logNormal(v, 0, 1)),
      [2, 20],
    );
    const loss = (mu: TF.Tensor, s: TF.Tensor): TF.Scalar =>
      mlIs(tf, gaussian(y, mu, s) as TF.Tensor2D, q, gaussian(tf.tensor1d([0.4, -1]), mu, s) as TF.Tensor1D);
    checkGradients(tf, loss, [tf.scalar(0.2), tf.scalar(0.8)]);
  });
});

describe('KLD-IS', () => {
  test('is KL plus entropy where q is the label density and the model', () => {
    const y = draws(60, 0, 0.5);
    const q = tf.tensor2d(
      y.map((v) => logNormal(v, 0, 0.5)),
      [1, 60],
    );
    const energies = y.map((v) => -0.5 * (v / 0.5) ** 2);
    const loss = kldIs(tf, tf.tensor2d(energies, [1, 60]), q, q);
    const mean = energies.reduce((a, b) => a + b, 0) / 60;
    expect(value(loss)).toBeCloseTo(Math.log(0.5) + HALF_LOG_2PI - mean, 4);
  });

  test('has its optimum at the label density', () => {
    const y = tf.tensor2d(draws(20_000, 0, 1), [1, 20_000]);
    const q = tf.tensor2d(
      Float32Array.from(y.dataSync(), (v) => logNormal(v, 0, 1)),
      [1, 20_000],
    );
    const label = tf.tensor2d(
      Float32Array.from(y.dataSync(), (v) => logNormal(v, 0.2, 0.6)),
      [1, 20_000],
    );
    const at = (mu: number, s: number): number =>
      value(kldIs(tf, gaussian(y, tf.scalar(mu), tf.scalar(s)) as TF.Tensor2D, q, label));
    const best = at(0.2, 0.6);
    for (const [mu, s] of [
      [0.3, 0.6],
      [0.1, 0.6],
      [0.2, 0.7],
      [0.2, 0.5],
    ] as const)
      expect(at(mu, s)).toBeGreaterThan(best);
  });

  test('its gradient is the derivative', () => {
    const random = createRandom(5);
    const normals = (): TF.Tensor2D => tf.tensor2d(Float32Array.from({ length: 12 }, random.normal), [3, 4]);
    const [q, label] = [normals(), normals()];
    checkGradients(tf, (f) => kldIs(tf, f as TF.Tensor2D, q, label), [normals()]);
  });
});

describe('NCE', () => {
  test('is log(1 + M) where the energy is log q, and never negative', () => {
    const q = tf.tensor2d(draws(18, 0, 1), [2, 9]);
    expect(value(nce(tf, q, q))).toBeCloseTo(Math.log(9), 5);
    const sure = tf.tensor2d([1e4, 0, 0, 0], [1, 4]);
    expect(value(nce(tf, sure, tf.zeros([1, 4])))).toBe(0);
  });

  test('its gradient is the derivative', () => {
    const q = tf.tensor2d(draws(12, 0, 1, 8), [3, 4]);
    checkGradients(tf, (f) => nce(tf, f as TF.Tensor2D, q), [tf.tensor2d(draws(12, 0, 1), [3, 4])]);
  });
});

describe('ML-MCMC', () => {
  test('is the difference of means', () => {
    expect(value(mlMcmc(tf, tf.tensor2d([1, 2, 3, 6], [2, 2]), tf.tensor1d([1, 1])))).toBeCloseTo(2, 6);
  });

  test('a step without noise climbs; a chain without noise contracts by 1 - alpha^2 / 2 s^2 a step', () => {
    const gradient = (y: TF.Tensor1D): TF.Tensor1D => tf.mul(y, -1 / 0.25);
    const noise = (): TF.Tensor1D => tf.zeros([2]);
    const once = langevinStep(tf, tf.tensor1d([1, -2]), tf.tensor1d([-4, 8]), noise(), 0.2);
    expect(once.dataSync()[0]).toBeCloseTo(1 - 0.5 * 0.04 * 4, 5);
    const before = tf.memory().numTensors;
    const start = tf.tensor1d([1, -2]);
    const end = langevinChain(tf, start, { steps: 10, alpha: 0.2, gradient, noise });
    expect(end.dataSync()[1]).toBeCloseTo(-2 * (1 - 0.04 / 0.5) ** 10, 5);
    expect(tf.memory().numTensors).toBe(before + 2);
  });

  test('long chains reach the variance of the discretised dynamics', () => {
    const [s, alpha] = [0.5, 0.3];
    const random = createRandom(9);
    const count = 4000;
    const end = tf.tidy(() =>
      langevinChain(tf, tf.zeros([count]) as TF.Tensor1D, {
        steps: 100,
        alpha,
        gradient: (y) => tf.mul(y, -1 / (s * s)),
        noise: () => tf.tensor1d(Float32Array.from({ length: count }, random.normal)),
      }).dataSync(),
    ) as Float32Array;
    const contraction = 1 - (alpha * alpha) / (2 * s * s);
    const expected = (alpha * alpha) / (1 - contraction ** 2);
    expect(end.reduce((sum, y) => sum + y * y, 0) / count / expected).toBeCloseTo(1, 1);
  });

  test('the gradient is that of the likelihood, not of the chain', () => {
    const start = tf.tensor2d([0.5, -0.5], [1, 2]);
    const loss = (mu: TF.Tensor): TF.Scalar => {
      const one = tf.scalar(1);
      const chain = langevinChain(tf, start, {
        steps: 3,
        alpha: 0.5,
        gradient: (y) => tf.sub(mu, y) as TF.Tensor2D,
        noise: () => tf.zeros([1, 2]),
      });
      return mlMcmc(tf, gaussian(chain, mu, one) as TF.Tensor2D, gaussian(tf.tensor1d([1]), mu, one) as TF.Tensor1D);
    };
    const [found] = tf.grads(loss)([tf.scalar(0.2)]);
    const ends = [0.5, -0.5].map((y) => 0.2 + (y - 0.2) * (1 - 0.125) ** 3);
    const meanScore = (ends[0]! + ends[1]!) / 2 - 0.2; // of df/dmu = y - mu
    expect(found!.dataSync()[0]).toBeCloseTo(meanScore - 0.8, 5);
  });
});

describe('score matching', () => {
  // f = -a (y - mu)^2 / 2: df/dy = -a (y - mu), d2f/dy2 = -a
  const y = draws(30, 0.4, 0.8);
  const mean = y.reduce((a, b) => a + b, 0) / 30;
  const variance = y.reduce((sum, v) => sum + (v - mean) ** 2, 0) / 30;
  const loss = (a: TF.Tensor, mu: TF.Tensor): TF.Scalar => {
    const gradient = tf.mul(tf.sub(tf.tensor2d(y, [30, 1]), mu), tf.neg(a)) as TF.Tensor2D;
    return scoreMatching(tf, gradient, tf.mul(tf.ones([30, 1]), tf.neg(a)) as TF.Tensor2D);
  };

  test('has its optimum, -1 / 2 var, at mean and variance of the data', () => {
    expect(value(loss(tf.scalar(1 / variance), tf.scalar(mean)))).toBeCloseTo(-0.5 / variance, 4);
    for (const gradient of tf.grads(loss)([tf.scalar(1 / variance), tf.scalar(mean)]))
      expect(gradient.dataSync()[0]).toBeCloseTo(0, 4);
  });

  test('its gradient is the derivative', () => checkGradients(tf, loss, [tf.scalar(0.9), tf.scalar(-0.3)]));

  test('sums over the dimensions', () => {
    const two = scoreMatching(tf, tf.tensor2d([2, 4], [1, 2]), tf.tensor2d([-1, -3], [1, 2]));
    expect(value(two)).toBeCloseTo(-4 + 10, 6);
  });
});

describe('denoising score matching', () => {
  const offsets = draws(24, 0, 0.3);
  const loss = (a: TF.Tensor): TF.Scalar => {
    const t = tf.tensor3d(offsets, [2, 6, 2]);
    return denoisingScoreMatching(tf, tf.mul(t, tf.neg(a)) as TF.Tensor3D, t, 0.3);
  };

  test('is zero at the score of the noise, and a sum over dimensions elsewhere', () => {
    expect(value(loss(tf.scalar(1 / 0.09)))).toBeCloseTo(0, 6);
    const square = offsets.reduce((sum, v) => sum + v * v, 0);
    expect(value(loss(tf.scalar(0)))).toBeCloseTo(square / 0.09 ** 2 / 12, 2);
  });

  test('its gradient is the derivative', () => checkGradients(tf, loss, [tf.scalar(7)]));
});

test('energies of 1e4 overflow nothing', () => {
  const f = tf.tensor2d([1e4, -1e4, 9.9e3, 1e4, 1e4, -1e4], [2, 3]);
  const q = tf.tensor2d([-40, 3, 1, -90, 2, 1], [2, 3]);
  const truth = tf.tensor1d([1e4, -1e4]);
  const losses: ((e: TF.Tensor) => TF.Scalar)[] = [
    (e) => mlIs(tf, e as TF.Tensor2D, q, truth),
    (e) => kldIs(tf, e as TF.Tensor2D, q, tf.tensor2d([-50, -900, 0, -70, 1, -5e3], [2, 3])),
    (e) => nce(tf, e as TF.Tensor2D, q),
    (e) => mlMcmc(tf, e as TF.Tensor2D, truth),
  ];
  for (const loss of losses) {
    const { value: result, grads } = tf.valueAndGrads((e: TF.Tensor) => loss(e))([f]);
    expect(Number.isFinite(value(result))).toBe(true);
    expect(grads[0]!.dataSync().every(Number.isFinite)).toBe(true);
  }
});

describe('the absent outcome', () => {
  const of = (present: number[], absent: number[], counted: number[]): number =>
    value(absentOutcome(tf, tf.tensor1d(present), tf.tensor1d(absent), tf.tensor1d(counted)));

  test('is -log P(present) and -log P(absent) with P(absent) = 1 / (1 + Z)', () => {
    const [z, other] = [3, 0.2];
    const expected = -Math.log(z / (1 + z)) - Math.log(1 / (1 + other));
    expect(of([Math.log(z)], [Math.log(other)], [1])).toBeCloseTo(expected, 5);
  });

  test('is the mean of each kind, of those that count', () => {
    const both = of([1, 2], [-1, 50, 0.5], [1, 0, 1]);
    const single = of([1], [-1], [1]) + of([2], [0.5], [1]);
    expect(both).toBeCloseTo(single / 2, 5);
    expect(of([1], [4], [0])).toBeCloseTo(Math.log(1 + Math.exp(-1)), 5);
  });

  test('stays finite where Z is huge or nothing', () => {
    expect(of([1000], [-1000], [1])).toBeCloseTo(0, 5);
    expect(of([-1000], [1000], [1])).toBeCloseTo(2000, 0);
  });

  test('its gradient is the derivative', () => {
    const loss = (present: TF.Tensor, absent: TF.Tensor): TF.Scalar =>
      absentOutcome(tf, present as TF.Tensor1D, absent as TF.Tensor1D, tf.tensor1d([1, 0, 1]));
    checkGradients(tf, loss, [tf.tensor1d([0.3, -0.8]), tf.tensor1d([0.5, 2, -0.4])]);
  });
});
