/**
 * One-pass evaluation: the engine behind the protocols that score one box a frame. What toolkits do differently is a row of settings each;
 * see the table in ./table.ts.
 */
import { TrackerError } from '../../errors.js';
import type { Curve, CurveKind, Metrics, Protocol, ScoredSequence, SequenceScore } from '../types.js';

/** What happens to a frame in the sums: it counts by its overlap or error, fails, succeeds at every threshold, or is left out of both sums. */
export type InvalidFrame = 'miss' | 'hit' | 'drop';

export interface OpeSettings {
  /** Which annotated boxes can be compared: all four > 0, sides > 0, or whatever is a number. */
  readonly validTruth: 'positive' | 'positive-size' | 'number';
  /** Fate of a frame without valid truth, in success and in each of the two errors. */
  readonly invalid: Readonly<Record<CurveKind, InvalidFrame>>;
  /** Fate of a frame whose absent flag is set, in all curves; 'count' scores it like any other. */
  readonly absent: 'miss' | 'drop' | 'count';
  /** First frame: its prediction is set to the truth and counted, left out, or taken as it is. */
  readonly firstFrame: 'forced' | 'excluded' | 'natural';
  /** A prediction that is not finite or has no area: the one before takes its place, or it counts as it is (a miss). */
  readonly invalidPrediction: 'previous' | 'previous-if-empty' | 'miss';
  /** Coordinates of truth and prediction rounded to whole pixels. */
  readonly rounded: boolean;
  /** Both boxes clipped to the frame, where its size is known. */
  readonly bounded: boolean;
  /** Results longer than the truth are cut. Shorter: the truth is cut too, or the missing frames fail. */
  readonly shorter: 'cut' | 'fail';
  /** Thresholds of success: n evenly spaced from 0 to 1. */
  readonly successThresholds: number;
  readonly precisionThresholds: readonly number[];
  readonly normThresholds: readonly number[];
  /** Smallest side of the truth that the normalised error divides by. */
  readonly normFloor: number;
  /** Mean over sequences of their curves, or all frames pooled. */
  readonly pooled: boolean;
  /** Sequences whose curve is zero everywhere are left out of that curve's mean. */
  readonly dropZero: boolean;
  readonly summary: (curves: Record<CurveKind, Curve>, meanOverlap: number) => Metrics;
}

export interface OpeProtocol extends Omit<Protocol, 'score'> {
  readonly settings: OpeSettings;
}

/** Counts of one sequence. */
interface Tally {
  readonly name: string;
  /** Frames that pass at each threshold, and frames in the denominator, of each curve. */
  readonly passed: Record<CurveKind, Float64Array>;
  readonly frames: Record<CurveKind, number>;
  overlapSum: number;
  overlapFrames: number;
}

const KINDS: readonly CurveKind[] = ['success', 'precision', 'normPrecision'];

/** n evenly spaced numbers from 0 to `end`, each the nearest double. */
export function spaced(n: number, end: number): number[] {
  return Array.from({ length: n }, (_, i) => (i * end) / (n - 1));
}

/** Scores sequences under one row of settings. */
export function scoreOpe(
  name: string,
  settings: OpeSettings,
  sequences: readonly ScoredSequence[],
): ReturnType<Protocol['score']> {
  if (sequences.length === 0) {
    throw new TrackerError('DATA_INVALID', `protocol ${name}: no sequence to score`, {
      hint: 'name folders with results and truth',
    });
  }
  const thresholds = {
    success: spaced(settings.successThresholds, 1),
    precision: settings.precisionThresholds,
    normPrecision: settings.normThresholds,
  };
  const tallies = sequences.map((sequence) => tally(sequence, settings, thresholds));
  const curvesOf = (own: Tally): Record<CurveKind, Curve> => ({
    success: curve(thresholds.success, own.passed.success, own.frames.success),
    precision: curve(thresholds.precision, own.passed.precision, own.frames.precision),
    normPrecision: curve(thresholds.normPrecision, own.passed.normPrecision, own.frames.normPrecision),
  });
  const meanOverlap = (own: Pick<Tally, 'overlapSum' | 'overlapFrames'>): number =>
    own.overlapSum / Math.max(1, own.overlapFrames);
  const scores: SequenceScore[] = tallies.map((own) => {
    const curves = curvesOf(own);
    return { name: own.name, metrics: settings.summary(curves, meanOverlap(own)), curves };
  });
  const curves = settings.pooled ? curvesOf(pool(tallies)) : meanCurves(scores, settings.dropZero);
  const overlap = settings.pooled
    ? meanOverlap(pool(tallies))
    : tallies.reduce((sum, own) => sum + meanOverlap(own), 0) / tallies.length;
  return { protocol: name, metrics: settings.summary(curves, overlap), curves, sequences: scores };
}

