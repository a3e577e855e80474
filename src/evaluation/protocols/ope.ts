/**
 * One-pass evaluation: the engine behind the protocols that score one box a frame. What toolkits do differently is a row of settings each;
 * see the table in ./table.ts.
 */
import type { Size } from '../../geometry.js';
import { TrackerError } from '../../errors.js';
import { countBelow, curveAbove, curveWithin, sumOf } from '../curves.js';
import type { Curve, CurveKind, Metrics, Protocol, ProtocolScore, ScoredSequence, SequenceScore } from '../types.js';

/** Outcome of a frame without valid truth in an error curve: it fails, or passes at every threshold. */
export type Fate = 'miss' | 'hit';

type ErrorKind = Exclude<CurveKind, 'success'>;

export type OpeCurves = Readonly<Record<CurveKind, Curve>>;

export interface OpeSettings {
  /** Which annotated boxes can be compared: all four > 0, sides > 0, or whatever is a number. */
  readonly validTruth: 'positive' | 'positive-size' | 'number';
  /** Which truth the two errors need, where it is not `validTruth`: a centre right of and below the image's corner. */
  readonly validCentre?: 'positive';
  /** A frame without valid truth is left out of both sums, or fails in success and has a fate in each error. */
  readonly invalid: 'drop' | Readonly<Record<ErrorKind, Fate>>;
  /** A frame whose absent flag is set fails in all curves, is left out, or counts like any other. */
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
  /** Evenly spaced from 0, of each curve: strictly above for success, at most for the errors. */
  readonly thresholds: Readonly<Record<CurveKind, readonly number[]>>;
  /** Smallest side of the truth that the normalised error divides by, pixels; 0: any. */
  readonly normFloor: number;
  /** All frames pooled, or the mean over sequences of their curves. */
  readonly pooled: boolean;
  /** Sequences whose curve is zero everywhere are left out of that curve's mean. */
  readonly dropZero: boolean;
  /** @param meanOverlap over the frames with valid truth */
  readonly summary: (curves: OpeCurves, meanOverlap: number) => Metrics;
}

export interface OpeProtocol extends Omit<Protocol, 'score'> {
  readonly settings: OpeSettings;
}

/** Sums of one sequence, or of several pooled. */
interface Tally {
  readonly name: string;
  /** Histogram for each curve: frames by how many thresholds lie below their overlap or error. Frames that fail everywhere are in none or the last. */
  readonly below: Readonly<Record<CurveKind, Float64Array>>;
  /** Denominator of the curves. */
  frames: number;
  overlapSum: number;
  /** Frames with valid truth. */
  validFrames: number;
}

const KINDS = ['success', 'precision', 'normPrecision'] as const;

/**
 * Scores sequences under one row of settings.
 * @throws TrackerError DATA_INVALID for no sequences, and naming a sequence that has no truth to compare with
 */
export function scoreOpe(name: string, settings: OpeSettings, sequences: readonly ScoredSequence[]): ProtocolScore {
  requireSequences(name, sequences);
  const tallies = sequences.map((sequence) => tally(sequence, settings));
  const scores = tallies.map((own) => scoreOf(own, settings));
  const whole = settings.pooled ? scoreOf(pool(tallies, settings), settings) : meanScore(tallies, scores, settings);
  return { protocol: name, metrics: whole.metrics, curves: whole.curves, sequences: scores };
}

/** @throws TrackerError DATA_INVALID */
export function requireSequences(protocol: string, sequences: readonly unknown[]): void {
  if (sequences.length > 0) return;
  throw new TrackerError('DATA_INVALID', `protocol ${protocol}: no sequence to score`, {
    hint: 'name folders with results and truth',
  });
}

/** @throws TrackerError DATA_INVALID for a set whose annotations only the server has, and for truth that says "absent" throughout */
export function requireTruth({ name, truth }: Pick<ScoredSequence, 'name' | 'truth'>): void {
  const frames = truth.length / 4;
  for (let i = Math.min(1, frames - 1); i >= 0 && i < frames; i++) if (isNumber(truth, 4 * i)) return;
  throw new TrackerError(
    'DATA_INVALID',
    `sequence ${name}: found no box in the ${frames} rows of truth${frames > 1 ? ' after the first' : ''}, expected one a frame`,
    {
      hint: 'a test set with hidden annotations is scored by its server: ebm-tracker evaluate --submit packs the results',
    },
  );
}

function emptyTally(name: string, { thresholds }: OpeSettings): Tally {
  const bins = (kind: CurveKind): Float64Array => new Float64Array(thresholds[kind].length + 1);
  const below = { success: bins('success'), precision: bins('precision'), normPrecision: bins('normPrecision') };
  return { name, below, frames: 0, overlapSum: 0, validFrames: 0 };
}

