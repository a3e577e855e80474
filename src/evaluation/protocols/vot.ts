/**
 * VOT. The protocol `vot` scores runs without restarts by polygon overlap; the restart protocol of 2013 to 2019 has runs of its own form,
 * a driver, and accuracy, robustness and expected average overlap (EAO) as pysot's toolkit computes them.
 */
import { TrackerError } from '../../errors.js';
import { splitLines } from '../../io/text-file.js';
import { meanOf, successCurve, sumOf, valueAt } from '../curves.js';
import { polygonOverlap, type Region } from '../polygon.js';
import type { Curve, Metrics, Protocol, ProtocolScore, ScoredSequence } from '../types.js';
import { requireSequences, requireTruth } from './ope.js';

export const VOT: Protocol = {
  name: 'vot',
  title: 'VOT without restarts: accuracy by polygon overlap',
  headline: 'accuracy',
  rules: [
    'Overlap is the exact intersection over union of polygons (boxes count as polygons), both clipped to the image where its size is known; the VOT toolkit counts pixels instead, which differs for small targets.',
    'Accuracy: mean overlap of all frames of all sequences, pooled.',
    'The first frame is left out; so are frames without a true region (NaN) and those flagged absent.',
    'Frames that were not answered, and predictions that are no box, have overlap 0.',
    'lost: share of frames with overlap 0, where a run with restarts would have failed; op50 and auc are of the pooled success curve, 21 thresholds, strictly above.',
    'Robustness and EAO need runs with restarts (failure at overlap 0, next start 5 frames later): accuracy then leaves out 10 frames from each start; EAO averages the expected overlap over lengths 108-371 (2016), 100-356 (2017, 2018), 46-291 (2019).',
  ],
  score: scoreVot,
};

function scoreVot(sequences: readonly ScoredSequence[]): ProtocolScore {
  requireSequences('vot', sequences);
  const overlaps = sequences.map(overlapsOf);
  const scores = sequences.map(({ name }, i) => ({ name, ...scoreOf(overlaps[i]!) }));
  return { protocol: 'vot', ...scoreOf(overlaps.flat()), sequences: scores };
}

function scoreOf(overlaps: readonly number[]): { metrics: Metrics; curves: { success: Curve } } {
  const frames = Math.max(1, overlaps.length);
  const success = successCurve(overlaps);
  const metrics = {
    accuracy: sumOf(overlaps) / frames,
    lost: overlaps.filter((overlap) => !(overlap > 0)).length / frames,
    op50: valueAt(success, 0.5),
    auc: meanOf(success.values),
  };
  return { metrics, curves: { success } };
}

/** Overlaps of the frames that count. */
function overlapsOf(sequence: ScoredSequence): number[] {
  requireTruth(sequence);
  const { boxes, absent, truth } = sequence;
  const frames = Array.from({ length: truth.length / 4 - 1 }, (_, i) => i + 1);
  return frames
    .filter((i) => absent?.[i] !== true && truthRegion(sequence, i) !== undefined)
    .map((i) => (4 * i < boxes.length ? overlapWithTruth(sequence, i, boxes.subarray(4 * i, 4 * i + 4)) : 0));
}

/** True polygon of frame `i`, or its box where the set has no polygons; undefined where it is NaN. */
export function truthRegion(
  { truth, polygons }: Pick<ScoredSequence, 'truth' | 'polygons'>,
  i: number,
): Region | undefined {
  const region = polygons ? polygons.subarray(8 * i, 8 * i + 8) : truth.subarray(4 * i, 4 * i + 4);
  return region.some(Number.isNaN) ? undefined : region;
}

/** Overlap of an answer with the truth of frame `i`, both clipped to the image where its size is known; NaN where there is no truth. */
export function overlapWithTruth(
  sequence: Pick<ScoredSequence, 'truth' | 'polygons' | 'size'>,
  i: number,
  answer: Region,
): number {
  const truth = truthRegion(sequence, i);
  return truth === undefined ? Number.NaN : polygonOverlap(answer, truth, sequence.size);
}

// ---- the restart protocol

/** A frame of a run with restarts: the tracker was started here, failed here, was not run here, or answered a box or polygon. */
export type RestartFrame = 'init' | 'failure' | 'skipped' | Region;

/** One run of one sequence. Repetitions of a sequence share its name. */
export interface RestartRun extends Pick<ScoredSequence, 'name' | 'truth' | 'polygons' | 'size'> {
  readonly frames: readonly RestartFrame[];
}

/** Frames from a failure to the next start. */
export const RESTART_SKIP = 5;
/** Frames from each start that accuracy leaves out. */
export const BURN_IN = 10;

