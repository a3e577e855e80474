/** Numbers that protocols share: evenly spaced thresholds, curves of what passes them, areas. */
import type { Curve, ScoredSequence } from './types.js';

/** n thresholds from 0 to `end`, evenly spaced, each the double nearest to i end / (n - 1): an overlap of exactly 7/20 is not above 7/20. */
export function spaced(n: number, end: number): number[] {
  return Array.from({ length: n }, (_, i) => (i * end) / (n - 1));
}

/** How many of the evenly spaced `thresholds` lie strictly below `value`: found by division, then settled by comparing. NaN: none. */
export function countBelow(thresholds: readonly number[], value: number): number {
  const n = thresholds.length;
  const guess = Math.ceil((value / thresholds[n - 1]!) * (n - 1));
  let count = guess > 0 ? Math.min(guess, n) : 0;
  while (count > 0 && !(thresholds[count - 1]! < value)) count--;
  while (count < n && thresholds[count]! < value) count++;
  return count;
}

/**
 * Share of frames above each threshold (strictly).
 * @param below [thresholds + 1]: frames by how many thresholds lie below their value, see countBelow()
 * @param frames the denominator; frames that `below` does not hold fail
 */
export function curveAbove(thresholds: readonly number[], below: Float64Array, frames: number): Curve {
  const values = thresholds.map(() => 0);
  let passed = 0;
  for (let i = thresholds.length - 1; i >= 0; i--) {
    passed += below[i + 1]!;
    values[i] = passed / frames;
  }
  return { thresholds, values };
}

/** Thresholds of IoU that most protocols use, 0 to 1. */
export const SUCCESS_THRESHOLDS = spaced(21, 1);

/** Share of the overlaps above each of SUCCESS_THRESHOLDS (strictly); 0 where there are no overlaps. */
export function successCurve(overlaps: readonly number[]): Curve {
  const below = new Float64Array(SUCCESS_THRESHOLDS.length + 1);
  for (const overlap of overlaps) below[countBelow(SUCCESS_THRESHOLDS, overlap)]!++;
  return curveAbove(SUCCESS_THRESHOLDS, below, Math.max(1, overlaps.length));
}

/** The success AUC: mean of the success curve. */
export function successArea(overlaps: readonly number[]): number {
  return meanOf(successCurve(overlaps).values);
}

/** Share of frames at or below each threshold. Arguments as of curveAbove(). */
export function curveWithin(thresholds: readonly number[], below: Float64Array, frames: number): Curve {
  let passed = 0;
  return { thresholds, values: thresholds.map((_, i) => (passed += below[i]!) / frames) };
}

/** Value of a curve at a threshold that is one of its own. */
export function valueAt({ thresholds, values }: Curve, threshold: number): number {
  return values[thresholds.indexOf(threshold)]!;
}

export function meanOf(values: ArrayLike<number>): number {
  return sumOf(values) / values.length;
}

export function sumOf(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum;
}

/** Area under a curve over an axis of length 1, by trapezoids. */
export function trapezoid(values: readonly number[]): number {
  return (sumOf(values) - (values[0]! + values.at(-1)!) / 2) / (values.length - 1);
}

/**
 * Frames a second as the got10k toolkit has them: the mean of 1 / seconds over frames whose time is positive, all sequences pooled.
 * @returns undefined where no time is known
 */
export function meanFps(sequences: readonly Pick<ScoredSequence, 'seconds'>[]): number | undefined {
  const rates = sequences.flatMap(({ seconds }) => Array.from(seconds ?? []).filter((s) => s > 0)).map((s) => 1 / s);
  return rates.length === 0 ? undefined : meanOf(rates);
}
