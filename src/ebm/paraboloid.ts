/**
 * The peak of a log-density from its values at samples: a paraboloid is fitted to them, and its maximum taken. Where a weighted mean of N samples
 * carries the noise of their places, this uses how high the density is at each; and it costs no gradient.
 */
import { DIMENSIONS } from './proposal.js';

/** Coordinates are divided by it, so that all terms of the fit are of one size. */
const UNIT = 0.1;
/** A constant, a slope and a curvature for each coordinate. */
const TERMS = 1 + 2 * DIMENSIONS;
const RIDGE = 1e-3;
/** Least curvature, per UNIT squared, and furthest way from the centre, in UNITs: flat or rising fits must not run away. */
const LEAST_CURVATURE = 0.3;
const MOST_UNITS = 0.6;

/**
 * @param y samples [N, 4]; @param values their log-density, up to a constant; each counts by its density
 * @param centre the peak is looked for about it
 */
export function paraboloidPeak(y: Float32Array, values: Float32Array, centre: Float64Array): Float64Array {
  const max = values.reduce((a, b) => Math.max(a, b), -Infinity);
  const system = Array.from({ length: TERMS }, (_, row) => {
    const equation = new Float64Array(TERMS + 1);
    equation[row] = RIDGE;
    return equation;
  });
  const terms = new Float64Array(TERMS);
  terms[0] = 1;
  values.forEach((value, n) => {
    const weight = Math.exp(value - max);
    for (let d = 0; d < DIMENSIONS; d++) {
      const z = (y[DIMENSIONS * n + d]! - centre[d]!) / UNIT;
      terms[1 + d] = z;
      terms[1 + DIMENSIONS + d] = (z * z) / 2;
    }
    system.forEach((equation, row) => {
      const scaled = weight * terms[row]!;
      for (let column = 0; column < TERMS; column++) equation[column]! += scaled * terms[column]!;
      equation[TERMS]! += scaled * (value - max);
    });
  });
  const solution = solve(system);
  return centre.map((start, d) => {
    const slope = solution[1 + d]!;
    const curvature = Math.max(LEAST_CURVATURE, -solution[1 + DIMENSIONS + d]!);
    return start + UNIT * Math.min(MOST_UNITS, Math.max(-MOST_UNITS, slope / curvature));
  });
}

/** Gauss-Jordan elimination of a symmetric positive definite system, in place; each row ends with its right side. */
function solve(system: readonly Float64Array[]): number[] {
  const size = system.length;
  for (const [pivot, own] of system.entries()) {
    for (const [row, other] of system.entries()) {
      if (row === pivot) continue;
      const factor = other[pivot]! / own[pivot]!;
      for (let column = pivot; column <= size; column++) other[column]! -= factor * own[column]!;
    }
  }
  return system.map((equation, row) => equation[size]! / equation[row]!);
}
