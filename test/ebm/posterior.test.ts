import { expect, test } from 'vitest';
import { dominantMode, importanceEstimate, placePrior, sizePrior, type LogDensity } from '../../src/ebm/posterior.js';
import { estimateBox, type EstimateSettings } from '../../src/ebm/estimate.js';
import { paraboloidPeak } from '../../src/ebm/paraboloid.js';
import { logDensity, mixtureAbout, sampleMixture } from '../../src/ebm/proposal.js';
import { ascend } from '../../src/ebm/refine.js';
import { cropBox } from '../../src/geometry.js';
import { createRandom } from '../../src/random.js';

const CENTRE = [0.1, -0.05, 0.04, -0.02];
const SIGMA = [0.06, 0.05, 0.08, 0.07];
const LOG_SCALE = 3.2;

/** A Gaussian times e^LOG_SCALE: its log Z, mean and covariance are known. */
const gaussian: LogDensity = {
  async values(y) {
    const values = new Float32Array(y.length / 4);
    for (let i = 0; i < y.length; i++) {
      const z = (y[i]! - CENTRE[i % 4]!) / SIGMA[i % 4]!;
      values[Math.floor(i / 4)]! += -0.5 * z * z;
    }
    return values.map((value) => value + LOG_SCALE);
  },
};
const LOG_Z = LOG_SCALE + SIGMA.reduce((sum, sigma) => sum + Math.log(sigma * Math.sqrt(2 * Math.PI)), 0);

test('importance weights recover a known log Z, mean and covariance', async () => {
  const proposal = mixtureAbout([0, 0, 0, 0], [0.08, 0.2]);
  const y = sampleMixture(proposal, 200_000, createRandom(3));
  const values = await gaussian.values(y);
  const log = logDensity(proposal, y);
  const estimate = importanceEstimate(
    y,
    values.map((value, i) => value - log[i]!),
  );
  expect(estimate.logZ).toBeCloseTo(LOG_Z, 1);
  for (let d = 0; d < 4; d++) {
    expect(estimate.mean[d]).toBeCloseTo(CENTRE[d]!, 2);
    expect(Math.sqrt(estimate.covariance[5 * d]!)).toBeCloseTo(SIGMA[d]!, 2);
  }
  expect(Math.abs(estimate.covariance[1]!)).toBeLessThan(5e-4);
  expect(estimate.effectiveSamples).toBeGreaterThan(5_000);
});

test('equal weights are as many effective samples as there are, one weight is one', () => {
  const y = new Float32Array(8 * 4);
  expect(importanceEstimate(y, new Float32Array(8)).effectiveSamples).toBeCloseTo(8, 6);
  expect(importanceEstimate(y, Float32Array.from([50, 0, 0, 0, 0, 0, 0, 0])).effectiveSamples).toBeCloseTo(1, 6);
});

test('the dominant mode leaves out samples far from the best', () => {
  const y = Float32Array.of(0, 0, 0, 0, 0.1, 0, 0, 0, 0.5, 0, 0, 0);
  const weights = dominantMode(y, Float32Array.of(2, 1, 1.5), Float32Array.of(0, 0, 9));
  expect([...weights]).toEqual([0, 0, -Infinity]);
});

test('ascent climbs from every start, and reaches the maximum', async () => {
  const start = sampleMixture(mixtureAbout([0, 0, 0, 0], [0.15]), 12, createRandom(4));
  const before = await gaussian.values(start);
  const settings = { steps: 40, rate: 0.004, maxStep: 0.15, maxPlace: 2, maxLogSize: 0.5, maxLogAspect: 0.5 };
  const { y, values } = await ascend(gaussian, start, settings);
  values.forEach((value, n) => expect(value).toBeGreaterThanOrEqual(before[n]!));
  for (let i = 0; i < y.length; i++) expect(y[i]).toBeCloseTo(CENTRE[i % 4]!, 1);
});

test('a step of the ascent is one batch: each box and the two beside it by each coordinate', async () => {
  const asked: Float32Array[] = [];
  const density: LogDensity = {
    values(y) {
      asked.push(y.slice());
      return gaussian.values(y);
    },
  };
  const settings = { steps: 3, rate: 0.003, maxStep: 0.15, maxPlace: 2, maxLogSize: 0.5, maxLogAspect: 0.5 };
  const start = Float32Array.of(0, 0, 0, 0, 0.2, 0.1, 0, 0.1);
  await ascend(density, start, settings);
  expect(asked.map((y) => y.length / 4)).toEqual(Array(4).fill(2 * 9));
  // the move of the first step is rate times the gradient, which is known
  const [first, second] = asked as [Float32Array, Float32Array];
  for (let i = 0; i < start.length; i++) {
    const gradient = (CENTRE[i % 4]! - start[i]!) / SIGMA[i % 4]! ** 2;
    expect(second[i]! - first[i]!).toBeCloseTo(Math.max(-0.15, Math.min(0.15, 0.003 * gradient)), 3);
  }
});