function scoreOf(own: Tally, { thresholds, summary }: OpeSettings): SequenceScore & { readonly curves: OpeCurves } {
  const frames = Math.max(1, own.frames); // a sequence whose frames are all left out scores 0
  const curves = {
    success: curveAbove(thresholds.success, own.below.success, frames),
    precision: curveWithin(thresholds.precision, own.below.precision, frames),
    normPrecision: curveWithin(thresholds.normPrecision, own.below.normPrecision, frames),
  };
  return { name: own.name, metrics: summary(curves, meanOverlap(own)), curves };
}

function meanOverlap({ overlapSum, validFrames }: Tally): number {
  return overlapSum / Math.max(1, validFrames);
}

function pool(tallies: readonly Tally[], settings: OpeSettings): Tally {
  const whole = emptyTally('', settings);
  for (const own of tallies) {
    whole.frames += own.frames;
    whole.overlapSum += own.overlapSum;
    whole.validFrames += own.validFrames;
    for (const kind of KINDS) own.below[kind].forEach((count, k) => (whole.below[kind][k]! += count));
  }
  return whole;
}

function meanScore(
  tallies: readonly Tally[],
  scores: readonly { readonly curves: OpeCurves }[],
  { dropZero, summary }: OpeSettings,
): Pick<ProtocolScore, 'metrics'> & { readonly curves: OpeCurves } {
  const mean = (kind: CurveKind): Curve =>
    meanCurve(
      scores.map(({ curves }) => curves[kind]),
      dropZero,
    );
  const curves = { success: mean('success'), precision: mean('precision'), normPrecision: mean('normPrecision') };
  return { metrics: summary(curves, sumOf(tallies.map(meanOverlap)) / tallies.length), curves };
}

function meanCurve(all: readonly Curve[], dropZero: boolean): Curve {
  const kept = dropZero ? all.filter(({ values }) => sumOf(values) > Number.EPSILON) : all;
  const { thresholds } = all[0]!;
  const mean = (i: number): number => sumOf(kept.map(({ values }) => values[i]!)) / Math.max(1, kept.length);
  return { thresholds, values: thresholds.map((_, i) => mean(i)) };
}

/** One pass over the frames. */
function tally(sequence: ScoredSequence, settings: OpeSettings): Tally {
  requireTruth(sequence);
  const { absent } = sequence;
  const annotated = sequence.truth.length / 4;
  const frames = settings.shorter === 'cut' ? Math.min(sequence.boxes.length / 4, annotated) : annotated;
  const own = emptyTally(sequence.name, settings);
  const predictions = repaired(sequence, settings, frames);
  const size = settings.bounded ? sequence.size : undefined;
  const prediction = new Float64Array(4);
  const truth = new Float64Array(4);
  for (let i = settings.firstFrame === 'excluded' ? 1 : 0; i < frames; i++) {
    if (absent?.[i] === true && settings.absent !== 'count') {
      if (settings.absent === 'miss') own.frames++;
      continue;
    }
    prepare(predictions, i, settings.rounded, size, prediction);
    prepare(sequence.truth, i, settings.rounded, size, truth);
    addFrame(own, isValid(sequence.truth, 4 * i, settings.validTruth), prediction, truth, settings);
  }
  return own;
}

function addFrame(
  own: Tally,
  valid: boolean,
  prediction: Float64Array,
  truth: Float64Array,
  settings: OpeSettings,
): void {
  const { invalid, thresholds } = settings;
  if (!valid && invalid === 'drop') return;
  own.frames++;
  const overlap = valid ? overlapOf(prediction, truth) : 0;
  if (valid) {
    own.overlapSum += overlap;
    own.validFrames++;
    own.below.success[countBelow(thresholds.success, overlap)]!++;
  }
  const comparable = settings.validCentre === 'positive' ? hasPositiveCentre(truth) : valid;
  const dx = prediction[0]! + prediction[2]! / 2 - (truth[0]! + truth[2]! / 2); // in this order, 0 exactly for equal boxes
  const dy = prediction[1]! + prediction[3]! / 2 - (truth[1]! + truth[3]! / 2);
  if (comparable) {
    addError(own.below.precision, thresholds.precision, Math.sqrt(dx * dx + dy * dy));
    const [nx, ny] = [dx / side(truth[2]!, settings.normFloor), dy / side(truth[3]!, settings.normFloor)];
    addError(own.below.normPrecision, thresholds.normPrecision, Math.sqrt(nx * nx + ny * ny));
  } else if (invalid !== 'drop') {
    if (invalid.precision === 'hit') own.below.precision[0]!++;
    if (invalid.normPrecision === 'hit') own.below.normPrecision[0]!++;
  }
}

