/** The two laws p(y | x) of the 1-D experiments (Gustafsson et al. 2020): what is drawn from, and what is compared with. */
import type { Random } from '../../src/random.js';
import type { DataSetId } from './settings.js';

/** x and y lie in it, grid included. */
export const RANGE = [-3, 3] as const;

export interface Pairs {
  readonly x: Float32Array;
  readonly y: Float32Array;
}

interface Law {
  draw(x: number, random: Random): number;
  density(y: number, x: number): number;
}

function normalDensity(y: number, mean: number, sigma: number): number {
  return Math.exp(-0.5 * ((y - mean) / sigma) ** 2) / (sigma * Math.sqrt(2 * Math.PI));
}

const BRANCH = { sigma: 0.075, share: 0.8 };
const LOG_SIGMA = 0.25;

/** Left two branches, .8 N(sin x, .075) + .2 N(-sin x, .075); right the skewed LogNormal(0, .25) - 1. */
const BIMODAL_AND_SKEWED: Law = {
  draw(x, random) {
    if (x >= 0) return Math.exp(LOG_SIGMA * random.normal()) - 1;
    const sign = random.uniform() < BRANCH.share ? 1 : -1;
    return sign * Math.sin(x) + BRANCH.sigma * random.normal();
  },
  density(y, x) {
    if (x >= 0) return y <= -1 ? 0 : normalDensity(Math.log(y + 1), 0, LOG_SIGMA) / (y + 1);
    const { share, sigma } = BRANCH;
    return share * normalDensity(y, Math.sin(x), sigma) + (1 - share) * normalDensity(y, -Math.sin(x), sigma);
  },
};

const widthAt = (x: number): number => 0.15 / (1 + Math.exp(-x));

/** N(sin x, .15 / (1 + e^-x)): twenty times as wide on the right as on the left. */
const WIDENING: Law = {
  draw: (x, random) => Math.sin(x) + widthAt(x) * random.normal(),
  density: (y, x) => normalDensity(y, Math.sin(x), widthAt(x)),
};

const LAWS: Readonly<Record<DataSetId, Law>> = { 1: BIMODAL_AND_SKEWED, 2: WIDENING };

/** Training pairs, x ~ U(-3, 3). */
export function drawPairs(set: DataSetId, count: number, random: Random): Pairs {
  const x = Float32Array.from({ length: count }, () => RANGE[0] + (RANGE[1] - RANGE[0]) * random.uniform());
  return { x, y: x.map((value) => LAWS[set].draw(value, random)) };
}

/** `count` points from end to end. */
export function gridAxis(count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => RANGE[0] + ((RANGE[1] - RANGE[0]) * i) / (count - 1));
}

/** p(y | x) on a grid as a mass function of each x: rows x, columns y, each row sums to 1. */
export function trueMass(set: DataSetId, x: Float32Array, y: Float32Array): Float32Array {
  const mass = new Float32Array(x.length * y.length);
  x.forEach((at, row) => {
    const density = Float64Array.from(y, (value) => LAWS[set].density(value, at));
    const total = density.reduce((a, b) => a + b, 0);
    density.forEach((value, column) => (mass[row * y.length + column] = value / total));
  });
  return mass;
}
