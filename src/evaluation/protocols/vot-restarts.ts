/**
 * The VOT protocol with restarts, over result files of four numbers a frame like all others. What is no box is written as CODE,0,0,0 with
 * the codes of VOT's own files (1 start, 2 failure, 0 not run): a box without area is never an answer there, since it would have failed.
 */
import { TrackerError } from '../../errors.js';
import type { Metrics, Protocol, ProtocolScore, ScoredSequence } from '../types.js';
import {
  BURN_IN,
  EAO_LENGTHS,
  expectedAverageOverlap,
  RESTART_SKIP,
  scoreRestarts,
  type RestartFrame,
  type RestartRun,
} from './vot.js';
import { requireSequences, requireTruth } from './ope.js';

const CODES = ['skipped', 'init', 'failure'] as const;

/** [N, 4] of the frames of a run. @throws TrackerError DATA_INVALID for a polygon */
export function packRestarts(frames: readonly RestartFrame[], where: string): Float64Array {
  const rows = new Float64Array(4 * frames.length);
  for (const [i, frame] of frames.entries()) {
    if (typeof frame === 'string') rows[4 * i] = CODES.indexOf(frame);
    else if (frame.length === 4) rows.set(frame, 4 * i);
    else {
      throw new TrackerError('DATA_INVALID', `${where}, line ${i + 1}: found a polygon, expected a box x,y,w,h`, {
        hint: 'answers as polygons are not scored here: write their axis-aligned boxes',
      });
    }
  }
  return rows;
}

/** The frames of a run of such rows. */
export function unpackRestarts(rows: Float64Array): RestartFrame[] {
  return Array.from({ length: rows.length / 4 }, (_, i) => {
    const [code, ...rest] = rows.subarray(4 * i, 4 * i + 4);
    const word = rest.every((value) => value === 0) ? CODES[code!] : undefined;
    return word ?? Array.from(rows.subarray(4 * i, 4 * i + 4));
  });
}

/** True for a run with restarts, whose first row is a code. */
export function isRestartRun(rows: Float64Array): boolean {
  return unpackRestarts(rows.subarray(0, 4))[0] === 'init';
}

export const VOT_RESTARTS: Protocol = {
  name: 'vot-restarts',
  title: 'VOT 2016 to 2019, short-term, with restarts (accuracy, robustness, EAO)',
  headline: 'eao2018',
  restarts: true,
  rules: [
    `A tracker whose box has no overlap with the truth has failed; it is started anew on the truth ${RESTART_SKIP} frames later.`,
    'Overlap is that of polygons where the set is annotated with them; frames without a true region do not count.',
    `accuracy: mean overlap of all tracked frames, pooled over the set, without the ${BURN_IN} frames from each start.`,
    'robustness: failures a 100 frames (less is better).',
    `eaoYEAR: expected overlap, averaged over lengths ${Object.entries(EAO_LENGTHS)
      .map(([year, [low, high]]) => `${low}-${high} (${year})`)
      .join(', ')}; left out where no sequence is that long.`,
    "Result files: x,y,w,h a frame, or 1,0,0,0 start, 2,0,0,0 failure, 0,0,0,0 not run; VOT's own (1, 2, 0 or a box) are read too.",
  ],
  score: scoreVotRestarts,
};

function scoreVotRestarts(sequences: readonly ScoredSequence[]): ProtocolScore {
  requireSequences('vot-restarts', sequences);
  const runs = sequences.map(toRun);
  const metrics = { ...expectedOverlapsOf(runs), ...metricsOf(runs) };
  const scores = runs.map((run) => ({ name: run.name, metrics: metricsOf([run]), curves: {} }));
  return { protocol: 'vot-restarts', metrics, curves: {}, sequences: scores };
}

/** @throws TrackerError DATA_INVALID where the result is not of a run with restarts */
function toRun(sequence: ScoredSequence): RestartRun {
  requireTruth(sequence);
  const { boxes, ...rest } = sequence;
  if (isRestartRun(boxes)) return { ...rest, frames: unpackRestarts(boxes) };
  throw new TrackerError(
    'DATA_INVALID',
    `sequence ${sequence.name}: found a box in the first frame, expected a start`,
    {
      hint: 'results of one pass are scored by --protocol vot; ebm-tracker evaluate vot-restarts runs with restarts',
    },
  );
}

/** Accuracy is left out where every frame is too near to a start. */
function metricsOf(runs: readonly RestartRun[]): Metrics {
  const { accuracy, failureRate } = scoreRestarts(runs);
  return { ...(Number.isNaN(accuracy) ? {} : { accuracy }), robustness: failureRate / 100 };
}

function expectedOverlapsOf(runs: readonly RestartRun[]): Metrics {
  const longest = Math.max(...runs.map(({ frames }) => frames.length));
  const reached = Object.entries(EAO_LENGTHS).filter(([, [low]]) => low <= longest);
  return Object.fromEntries(reached.map(([year, lengths]) => [`eao${year}`, expectedAverageOverlap(runs, lengths)]));
}