/** Sequence lengths that EAO averages over, by year, both ends included. */
export const EAO_LENGTHS = {
  2016: [108, 371],
  2017: [100, 356],
  2018: [100, 356],
  2019: [46, 291],
} as const satisfies Record<number, readonly [number, number]>;

const CODES = { 1: 'init', 2: 'failure', 0: 'skipped' } as const;

/**
 * Lines of a VOT result file: 1 = start, 2 = failure, 0 = not run, else a box (4 numbers) or a polygon (8).
 * @param where name of the text in messages
 * @throws TrackerError DATA_INVALID naming the line
 */
export function parseRestartRun(text: string, where: string): RestartFrame[] {
  const lines = splitLines(text.trimEnd());
  return lines.map((line, i) => {
    const numbers = line.split(/[\s,]+/).filter((cell) => cell !== '');
    const values = numbers.map(Number);
    const code = CODES[values[0] as keyof typeof CODES];
    if (values.length === 1 && code !== undefined) return code;
    if ((values.length === 4 || values.length === 8) && values.every(Number.isFinite)) return values;
    throw new TrackerError(
      'DATA_INVALID',
      `${where}, line ${i + 1}: found "${line.slice(0, 80)}", expected 0, 1, 2, a box of 4 or a polygon of 8 numbers`,
      { hint: 'give the result files of a run with restarts (baseline/SEQ/SEQ_001.txt)' },
    );
  });
}

/** The text of a VOT result file: what parseRestartRun() reads, four decimals. */
export function formatRestartRun(frames: readonly RestartFrame[]): string {
  const codes = { init: '1', failure: '2', skipped: '0' } as const;
  const line = (frame: RestartFrame): string =>
    typeof frame === 'string' ? codes[frame] : Array.from(frame, (value) => value.toFixed(4)).join(',');
  return frames.map((frame) => `${line(frame)}\n`).join('');
}

export interface RestartDriver {
  /** Frames of the sequence. */
  readonly frames: number;
  /** Starts the tracker on the truth of a frame (from 0). */
  init(frame: number): Promise<void>;
  /** Box or polygon in the next frame. */
  update(frame: number): Promise<Region>;
  /** Overlap of an answer with the truth of its frame: 0, less and NaN are failures. */
  overlap(frame: number, answer: Region): number;
  /** True if the frame has a true box to start on; otherwise the next frame is tried. Default: always. */
  canStart?(frame: number): boolean;
  /** Frames from a failure to the next start; default 5. */
  readonly skip?: number;
}

/** Runs a tracker under supervision: after a failure it is started anew `skip` frames later, and not run in between. */
export async function runWithRestarts(driver: RestartDriver): Promise<RestartFrame[]> {
  const skip = driver.skip ?? RESTART_SKIP;
  const result: RestartFrame[] = [];
  let start = 0;
  for (let frame = 0; frame < driver.frames; frame++) {
    if (frame === start && driver.canStart?.(frame) === false) start++;
    if (frame < start) result.push('skipped');
    else if (frame === start) {
      await driver.init(frame);
      result.push('init');
    } else {
      const answer = await driver.update(frame);
      const failed = !(driver.overlap(frame, answer) > 0);
      if (failed) start = frame + skip;
      result.push(failed ? 'failure' : answer);
    }
  }
  return result;
}

export interface RestartScore {
  /** Mean overlap, 0 to 1; NaN where no frame counts. */
  readonly accuracy: number;
  /** Failures over the whole set, the mean of repetitions. */
  readonly failures: number;
  /** Failures a 100 frames: what VOT tables of these years call robustness. */
  readonly failureRate: number;
}

/** Accuracy and robustness of a set. @throws TrackerError DATA_INVALID for no runs */
export function scoreRestarts(runs: readonly RestartRun[]): RestartScore {
  return { accuracy: accuracy(runs), ...robustness(runs) };
}

/**
 * Mean overlap of the frames that were tracked, without the `burnIn` frames from each start (the start counted). Repetitions are averaged
 * frame by frame, then the frames of all sequences are pooled, as pysot has it.
 */
export function accuracy(runs: readonly RestartRun[], burnIn: number = BURN_IN): number {
  requireSequences('vot', runs);
  const frames = [...byName(runs).values()].flatMap((group) => {
    const all = group.map((run) => withoutBurnIn(run, burnIn));
    const longest = Math.max(...all.map(({ length }) => length));
    return Array.from({ length: longest }, (_, i) =>
      all.map((overlaps) => overlaps[i] ?? Number.NaN).filter((overlap) => !Number.isNaN(overlap)),
    ).filter((known) => known.length > 0);
  });
  return meanOf(frames.map(meanOf));
}