test('ascent halves a step that is too long, and stays within its limits', async () => {
  const settings = { steps: 30, rate: 1, maxStep: 0.5, maxPlace: 0.05, maxLogSize: 0.01, maxLogAspect: 0.02 };
  const { y } = await ascend(gaussian, Float32Array.of(0, 0, 0, 0), settings);
  expect(Math.abs(y[0]!)).toBeLessThanOrEqual(0.05 + 1e-6);
  expect(Math.abs((y[2]! + y[3]!) / 2)).toBeLessThanOrEqual(0.01 + 1e-6);
  expect(Math.abs(y[2]! - y[3]!)).toBeLessThanOrEqual(0.02 + 1e-6);
});

test.each(['peak', 'mean', 'ascent'] as const)('the %s estimate finds the box', async (estimate) => {
  const settings: EstimateSettings = {
    estimate,
    candidates: 200,
    refined: 100,
    settled: 16,
    starts: 6,
    averaged: 3,
    ascentSteps: 20,
    ascentRate: 0.003,
  };
  const found = await estimateBox(gaussian, mixtureAbout([0, 0, 0, 0], [0.15]), settings, createRandom(6));
  for (let d = 0; d < 4; d++) expect(Math.abs(found.y[d]! - CENTRE[d]!)).toBeLessThan(0.03);
  expect(found.effectiveShare).toBeGreaterThan(0.1);
});

test('a paraboloid through the values of a Gaussian has its peak at the centre, from few samples', async () => {
  const y = sampleMixture(mixtureAbout([0, 0, 0, 0], [0.1]), 24, createRandom(8));
  const values = await gaussian.values(y);
  const peak = paraboloidPeak(y, values, Float64Array.of(0.08, 0, 0, 0));
  peak.forEach((value, d) => expect(value).toBeCloseTo(CENTRE[d]!, 2));
  // their weighted mean is not as near
  const weighted = importanceEstimate(
    y,
    values.map((value, n) => value - logDensity(mixtureAbout([0, 0, 0, 0], [0.1]), y)[n]!),
  );
  const miss = (found: Float64Array): number => Math.hypot(...found.map((value, d) => value - CENTRE[d]!));
  expect(miss(peak)).toBeLessThan(0.3 * miss(weighted.mean));
});

test('the peak of a density that only rises, or is flat, stays within reach of the centre', () => {
  const y = sampleMixture(mixtureAbout([0, 0, 0, 0], [0.05]), 24, createRandom(9));
  const flat = paraboloidPeak(y, new Float32Array(24), Float64Array.of(0.1, 0.2, 0.3, 0.4));
  flat.forEach((value, d) => expect(value).toBeCloseTo([0.1, 0.2, 0.3, 0.4][d]!, 6));
  const rising = paraboloidPeak(
    y,
    Float32Array.from({ length: 24 }, (_, n) => 50 * y[4 * n]!),
    new Float64Array(4),
  );
  expect(rising[0]).toBeGreaterThan(0.01);
  expect(rising[0]).toBeLessThanOrEqual(0.06 + 1e-9);
});

test('the priors fall by a half at one deviation, and that of the place in the tail by less than a Gaussian', () => {
  const at = (...y: number[]): Float32Array => Float32Array.from(y);
  const size = sizePrior(0.07, 0.05);
  expect(size(at(9, 9, 0.07, 0.07), 0) - size(at(0, 0, 0, 0), 0)).toBeCloseTo(-0.5, 5);
  expect(size(at(9, 9, 0.05, -0.05), 0) - size(at(0, 0, 0, 0), 0)).toBeCloseTo(-0.5, 5);
  // 40 wide and 90 high: 1.5 widths are as far as 2/3 of a height, and one deviation of 60 pixels
  const place = placePrior(cropBox(144, 144, 40, 90), 1, 1000);
  expect(place(at(1.5, 0, 9, 9), 0) - place(at(0, 0, 0, 0), 0)).toBeCloseTo(-0.5, 5);
  expect(place(at(0, 2 / 3, 9, 9), 0) - place(at(0, 0, 0, 0), 0)).toBeCloseTo(-0.5, 5);
  expect(placePrior(cropBox(144, 144, 40, 90), 1, 4)(at(9, 0, 0, 0), 0)).toBeGreaterThan(-8);
});
