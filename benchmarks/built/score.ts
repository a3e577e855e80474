/** What the tracker made of the cases, kind by kind. */
import type { TrackState } from '../../src/result.js';
import { areaUnderRoc, binsOf, calibrationError, type Claims } from '../../src/evaluation/calibration.js';
import { successArea } from '../../src/evaluation/curves.js';
import type { Kind, Truth } from './case.js';

/** One frame of a run, the first frame left out: its box is given. */
export interface Moment {
  readonly truth: Truth['is'];
  /** With the true box; 0 where there is none. */
  readonly overlap: number;
  readonly confidence: number;
  readonly state: TrackState;
}

export interface CaseTrace {
  readonly name: string;
  readonly kind: Kind;
  readonly seed: number;
  readonly moments: readonly Moment[];
}

/** Successes among trials. */
export interface Share {
  readonly of: number;
  readonly count: number;
}

export interface Scores {
  readonly cases: number;
  readonly frames: number;
  /** Success AUC on the frames in which the target is present; mean over cases. */
  readonly auc: number;
  /** Confidence as a prediction of "IoU > 0.5", over present and absent frames; cases count alike. Undefined where nothing is to tell apart. */
  readonly areaUnderRoc: number | undefined;
  readonly calibrationError: number;
  /** Disappearances of LOST_WITHIN frames or more in whose first LOST_WITHIN frames the state was `lost`. */
  readonly flaggedLost: Share;
  /** Returns in whose first FOUND_WITHIN frames the state was `tracking` or `found` with IoU > 0.5. */
  readonly foundAgain: Share;
  /** Of the frames before which the state was `lost`: those that were called `found` where the target is gone or is not in the box (IoU < 0.1). */
  readonly falselyFound: Share;
  /** Of the frames in which the target is gone: those whose state was `tracking` or `found`. */
  readonly sureWhileGone: Share;
}

export const LOST_WITHIN = 10;
export const FOUND_WITHIN = 30;
const ON_TARGET = 0.5;
const ON_BACKGROUND = 0.1;

export function scoreCases(traces: readonly CaseTrace[]): Scores {
  const moments = traces.map((trace) => trace.moments);
  const claims = claimsOf(moments);
  return {
    cases: traces.length,
    frames: moments.reduce((sum, list) => sum + list.length, 0),
    auc: moments.reduce((sum, list) => sum + successOf(list), 0) / moments.length,
    areaUnderRoc: areaUnderRoc(claims),
    calibrationError: calibrationError(binsOf(claims)),
    flaggedLost: shareOf(moments.flatMap(lossesOf)),
    foundAgain: shareOf(moments.flatMap(returnsOf)),
    falselyFound: shareOf(moments.flatMap(findsOf)),
    sureWhileGone: shareOf(
      moments.flatMap((list) => list.filter(({ truth }) => truth === 'absent').map(({ state }) => isSure(state))),
    ),
  };
}

export function successOf(moments: readonly Moment[]): number {
  return successArea(moments.filter(({ truth }) => truth === 'present').map(({ overlap }) => overlap));
}

function claimsOf(cases: readonly (readonly Moment[])[]): Claims {
  const confidence: number[] = [];
  const hit: number[] = [];
  const weight: number[] = [];
  for (const moments of cases) {
    const scored = moments.filter(({ truth }) => truth !== 'unscored');
    for (const moment of scored) {
      confidence.push(moment.confidence);
      hit.push(moment.overlap > ON_TARGET ? 1 : 0);
      weight.push(1 / scored.length);
    }
  }
  return { confidence, hit, weight };
}

const isSure = (state: TrackState): boolean => state === 'tracking' || state === 'found';

/** Of each disappearance: was it noticed in time? */
function lossesOf(moments: readonly Moment[]): boolean[] {
  return runsOf(moments, ({ truth }) => truth === 'absent')
    .filter((run) => run.length >= LOST_WITHIN)
    .map((run) => run.slice(0, LOST_WITHIN).some(({ state }) => state === 'lost'));
}

/** Of each return: was the target found again in time? Frames that are not scored, while it comes in, count for nothing. */
function returnsOf(moments: readonly Moment[]): boolean[] {
  const scored = moments.filter(({ truth }) => truth !== 'unscored');
  return scored.flatMap((moment, index) => {
    if (moment.truth !== 'present' || scored[index - 1]?.truth !== 'absent') return [];
    const after = scored.slice(index, index + FOUND_WITHIN).filter(({ truth }) => truth === 'present');
    return [after.some(({ state, overlap }) => isSure(state) && overlap > ON_TARGET)];
  });
}

/** Of each scored frame before which the target was lost: is it called found on background? */
function findsOf(moments: readonly Moment[]): boolean[] {
  return moments.flatMap(({ truth, overlap, state }, index) => {
    if (moments[index - 1]?.state !== 'lost' || truth === 'unscored') return [];
    return [state === 'found' && overlap < ON_BACKGROUND];
  });
}

/** Maximal runs of neighbours for which it holds. */
function runsOf<T>(values: readonly T[], holds: (value: T) => boolean): T[][] {
  const runs: T[][] = [];
  values.forEach((value, index) => {
    if (!holds(value)) return;
    if (index > 0 && holds(values[index - 1]!)) runs.at(-1)!.push(value);
    else runs.push([value]);
  });
  return runs;
}

function shareOf(outcomes: readonly boolean[]): Share {
  return { of: outcomes.length, count: outcomes.filter(Boolean).length };
}
