/**
 * Long-term tracking: precision, recall and F over thresholds of confidence, as in VOT-LT and pysot's toolkit. A frame is reported where
 * the confidence reaches the threshold.
 */
import { TrackerError } from '../../errors.js';
import { meanOf } from '../curves.js';
import type { Metrics, Protocol, ProtocolScore, ScoredSequence } from '../types.js';
import { requireSequences, requireTruth } from './ope.js';
import { overlapWithTruth } from './vot.js';

/** Thresholds of confidence, the two infinite ones included. */
const RESOLUTION = 100;

export const LONGTERM: Protocol = {
  name: 'longterm',
  title: 'long-term tracking (VOT-LT) as pysot scores it: precision, recall and F by confidence',
  headline: 'f',
  rules: [
    'A frame is reported where its confidence is at least the threshold; 100 thresholds: minus and plus infinity and 98 quantiles of the confidences of all sequences.',
    'Precision: mean overlap of the reported frames (0 where the target is absent); 1 where none is reported.',
    'Recall: overlap of the reported frames, summed, by the number of frames in which the target is visible.',
    'Both are averaged over sequences at each threshold; F = 2 P R / (P + R); precision, recall and f are those of the threshold with the largest F.',
    'A target is absent where the truth is NaN or has no area, or where the absent flag is set.',
    'The first frame, which the tracker was given, is never reported, but counts as visible: a perfect run of N frames has a recall of (N - 1) / N.',
    'At minus infinity, frames with a confidence above 0 are reported.',
    'Overlaps are exact areas, clipped to the image where its size is known.',
    'Results without confidence have the same one, 1, in every frame. Of one set, all have it or none.',
    'Frames that were not answered are not reported. AUC and OP are not defined here.',
  ],
  score: scoreLongterm,
};

export interface PrecisionRecall {
  /** Thresholds of confidence, falling from infinity to minus infinity. */
  readonly thresholds: readonly number[];
  readonly precision: readonly number[];
  readonly recall: readonly number[];
  readonly f: readonly number[];
}

/** Answered frames of a sequence after the first. */
interface Reports {
  readonly overlaps: Float64Array;
  readonly confidence: Float64Array;
  /** Frames with a visible target, the first one included. */
  readonly visible: number;
}

function scoreLongterm(sequences: readonly ScoredSequence[]): ProtocolScore {
  const { whole, own } = precisionRecall(sequences);
  const scores = sequences.map(({ name }, i) => ({ name, metrics: bestOf(own[i]!), curves: {} }));
  return { protocol: 'longterm', metrics: bestOf(whole), curves: {}, sequences: scores };
}

/**
 * Precision and recall of the whole set and of each sequence, at the same thresholds.
 * @throws TrackerError DATA_INVALID naming a sequence without confidence beside others that have it
 */
export function precisionRecall(sequences: readonly ScoredSequence[]): {
  readonly whole: PrecisionRecall;
  readonly own: readonly PrecisionRecall[];
} {
  requireSequences('longterm', sequences);
  requireConfidence(sequences);
  const reports = sequences.map(reportsOf);
  const thresholds = confidenceThresholds(reports.flatMap(({ confidence }) => Array.from(confidence)));
  const own = reports.map((report) => atThresholds(report, thresholds));
  const precision = thresholds.map((_, k) => meanOf(own.map((curve) => curve.precision[k]!)));
  const recall = thresholds.map((_, k) => meanOf(own.map((curve) => curve.recall[k]!)));
  return { whole: { thresholds, precision, recall, f: harmonic(precision, recall) }, own };
}

function requireConfidence(sequences: readonly ScoredSequence[]): void {
  const without = sequences.filter(({ confidence }) => confidence === undefined);
  if (without.length === 0 || without.length === sequences.length) return;
  throw new TrackerError(
    'DATA_INVALID',
    `protocol longterm: sequence ${without[0]!.name}: found no confidence (${without.length} of ${sequences.length} sequences), expected one a frame`,
    { hint: 'give confidence/SEQ.txt beside the results of every sequence, or of none' },
  );
}

function reportsOf(sequence: ScoredSequence): Reports {
  requireTruth(sequence);
  const { boxes, absent } = sequence;
  const frames = sequence.truth.length / 4;
  const answered = Math.max(1, Math.min(frames, boxes.length / 4));
  const overlaps = new Float64Array(answered - 1);
  const confidence = new Float64Array(answered - 1);
  let visible = 0;
  for (let i = 0; i < frames; i++) {
    const isVisible = absent?.[i] !== true && hasArea(sequence.truth, i);
    if (isVisible) visible++;
    if (i === 0 || i >= answered) continue;
    if (isVisible) overlaps[i - 1] = overlapWithTruth(sequence, i, boxes.subarray(4 * i, 4 * i + 4));
    const own = sequence.confidence === undefined ? 1 : sequence.confidence[i];
    confidence[i - 1] = own === undefined || Number.isNaN(own) ? 0 : own;
  }
  return { overlaps, confidence, visible };
}

function hasArea(truth: Float64Array, i: number): boolean {
  return truth[4 * i + 2]! > 0 && truth[4 * i + 3]! > 0;
}

/** Falling thresholds: infinity, 98 quantiles (the smallest last), minus infinity. */
export function confidenceThresholds(values: readonly number[], resolution: number = RESOLUTION): number[] {
  const sorted = Float64Array.from(values).toSorted();
  const n = sorted.length;
  const inner = resolution - 2;
  const delta = Math.floor(n / inner);
  const first = delta - 1;
  const step = (n - delta - first) / (inner - 1);
  // few frames: the toolkit would count past the ends of the list
  const index = (i: number): number => Math.min(n - 1, Math.max(0, Math.floor(first + i * step + 0.5)));
  const quantiles = n === 0 ? [] : Array.from({ length: inner }, (_, i) => sorted[index(i)]!);
  return [Number.POSITIVE_INFINITY, ...quantiles.toReversed(), Number.NEGATIVE_INFINITY];
}

/** Frames by falling confidence: what a threshold reports is the first few of them. */
function atThresholds({ overlaps, confidence, visible }: Reports, thresholds: readonly number[]): PrecisionRecall {
  const order = Array.from(confidence, (_, i) => i).toSorted((a, b) => confidence[b]! - confidence[a]!);
  const falling = order.map((i) => confidence[i]!);
  const sums = new Float64Array(order.length + 1);
  for (const [k, i] of order.entries()) sums[k + 1] = sums[k]! + overlaps[i]!;
  const reported = thresholds.map((threshold) =>
    countWhile(falling, (value) => (threshold === Number.NEGATIVE_INFINITY ? value > 0 : value >= threshold)),
  );
  const precision = reported.map((count) => (count === 0 ? 1 : sums[count]! / count));
  const recall = reported.map((count) => sums[count]! / Math.max(1, visible));
  return { thresholds, precision, recall, f: harmonic(precision, recall) };
}

/** How many values from the first on pass a test that none passes after one that did not (by halving). */
function countWhile(values: readonly number[], test: (value: number) => boolean): number {
  let [low, high] = [0, values.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (test(values[middle]!)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function harmonic(precision: readonly number[], recall: readonly number[]): number[] {
  return precision.map((p, k) => (p + recall[k]! > 0 ? (2 * p * recall[k]!) / (p + recall[k]!) : 0));
}

function bestOf({ precision, recall, f }: PrecisionRecall): Metrics {
  const best = f.indexOf(Math.max(...f));
  return { f: f[best]!, precision: precision[best]!, recall: recall[best]! };
}