/** Failures of the set, the mean of repetitions, and a 100 frames. */
export function robustness(runs: readonly RestartRun[]): Pick<RestartScore, 'failures' | 'failureRate'> {
  requireSequences('vot', runs);
  const groups = [...byName(runs).values()];
  const failures = sumOf(groups.map((group) => meanOf(group.map(({ frames }) => failuresOf(frames).length))));
  const frames = sumOf(groups.map(([first]) => Math.min(first!.frames.length, first!.truth.length / 4)));
  return { failures, failureRate: (100 * failures) / frames };
}

/**
 * Expected average overlap: the mean, over the lengths `low` to `high`, of the mean overlap that a run of that length has after its start.
 * A run is cut into fragments at its failures; a fragment that ended in failure goes on with zeros for ever, the last one is unknown
 * after the sequence's end. The starting frame is not counted. Lengths that no sequence reaches are left out.
 * @throws TrackerError DATA_INVALID for no runs, or where all are shorter than `low`
 */
export function expectedAverageOverlap(
  runs: readonly RestartRun[],
  [low, high]: readonly [number, number],
  skip: number = RESTART_SKIP,
): number {
  requireSequences('vot', runs);
  const all = runs.map((run) => ({ overlaps: restartOverlaps(run), run }));
  const longest = Math.max(...all.map(({ overlaps }) => overlaps.length));
  if (longest < low) {
    throw new TrackerError('DATA_INVALID', `EAO: the longest sequence has ${longest} frames, expected ${low} or more`, {
      hint: 'give the runs of the whole set',
    });
  }
  const expected = expectedOverlaps(
    all.flatMap(({ run, overlaps }) => fragmentsOf(run, overlaps, skip)),
    longest,
  );
  return meanOf(expected.subarray(low - 1, high));
}

interface Fragment {
  /** Overlaps from its start on. */
  readonly overlaps: readonly number[];
  /** It ended in failure: zeros follow. */
  readonly failed: boolean;
  readonly weight: number;
}

function fragmentsOf({ frames, truth }: RestartRun, overlaps: readonly number[], skip: number): Fragment[] {
  const restarts = failuresOf(frames)
    .map((frame) => frame + skip)
    .filter((frame) => frame <= overlaps.length);
  const starts = [0, ...restarts];
  return starts.flatMap((start, i) => {
    const next = starts[i + 1];
    if (next !== undefined) return { overlaps: overlaps.slice(start, next + 1), failed: true, weight: 1 };
    const own = overlaps.slice(start);
    // a run that was cut short counts by the part of the sequence it covers
    return own.length === 0
      ? []
      : { overlaps: own, failed: false, weight: Math.min(1, own.length / (truth.length / 4 - start)) };
  });
}

/** [length]: at i, the weighted mean over fragments that reach frame i of their mean overlap in frames 1 to i. */
function expectedOverlaps(fragments: readonly Fragment[], length: number): Float64Array {
  const sums = new Float64Array(length);
  const weights = new Float64Array(length);
  for (const { overlaps, failed, weight } of fragments) {
    let total = 0;
    for (let i = 1; i < (failed ? length : overlaps.length); i++) {
      const overlap = overlaps[i] ?? 0;
      total += Number.isNaN(overlap) ? 0 : overlap;
      sums[i]! += (weight * total) / i;
      weights[i]! += weight;
    }
  }
  return sums.map((sum, i) => (i === 0 ? 1 : weights[i]! > 0 ? sum / weights[i]! : 0));
}

/** Overlap a frame; NaN where the tracker was started, failed or was not run, and where there is no truth. */
export function restartOverlaps(run: RestartRun): number[] {
  const length = Math.min(run.frames.length, run.truth.length / 4);
  return run.frames
    .slice(0, length)
    .map((frame, i) => (typeof frame === 'string' ? Number.NaN : overlapWithTruth(run, i, frame)));
}

function withoutBurnIn(run: RestartRun, burnIn: number): number[] {
  const overlaps = restartOverlaps(run);
  for (const [start, frame] of run.frames.entries()) {
    if (frame === 'init') overlaps.fill(Number.NaN, start, start + burnIn);
  }
  return overlaps;
}

function failuresOf(frames: readonly RestartFrame[]): number[] {
  return frames.flatMap((frame, i) => (frame === 'failure' ? [i] : []));
}

function byName(runs: readonly RestartRun[]): Map<string, RestartRun[]> {
  const groups = new Map<string, RestartRun[]>();
  for (const run of runs) groups.set(run.name, [...(groups.get(run.name) ?? []), run]);
  return groups;
}
