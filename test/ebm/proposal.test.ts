import { expect, test } from 'vitest';
import {
  cellPlaces,
  decodeProposal,
  evenMix,
  logDensity,
  logSumExp,
  mixtureAbout,
  sampleMixture,
  type Mixture,
} from '../../src/ebm/proposal.js';
import { cropBox } from '../../src/geometry.js';
import { createRandom } from '../../src/random.js';

/** Two components that differ in every dimension. */
const mixture: Mixture = {
  logits: Float32Array.of(0.4, 1.1),
  means: Float32Array.of(-0.2, 0.1, 0, 0.2, 0.3, -0.1, 0.1, -0.2),
  logSigmas: Float32Array.of(-1.5, -1.2, -1.6, -1.3, -1.4, -1.7, -1.2, -1.5),
};

test('the density integrates to one', () => {
  const n = 26;
  const half = 1.3;
  const cell = (2 * half) / n;
  const y = new Float32Array(n ** 4 * 4);
  let at = 0;
  for (let i = 0; i < n ** 4; i++) {
    for (let d = 0, rest = i; d < 4; d++, rest = Math.floor(rest / n)) y[at++] = -half + ((rest % n) + 0.5) * cell;
  }
  const total = logDensity(mixture, y).reduce((sum, value) => sum + Math.exp(value), 0) * cell ** 4;
  expect(total).toBeCloseTo(1, 2);
});

test('samples follow the density: moments, and the expectation of 1 / q over a region', () => {
  const count = 60_000;
  const y = sampleMixture(mixture, count, createRandom(2));
  const share = Math.exp(1.1) / (Math.exp(1.1) + Math.exp(0.4));
  for (let d = 0; d < 4; d++) {
    const a = mixture.means[d]!;
    const b = mixture.means[4 + d]!;
    const mean = (1 - share) * a + share * b;
    const second =
      (1 - share) * (a * a + Math.exp(2 * mixture.logSigmas[d]!)) +
      share * (b * b + Math.exp(2 * mixture.logSigmas[4 + d]!));
    let sum = 0;
    let squares = 0;
    for (let n = 0; n < count; n++) {
      sum += y[4 * n + d]!;
      squares += y[4 * n + d]! ** 2;
    }
    expect(sum / count).toBeCloseTo(mean, 2);
    expect(squares / count).toBeCloseTo(second, 2);
  }
  // E_q[1(y in box) / q(y)] is the box's volume
  const log = logDensity(mixture, y);
  let volume = 0;
  for (let n = 0; n < count; n++) {
    const inside = [0, 1, 2, 3].every((d) => Math.abs(y[4 * n + d]!) < 0.25);
    if (inside) volume += Math.exp(-log[n]!) / count;
  }
  expect(volume).toBeCloseTo(0.5 ** 4, 2);
});

test('an even mix has half of the mass of each, whatever their logits add up to', () => {
  const far: Mixture = { ...mixtureAbout([3, 3, 3, 3], [0.1]), logits: Float32Array.of(25) };
  const mixed = evenMix(mixture, far);
  const y = Float32Array.of(0, 0, 0, 0, 3, 3, 3, 3);
  const [near, there] = logDensity(mixed, y);
  expect(near).toBeCloseTo(logDensity(mixture, y)[0]! - Math.LN2, 4);
  expect(there).toBeCloseTo(logDensity(far, y)[1]! - Math.LN2, 4);
});

test('a raw output of zeros is a Gaussian on each cell', () => {
  const axis = { cells: 3, stride: 16, offset: 7.1 };
  const base = cropBox(24, 24, 10, 20);
  const decoded = decodeProposal(new Float32Array(9 * 9), cellPlaces(axis, base));
  expect(decoded.means[4 * 5]).toBeCloseTo((2 * 16 + 7.1 - 24) / 10, 5); // row 1, column 2
  expect(decoded.means[4 * 5 + 1]).toBeCloseTo((16 + 7.1 - 24) / 20, 5);
  expect([...decoded.logSigmas].every((value) => value === 0)).toBe(true);
});

test('logSumExp neither overflows nor loses small terms', () => {
  expect(logSumExp([1000, 1000])).toBeCloseTo(1000 + Math.LN2, 9);
  expect(logSumExp([-Infinity, -Infinity])).toBe(-Infinity);
});

test('a component far below the others counts where it alone is near', () => {
  const away = 30;
  const uneven: Mixture = {
    logits: Float32Array.of(-40, 0, -60),
    means: Float32Array.of(away, 0, 0, 0, 0, 0, 0, 0, away, 0, 0, 0),
    logSigmas: new Float32Array(12),
  };
  const peak = -2 * Math.log(2 * Math.PI);
  const [near, far] = logDensity(uneven, Float32Array.of(0, 0, 0, 0, away, 0, 0, 0));
  expect(near).toBeCloseTo(peak, 5);
  expect(far).toBeCloseTo(peak + Math.log(Math.exp(-40) + Math.exp(-60)), 5);
});