function curve(thresholds: readonly number[], passed: Float64Array, frames: number): Curve {
  return { thresholds, values: Array.from(passed, (count) => (frames === 0 ? 0 : count / frames)) };
}

function pool(tallies: readonly Tally[]): Tally {
  const first = tallies[0]!;
  const sum = (kind: CurveKind): Float64Array =>
    first.passed[kind].map((_, i) => tallies.reduce((total, own) => total + own.passed[kind][i]!, 0));
  const frames = (kind: CurveKind): number => tallies.reduce((total, own) => total + own.frames[kind], 0);
  return {
    name: '',
    passed: { success: sum('success'), precision: sum('precision'), normPrecision: sum('normPrecision') },
    frames: { success: frames('success'), precision: frames('precision'), normPrecision: frames('normPrecision') },
    overlapSum: tallies.reduce((total, own) => total + own.overlapSum, 0),
    overlapFrames: tallies.reduce((total, own) => total + own.overlapFrames, 0),
  };
}

function meanCurves(scores: readonly SequenceScore[], dropZero: boolean): Record<CurveKind, Curve> {
  const mean = (kind: CurveKind): Curve => {
    const all = scores.map((score) => score.curves[kind]!);
    const kept = dropZero ? all.filter(({ values }) => values.reduce((a, b) => a + b, 0) > Number.EPSILON) : all;
    const { thresholds } = all[0]!;
    return {
      thresholds,
      values: thresholds.map((_, i) =>
        kept.length === 0 ? 0 : kept.reduce((sum, { values }) => sum + values[i]!, 0) / kept.length,
      ),
    };
  };
  return { success: mean('success'), precision: mean('precision'), normPrecision: mean('normPrecision') };
}

function tally(
  sequence: ScoredSequence,
  settings: OpeSettings,
  thresholds: Record<CurveKind, readonly number[]>,
): Tally {
  const { name, truth, absent } = sequence;
  const answered = sequence.boxes.length / 4;
  const annotated = truth.length / 4;
  const frames = settings.shorter === 'cut' ? Math.min(answered, annotated) : annotated;
  const own: Tally = {
    name,
    passed: {
      success: new Float64Array(thresholds.success.length),
      precision: new Float64Array(thresholds.precision.length),
      normPrecision: new Float64Array(thresholds.normPrecision.length),
    },
    frames: { success: 0, precision: 0, normPrecision: 0 },
    overlapSum: 0,
    overlapFrames: 0,
  };
  const predictions = repaired(sequence, settings, frames);
  const box = new Float64Array(4);
  const target = new Float64Array(4);
  for (let i = settings.firstFrame === 'excluded' ? 1 : 0; i < frames; i++) {
    const isAbsent = absent?.[i] === true && settings.absent !== 'count';
    if (isAbsent && settings.absent === 'drop') continue;
    prepare(predictions, i, sequence, settings, box);
    prepare(truth, i, sequence, settings, target);
    const valid = isValid(truth, 4 * i, settings.validTruth) && !isAbsent;
    const fates = isAbsent ? ALL_MISS : settings.invalid;
    const overlap = valid ? overlapOf(box, target) : 0;
    if (valid || fates.success !== 'drop') {
      own.overlapSum += overlap;
      own.overlapFrames++;
    }
    for (const kind of KINDS) {
      if (!valid && fates[kind] === 'drop') continue;
      own.frames[kind]++;
      if (!valid && fates[kind] === 'miss') continue;
      const counts = own.passed[kind];
      if (!valid) for (let k = 0; k < counts.length; k++) counts[k]!++;
      else if (kind === 'success') addAbove(counts, thresholds.success, overlap);
      else
        addWithin(
          counts,
          thresholds[kind],
          kind === 'precision' ? distance(box, target) : normDistance(box, target, settings.normFloor),
        );
    }
  }
  return own;
}

const ALL_MISS: Readonly<Record<CurveKind, InvalidFrame>> = {
  success: 'miss',
  precision: 'miss',
  normPrecision: 'miss',
};

