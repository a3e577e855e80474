import { beforeAll, describe, expect, test } from 'vitest';
import type * as TF from '@tensorflow/tfjs-core';
import { DIMENSIONS, logDensity, mixtureAbout, sampleMixture } from '../../src/ebm/proposal.js';
import { createRandom } from '../../src/random.js';
import { openTensorflow } from '../../src/runtime/tensorflow.js';
import { energyLoss, type ObjectiveName, type ScoredPairs } from '../../src/training/objective.js';

let tf: typeof TF;
beforeAll(async () => {
  ({ tf } = await openTensorflow({ backend: 'cpu' }));
});

const truths = [Float32Array.of(0.1, -0.2, 0.05, 0), Float32Array.of(0, 0.3, -0.1, 0.1)];
const proposal = mixtureAbout([0, 0, 0, 0], [0.3]);

/** Pairs whose energy is a function of the box and of the pair. */
function pairsWith(f: (y: Float32Array, r: number) => number): ScoredPairs {
  const random = createRandom(5);
  return {
    tf,
    random,
    truths,
    count: 64,
    sample: (_, count) => sampleMixture(proposal, count, random),
    logProposal: (_, y) => logDensity(proposal, y),
    energies: (y) =>
      tf.tensor2d(
        y.map((boxes, r) =>
          Array.from({ length: boxes.length / DIMENSIONS }, (_, n) =>
            f(boxes.subarray(DIMENSIONS * n, DIMENSIONS * (n + 1)), r),
          ),
        ),
      ),
  };
}

const lossOf = (name: ObjectiveName, f: (y: Float32Array, r: number) => number): number =>
  energyLoss(name, pairsWith(f)).loss.dataSync()[0]!;

/** log of a Gaussian about the truth, up to a constant. */
const about =
  (sigma: number) =>
  (y: Float32Array, r: number): number =>
    -0.5 * y.reduce((sum, value, d) => sum + ((value - truths[r]![d]!) / sigma) ** 2, 0);
const logQ = (y: Float32Array): number => logDensity(proposal, y)[0]!;

describe('objectives of the tracking head', () => {
  test('an energy that is the proposal: NCE cannot tell, ML-IS is the likelihood of the truth', () => {
    for (const name of ['nce', 'nce+'] as const) expect(lossOf(name, logQ)).toBeCloseTo(Math.log(65), 4);
    const likelihood = truths.reduce((sum, truth) => sum + logQ(truth), 0) / truths.length;
    expect(lossOf('ml-is', logQ)).toBeCloseTo(-likelihood, 4);
  });

  test('the score of the denoised density makes DSM zero, and another does not', () => {
    expect(lossOf('dsm', about(0.1))).toBeLessThan(1e-2);
    expect(lossOf('dsm', about(0.05))).toBeGreaterThan(10);
  });

  test('SM of a Gaussian at its centre is the trace of its curvature', () => {
    expect(lossOf('sm', about(0.2)) / (-DIMENSIONS / 0.2 ** 2)).toBeCloseTo(1, 2);
  });

  test('Langevin chains leave the truth, which scores above their ends', () => {
    expect(lossOf('ml-mcmc', about(0.1))).toBeLessThan(-0.1);
  });

  test('KLD-IS prefers the energy of the label to that of the proposal', () => {
    expect(lossOf('kld-is', about(0.05))).toBeLessThan(lossOf('kld-is', logQ));
  });

  test('what the proposal learns from are the drawn boxes, without the truth', () => {
    for (const name of ['nce+', 'nce', 'ml-is', 'kld-is'] as const) {
      const { drawn } = energyLoss(name, pairsWith(about(0.2)));
      expect(drawn!.energies.shape).toEqual([2, 64]);
      expect(drawn!.y[0]!.length).toBe(64 * DIMENSIONS);
      expect(drawn!.logSampled.dataSync()[0]).toBeCloseTo(logQ(drawn!.y[0]!.subarray(0, 4)), 4);
    }
    for (const name of ['sm', 'dsm', 'ml-mcmc'] as const)
      expect(energyLoss(name, pairsWith(about(0.2))).drawn).toBeUndefined();
  });
});