/** NaN passes no threshold. */
function addError(below: Float64Array, thresholds: readonly number[], error: number): void {
  if (!Number.isNaN(error)) below[countBelow(thresholds, error)]!++;
}

/** Divisor of the normalised error, pixels. */
function side(length: number, floor: number): number {
  return floor > 0 ? Math.max(floor, length) : length;
}

/** [frames, 4]: predictions as the protocol reads them. Invalid ones are replaced by the one before, then the first is forced to the truth. */
function repaired(
  { truth, boxes }: ScoredSequence,
  { firstFrame, invalidPrediction }: OpeSettings,
  frames: number,
): Float64Array {
  const result = new Float64Array(4 * frames); // frames that were not answered stay 0: no overlap
  result.set(boxes.subarray(0, 4 * frames));
  const answered = invalidPrediction === 'miss' ? 0 : Math.min(frames, boxes.length / 4);
  for (let i = 1; i < answered; i++) {
    const at = 4 * i;
    // toolkits leave it where the truth is NaN
    if (isReplaced(result, at, invalidPrediction) && isNumber(truth, at)) result.copyWithin(at, at - 4, at);
  }
  if (firstFrame === 'forced' && frames > 0) result.set(truth.subarray(0, 4));
  return result;
}

function isReplaced(boxes: Float64Array, at: number, rule: OpeSettings['invalidPrediction']): boolean {
  const number = Number.isFinite(boxes[at]! + boxes[at + 1]! + boxes[at + 2]! + boxes[at + 3]!);
  const empty = !(boxes[at + 2]! > 0 && boxes[at + 3]! > 0);
  return rule === 'previous' ? !number || empty : number && empty;
}

function isNumber(boxes: Float64Array, at: number): boolean {
  return !Number.isNaN(boxes[at]! + boxes[at + 1]! + boxes[at + 2]! + boxes[at + 3]!);
}

function isValid(truth: Float64Array, at: number, rule: OpeSettings['validTruth']): boolean {
  if (!isNumber(truth, at)) return false;
  if (rule === 'number') return true;
  return (
    truth[at + 2]! > 0 && truth[at + 3]! > 0 && (rule === 'positive-size' || (truth[at]! > 0 && truth[at + 1]! > 0))
  );
}

/** The centre of the last pixels' style, x + (w - 1) / 2, as pysot tests it. NaN: no. */
function hasPositiveCentre(box: Float64Array): boolean {
  return box[0]! + (box[2]! - 1) / 2 > 0 && box[1]! + (box[3]! - 1) / 2 > 0;
}

/** Box `i` of `boxes` into `out`, rounded and clipped to `size`. */
function prepare(boxes: Float64Array, i: number, rounded: boolean, size: Size | undefined, out: Float64Array): void {
  for (let k = 0; k < 4; k++) out[k] = boxes[4 * i + k]!;
  if (rounded) for (let k = 0; k < 4; k++) out[k] = roundHalfEven(out[k]!);
  if (!size) return;
  // as the got10k toolkit clips: a left edge that is moved into the image keeps its width, unless that leaves the image
  out[0] = clip(out[0]!, size.width);
  out[1] = clip(out[1]!, size.height);
  out[2] = clip(out[2]!, size.width - out[0]);
  out[3] = clip(out[3]!, size.height - out[1]);
}

function clip(value: number, end: number): number {
  return Math.min(end, Math.max(0, value));
}

/** Halves go to the even neighbour, as numpy rounds; Math.round takes them up. */
function roundHalfEven(value: number): number {
  const up = Math.round(value);
  return up - value === 0.5 && up % 2 !== 0 ? up - 1 : up;
}

/**
 * Intersection over union of two x, y, w, h; 0 where either has no area or is not a number. Toolkits that write right = x + w - 1 and
 * width + 1 compute the same. Rounding can leave equal boxes a hair above 1, which no threshold may see.
 */
function overlapOf(a: Float64Array, b: Float64Array): number {
  const width = Math.min(a[0]! + a[2]!, b[0]! + b[2]!) - Math.max(a[0]!, b[0]!);
  const height = Math.min(a[1]! + a[3]!, b[1]! + b[3]!) - Math.max(a[1]!, b[1]!);
  if (!(width > 0 && height > 0)) return 0;
  const intersection = width * height;
  return Math.min(1, intersection / (a[2]! * a[3]! + b[2]! * b[3]! - intersection));
}
