/** Objectives of the learned proposal. */
import { beforeAll, describe, expect, test } from 'vitest';
import type * as TF from '@tensorflow/tfjs-core';
import { joint } from '../../../src/ebm/objectives/joint.js';
import { detach, logSumExp, withoutGradient } from '../../../src/ebm/objectives/log-domain.js';
import { mixtureLikelihood, mixtureLogDensity } from '../../../src/ebm/objectives/mixture-likelihood.js';
import { nce } from '../../../src/ebm/objectives/nce.js';
import { proposalCrossEntropy, proposalDivergence } from '../../../src/ebm/objectives/proposal-divergence.js';
import { teacher } from '../../../src/ebm/objectives/teacher.js';
import { logDensity } from '../../../src/ebm/proposal.js';
import { createRandom } from '../../../src/random.js';
import { openTensorflow } from '../../../src/runtime/tensorflow.js';
import { checkGradients, gradientsOf } from '../../helpers/derivatives.js';

let tf: typeof TF;
beforeAll(async () => {
  ({ tf } = await openTensorflow({ backend: 'cpu' }));
});

const value = (scalar: TF.Scalar): number => scalar.dataSync()[0]!;

function normals(count: number, seed: number): Float32Array {
  const random = createRandom(seed);
  return Float32Array.from({ length: count }, random.normal);
}

describe('log domain', () => {
  test('log sum exp and its gradient, also of large and equal values', () => {
    const x = tf.tensor2d([1e4, 1e4, -1e4, 0, 1, 2], [2, 3]);
    const lse = logSumExp<TF.Tensor1D>(tf, x, 1).dataSync();
    expect(lse[0]).toBeCloseTo(1e4 + Math.log(2), 2);
    expect(lse[1]).toBeCloseTo(Math.log(1 + Math.E + Math.E ** 2), 5);
    const [gradient] = gradientsOf(tf, (t) => tf.sum(logSumExp(tf, t, 1)), [x]);
    expect([...gradient!.subarray(0, 3)]).toEqual([0.5, 0.5, 0]);
    checkGradients(tf, (t) => tf.sum(logSumExp(tf, t, 0)), [tf.tensor2d(normals(6, 1), [2, 3])]);
  });

  test('a detached tensor is a constant, and what made it is not recorded', () => {
    const x = tf.tensor1d([2, 3]);
    expect([...gradientsOf(tf, (t) => tf.sum(tf.mul(t, detach(tf, t))), [x])[0]!]).toEqual([2, 3]);
    const [inner] = gradientsOf(
      tf,
      (t) =>
        tf.sum(
          tf.mul(
            t,
            withoutGradient(tf, () => tf.square(t)),
          ),
        ),
      [x],
    );
    expect([...inner!]).toEqual([4, 9]);
  });
});

describe('mixture likelihood', () => {
  const mixture = (logits: number[], means: number[], logSigmas: number[], dimensions: number) => ({
    logits: tf.tensor2d(logits, [1, logits.length]),
    means: tf.tensor3d(means, [1, logits.length, dimensions]),
    logSigmas: tf.tensor3d(logSigmas, [1, logits.length, dimensions]),
  });

  test('one component is the Gaussian', () => {
    const nll = mixtureLikelihood(tf, mixture([5], [1, -1], [Math.log(2), 0], 2), tf.tensor2d([2, -3], [1, 2]));
    expect(value(nll)).toBeCloseTo(0.125 + 2 + Math.log(2) + Math.log(2 * Math.PI), 5);
  });

  test('agrees with the proposal of the tracker, in four dimensions', () => {
    const [logits, means, logSigmas, y] = [normals(3, 1), normals(12, 2), normals(12, 3), normals(20, 4)];
    const expected = logDensity({ logits, means, logSigmas }, y);
    const tensors = mixture([...logits], [...means], [...logSigmas], 4);
    const found = mixtureLogDensity(tf, tensors, tf.tensor3d(y, [1, 5, 4])).dataSync();
    expected.forEach((v, i) => expect(found[i]).toBeCloseTo(v, 3));
  });

  test('integrates to one', () => {
    const grid = Float32Array.from({ length: 4001 }, (_, i) => -10 + i / 200);
    const tensors = mixture([0.3, -1, 0], [-2, 0.5, 3], [-1, 0.2, -2], 1);
    const density = tf.exp(mixtureLogDensity(tf, tensors, tf.tensor3d(grid, [1, 4001, 1]))).dataSync() as Float32Array;
    expect(density.reduce((a, b) => a + b, 0) / 200).toBeCloseTo(1, 3);
  });

  test('its gradient is the derivative', () => {
    const y = tf.tensor2d(normals(4, 9), [2, 2]);
    const loss = (logits: TF.Tensor, means: TF.Tensor, logSigmas: TF.Tensor): TF.Scalar =>
      mixtureLikelihood(
        tf,
        {
          logits: logits as TF.Tensor2D,
          means: means as TF.Tensor3D,
          logSigmas: logSigmas as TF.Tensor3D,
        },
        y,
      );
    checkGradients(tf, loss, [
      tf.tensor2d(normals(6, 1), [2, 3]),
      tf.tensor3d(normals(12, 2), [2, 3, 2]),
      tf.tensor3d(
        Array.from(normals(12, 3), (v) => 0.3 * v),
        [2, 3, 2],
      ),
    ]);
  });

  test('a truth a thousand deviations away has a finite loss and gradient', () => {
    const far = mixture([0, 0], [0, 1], [-2, -2], 1);
    const loss = (means: TF.Tensor): TF.Scalar =>
      mixtureLikelihood(tf, { ...far, means: means as TF.Tensor3D }, tf.tensor2d([140], [1, 1]));
    expect(Number.isFinite(value(loss(far.means)))).toBe(true);
    expect(gradientsOf(tf, loss, [far.means])[0]!.every(Number.isFinite)).toBe(true);
  });
});