/** Predictions as the protocol reads them: the first one forced to the truth, invalid ones replaced by the one before. */
function repaired({ truth, boxes }: ScoredSequence, settings: OpeSettings, frames: number): Float64Array {
  const result = new Float64Array(4 * frames); // frames that were not answered stay 0: no overlap
  result.set(boxes.subarray(0, 4 * frames));
  if (settings.firstFrame === 'forced' && frames > 0) result.set(truth.subarray(0, 4));
  if (settings.invalidPrediction === 'miss') return result;
  const answered = Math.min(frames, boxes.length / 4);
  for (let i = 1; i < answered; i++) {
    const at = 4 * i;
    const finite = Number.isFinite(result[at]! + result[at + 1]! + result[at + 2]! + result[at + 3]!);
    const empty = !(result[at + 2]! > 0 && result[at + 3]! > 0);
    const replace = settings.invalidPrediction === 'previous' ? !finite || empty : finite && empty;
    if (replace) result.copyWithin(at, at - 4, at);
  }
  return result;
}

function isValid(truth: Float64Array, at: number, rule: OpeSettings['validTruth']): boolean {
  const [x, y, w, h] = [truth[at]!, truth[at + 1]!, truth[at + 2]!, truth[at + 3]!];
  if (Number.isNaN(x + y + w + h)) return false;
  if (rule === 'number') return true;
  return w > 0 && h > 0 && (rule === 'positive-size' || (x > 0 && y > 0));
}

/** Box `i` of `boxes` into `out`, rounded and bounded as the settings say. */
function prepare(
  boxes: Float64Array,
  i: number,
  { size }: ScoredSequence,
  { rounded, bounded }: OpeSettings,
  out: Float64Array,
): void {
  for (let k = 0; k < 4; k++) out[k] = rounded ? Math.round(boxes[4 * i + k]!) : boxes[4 * i + k]!;
  if (!bounded || !size) return;
  const right = Math.min(size.width, Math.max(0, out[0]! + out[2]!));
  const bottom = Math.min(size.height, Math.max(0, out[1]! + out[3]!));
  out[0] = Math.min(size.width, Math.max(0, out[0]!));
  out[1] = Math.min(size.height, Math.max(0, out[1]!));
  out[2] = right - out[0];
  out[3] = bottom - out[1];
}

/** Intersection over union of two x, y, w, h; 0 where either has no area or is not a number. */
function overlapOf(a: Float64Array, b: Float64Array): number {
  const width = Math.min(a[0]! + a[2]!, b[0]! + b[2]!) - Math.max(a[0]!, b[0]!);
  const height = Math.min(a[1]! + a[3]!, b[1]! + b[3]!) - Math.max(a[1]!, b[1]!);
  if (!(width > 0 && height > 0)) return 0;
  const intersection = width * height;
  // equal boxes divide to 1 exactly; what rounding leaves above 1 is cut
  return Math.min(1, intersection / (a[2]! * a[3]! + b[2]! * b[3]! - intersection));
}

function distance(a: Float64Array, b: Float64Array): number {
  return Math.hypot(a[0]! + a[2]! / 2 - b[0]! - b[2]! / 2, a[1]! + a[3]! / 2 - b[1]! - b[3]! / 2);
}

/** Distance of the centres in units of the truth's sides. */
function normDistance(a: Float64Array, b: Float64Array, floor: number): number {
  const dx = (a[0]! + a[2]! / 2 - b[0]! - b[2]! / 2) / Math.max(floor, b[2]!);
  const dy = (a[1]! + a[3]! / 2 - b[1]! - b[3]! / 2) / Math.max(floor, b[3]!);
  return Math.hypot(dx, dy);
}

/** One more frame at each threshold that lies strictly below its overlap. */
function addAbove(counts: Float64Array, thresholds: readonly number[], overlap: number): void {
  for (let k = 0; k < counts.length && overlap > thresholds[k]!; k++) counts[k]!++;
}

/** One more frame at each threshold that its error does not exceed. NaN passes none. */
function addWithin(counts: Float64Array, thresholds: readonly number[], error: number): void {
  for (let k = counts.length - 1; k >= 0 && error <= thresholds[k]!; k--) counts[k]!++;
}

export function meanOf(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

/** Area under a curve over an axis of length 1, by trapezoids. */
export function trapezoid(values: readonly number[]): number {
  return (meanOf(values) * values.length - (values[0]! + values.at(-1)!) / 2) / (values.length - 1);
}
