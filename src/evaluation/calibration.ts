/** How well a confidence foretells that a box is right. */
import { overlapsOf } from './overlaps.js';
import type { ScoredSequence } from './types.js';

/** Claims and what became of them, side by side. */
export interface Claims {
  /** 0 to 1. */
  readonly confidence: ArrayLike<number>;
  /** 1 where the box was right, else 0. */
  readonly hit: ArrayLike<number>;
  /** Weight of each claim; 1 where it is left out. */
  readonly weight?: ArrayLike<number>;
}

/** Each frame's confidence, and whether its box was right. The first frame is given and left out, and so are frames without a true box. */
export function claimsOf(scored: readonly ScoredSequence[]): Claims {
  const said: number[] = [];
  const hit: number[] = [];
  for (const sequence of scored) {
    const { confidence } = sequence;
    if (!confidence) continue;
    const overlaps = overlapsOf(sequence);
    for (let i = 1; i < Math.min(confidence.length, overlaps.length); i++) {
      if (Number.isNaN(overlaps[i]!) || !(confidence[i]! >= 0)) continue;
      said.push(confidence[i]!);
      hit.push(overlaps[i]! > 0.5 ? 1 : 0);
    }
  }
  return { confidence: said, hit };
}

export interface Bin {
  /** Mean confidence said, 0 where the bin is empty. */
  readonly confidence: number;
  /** Share that was right, 0 where the bin is empty. */
  readonly right: number;
  readonly weight: number;
}

const BINS = 10;

/** Ten bins of confidence, of equal width. */
export function binsOf({ confidence, hit, weight }: Claims): Bin[] {
  const sums = Array.from({ length: BINS }, () => ({ confidence: 0, right: 0, weight: 0 }));
  for (let i = 0; i < confidence.length; i++) {
    const value = confidence[i]!;
    const own = weight?.[i] ?? 1;
    const bin = sums[Math.max(0, Math.min(BINS - 1, Math.floor(BINS * value)))]!;
    bin.confidence += own * value;
    bin.right += own * hit[i]!;
    bin.weight += own;
  }
  return sums.map((sum) =>
    sum.weight > 0
      ? { confidence: sum.confidence / sum.weight, right: sum.right / sum.weight, weight: sum.weight }
      : sum,
  );
}

/** Mean distance of confidence from share right over bins, by their weight. */
export function calibrationError(bins: readonly Bin[]): number {
  const total = bins.reduce((sum, { weight }) => sum + weight, 0);
  return bins.reduce((sum, { confidence, right, weight }) => sum + (weight / total) * Math.abs(confidence - right), 0);
}

/**
 * The chance that a right claim was made with more confidence than a wrong one; equal confidence counts half.
 * @returns undefined where all claims are right, or all wrong: there is nothing to tell apart
 */
export function areaUnderRoc({ confidence, hit, weight }: Claims): number | undefined {
  const order = Uint32Array.from({ length: confidence.length }, (_, i) => i);
  order.sort((a, b) => confidence[a]! - confidence[b]!);
  let hits = 0;
  let misses = 0;
  let wins = 0;
  for (let from = 0; from < order.length;) {
    const value = confidence[order[from]!]!;
    let equalHits = 0;
    let equalMisses = 0;
    for (; from < order.length && confidence[order[from]!] === value; from++) {
      const at = order[from]!;
      const own = weight?.[at] ?? 1;
      if (hit[at] === 1) equalHits += own;
      else equalMisses += own;
    }
    wins += equalHits * (misses + equalMisses / 2);
    hits += equalHits;
    misses += equalMisses;
  }
  return hits > 0 && misses > 0 ? wins / (hits * misses) : undefined;
}