describe('divergence from the energy', () => {
  const energies = (): TF.Tensor2D => tf.tensor2d(normals(10, 1), [2, 5]);
  const logProposal = (): TF.Tensor2D => tf.tensor2d(normals(10, 2), [2, 5]);

  test('its gradient is minus the normalised weights, and none for the energy', () => {
    const [toEnergy, toProposal] = gradientsOf(
      tf,
      // the sum keeps the energies in the graph, else tfjs refuses to differentiate
      (f, q) => tf.add(proposalDivergence(tf, f as TF.Tensor2D, q as TF.Tensor2D), tf.mul(tf.sum(f), 0)),
      [energies(), logProposal()],
    );
    expect(toEnergy!.every((g) => g === 0)).toBe(true);
    const weights = tf.softmax(tf.sub(energies(), logProposal())).dataSync();
    weights.forEach((w, i) => expect(toProposal![i]).toBeCloseTo(-w / 2, 5));
  });

  test('is least where the proposal is the model', () => {
    // p = N(0, 1); samples of q = N(mu, 1) shifted along with it would hide the minimum: they are fixed, at a grid of N(0, 2)'s density
    const y = Array.from({ length: 2001 }, (_, i) => -6 + (12 * i) / 2000);
    const energy = tf.tensor2d(
      y.map((v) => -0.5 * v * v),
      [1, y.length],
    );
    const gradientAt = (mu: number): number => {
      const loss = (m: TF.Tensor): TF.Scalar => {
        const q = tf.mul(tf.square(tf.sub(tf.tensor2d(y, [1, y.length]), m)), -0.5) as TF.Tensor2D;
        // samples on a grid have density 1, not q: added to f, it makes the weights those of the grid
        return proposalDivergence(tf, tf.add(energy, detach(tf, q)), q);
      };
      return gradientsOf(tf, loss, [tf.scalar(mu)])[0]![0]!;
    };
    expect(gradientAt(0)).toBeCloseTo(0, 4);
    expect(gradientAt(0.5)).toBeCloseTo(0.5, 3); // KL(N(0, 1) || N(mu, 1)) = mu^2 / 2
  });

  test('joint: the energy learns by NCE, the proposal by the divergence', () => {
    const f = tf.tensor2d(normals(12, 1), [2, 6]);
    const q = tf.tensor2d(normals(12, 2), [2, 6]);
    const [toEnergy, toProposal] = gradientsOf(tf, (a, b) => joint(tf, a as TF.Tensor2D, b as TF.Tensor2D), [f, q]);
    const [byNce] = gradientsOf(tf, (a) => nce(tf, a as TF.Tensor2D, q), [f]);
    toEnergy!.forEach((g, i) => expect(g).toBeCloseTo(byNce![i]!, 6));
    const samples = (t: TF.Tensor2D): TF.Tensor2D => tf.slice(t, [0, 1], [2, 5]);
    const weights = tf.softmax(tf.sub(samples(f), samples(q))).dataSync();
    for (const row of [0, 1]) {
      expect(toProposal![6 * row]).toBe(0); // the annotation is no sample of q
      for (let m = 0; m < 5; m++) expect(toProposal![6 * row + 1 + m]).toBeCloseTo(-weights[5 * row + m]! / 2, 5);
    }
  });

  test('teacher: half divergence, half likelihood', () => {
    const f = tf.tensor2d(normals(12, 1), [2, 6]);
    const q = tf.tensor2d(normals(12, 2), [2, 6]);
    const truth = (q.dataSync()[0]! + q.dataSync()[6]!) / 2;
    const samples = (t: TF.Tensor2D): TF.Tensor2D => tf.slice(t, [0, 1], [2, 5]);
    const divergence = value(proposalDivergence(tf, samples(f), samples(q)));
    expect(value(teacher(tf, f, q))).toBeCloseTo(0.5 * divergence - 0.5 * truth, 5);
    checkGradients(tf, (b) => teacher(tf, f, b as TF.Tensor2D), [q]);
  });

  test('energies of 1e4 overflow nothing', () => {
    const f = tf.tensor2d([1e4, -1e4, 1e4, 9e3], [1, 4]);
    const q = tf.tensor2d([-1e3, 2, -50, 4], [1, 4]);
    for (const objective of [joint, teacher]) {
      expect(Number.isFinite(value(objective(tf, f, q)))).toBe(true);
      const [g] = gradientsOf(tf, (b) => objective(tf, f, b as TF.Tensor2D), [q]);
      expect(g!.every(Number.isFinite)).toBe(true);
    }
  });
});

test('the cross entropy with samples of the proposal itself has the gradient of the divergence', () => {
  const energies = tf.tensor2d(normals(10, 1), [2, 5]);
  const logProposal = tf.tensor2d(normals(10, 2), [2, 5]);
  const [expected] = gradientsOf(tf, (q) => proposalDivergence(tf, energies, q as TF.Tensor2D), [logProposal]);
  const [found] = gradientsOf(tf, (q) => proposalCrossEntropy(tf, energies, logProposal, q as TF.Tensor2D), [
    logProposal,
  ]);
  expected!.forEach((value, i) => expect(found![i]).toBeCloseTo(value, 5));
});
