/** What the tracker remembers of the object from frame to frame, and what it says of it: confidence and state. */
import type { TargetConfig } from '../config.js';
import type { ConfidenceModel } from '../ebm/load.js';
import type { FrameBox, Size } from '../geometry.js';
import type { TrackState } from '../result.js';

export interface ObjectState {
  readonly box: FrameBox;
  readonly frame: number;
  readonly state: TrackState;
  readonly confidence: number;
  /** Frames since it was lost in which nothing like it was seen, 0 while it is not. */
  readonly lostFor: number;
  /** Of its centre, frame pixels a frame, as long as it was seen; it fades while it is not. */
  readonly velocity: Velocity;
  /** confidenceInputs() of late, the newer the more; undefined before the first update. */
  readonly inputs: readonly number[] | undefined;
  /** Log-density of the best sample of the first update: what later ones are measured by, since it differs from object to object. */
  readonly firstEnergy: number | undefined;
}

export interface Velocity {
  readonly x: number;
  readonly y: number;
  /** How far single steps are from it, in the mean. */
  readonly unsteady: number;
}

export const AT_REST: Velocity = { x: 0, y: 0, unsteady: 0 };

/** Below: lost. Between: uncertain. A lost object is found again only above the second. */
const LOST_BELOW = 0.25;
const SURE_ABOVE = 0.5;

/** Weight of the newest step, and what is left of the velocity after each frame in which the object is not seen. */
const VELOCITY_GAIN = 0.2;
const COAST_DECAY = 0.95;
/** Only what moves so many times as far as its steps differ goes on unseen: others turn. */
const STEADY = 3;

/** The velocity after a step that was seen. */
export function nextVelocity({ x, y, unsteady }: Velocity, last: FrameBox, box: FrameBox): Velocity {
  const dx = box.x + box.w / 2 - last.x - last.w / 2 - x;
  const dy = box.y + box.h / 2 - last.y - last.h / 2 - y;
  return {
    x: x + VELOCITY_GAIN * dx,
    y: y + VELOCITY_GAIN * dy,
    unsteady: unsteady + VELOCITY_GAIN * (Math.hypot(dx, dy) - unsteady),
  };
}

/**
 * An object that is seen, and its velocity: a jump to somewhere else is no motion, and steps between boxes that are not sure are noise.
 * @param likely the confidence of this box
 */
export function seen(
  { box: last, velocity, state }: Pick<ObjectState, 'box' | 'velocity' | 'state'>,
  box: FrameBox,
  elsewhere: boolean,
  likely: number,
): { box: FrameBox; velocity: Velocity } {
  if (elsewhere) return { box, velocity: AT_REST };
  const sure = likely >= SURE_ABOVE && state !== 'lost' && state !== 'uncertain';
  return { box, velocity: sure ? nextVelocity(velocity, last, box) : velocity };
}

/**
 * Where an object that is not seen, because something covers it, is taken to be: what moved steadily goes on as it went, ever slower, inside the
 * frame; anything else stays.
 */
export function coast(box: FrameBox, velocity: Velocity, frame: Size): { box: FrameBox; velocity: Velocity } {
  const { x, y, unsteady } = velocity;
  if (Math.hypot(x, y) < STEADY * unsteady) return { box, velocity };
  const moved = limitBox({ ...box, x: box.x + x, y: box.y + y }, box, frame);
  return { box: moved, velocity: { x: COAST_DECAY * x, y: COAST_DECAY * y, unsteady: COAST_DECAY * unsteady } };
}

/** Weight of the newest frame's figures in the confidence: what one frame shows by chance does not count in full. */
const NEWEST = 0.5;

/** Figures of one frame that tell whether the box is on the object. */
export interface Evidence {
  /** Target model's response at the box, over the first frame's peak. */
  readonly response: number;
  /** Highest response elsewhere (further than one box away), likewise. */
  readonly rival: number;
  /** Root mean square of the posterior's deviations, relative. */
  readonly spread: number;
  /** Effective sample size of the second round, as a share. */
  readonly effectiveShare: number;
  /** Log-density of the best sample, over that of the first update. */
  readonly energy: number;
  /** Log partition function of the posterior, by the first round: low where nothing looks like the object. */
  readonly logZ: number;
}

/** How many figures confidenceInputs() gives. */
export const CONFIDENCE_INPUTS = 6;

/** The figures as inputs of the logistic regression, about 0 and of about unit size. */
export function confidenceInputs({ response, rival, spread, effectiveShare, energy, logZ }: Evidence): number[] {
  return [
    2 * Math.min(1.2, response) - 1,
    Math.min(1.5, Math.max(0, rival) / Math.max(0.1, response)),
    20 * spread - 1,
    2 * effectiveShare - 1,
    2 * Math.min(1.2, Math.max(-0.5, energy)) - 1,
    Math.min(3, Math.max(-3, logZ / 10)),
  ];
}

/** The inputs filtered over time. @param last those of the frames before; not counted where undefined */
export function filterInputs(last: readonly number[] | undefined, now: readonly number[]): readonly number[] {
  return last ? now.map((value, i) => last[i]! + NEWEST * (value - last[i]!)) : now;
}

/**
 * P(IoU > 0.5): a logistic regression, fitted on training sequences (benchmarks/confidence). 0 where figures are not finite, which weights and
 * settings of absurd size can bring about.
 * @param inputs confidenceInputs(), filtered
 */
export function confidenceOf(inputs: readonly number[], model: ConfidenceModel): number {
  const logit = model.weights.reduce((sum, weight, i) => sum + weight * inputs[i]!, model.bias);
  return Number.isNaN(logit) ? 0 : 1 / (1 + Math.exp(-logit));
}

/**
 * tracking at a confidence of SURE_ABOVE or more, lost below LOST_BELOW, uncertain between; a lost object stays lost until the confidence is
 * SURE_ABOVE, and that frame is `found`.
 */
export function nextState(last: TrackState, confidence: number): TrackState {
  if (confidence >= SURE_ABOVE) return last === 'lost' ? 'found' : 'tracking';
  if (confidence < LOST_BELOW || last === 'lost') return 'lost';
  return 'uncertain';
}

/** Whether a frame is learned from: each n-th one in which the object is tracked. What is uncertain is more often something else. */
export function isLearned(
  state: TrackState,
  response: number,
  frame: number,
  { learnAbove, learnEvery }: Pick<TargetConfig, 'learnAbove' | 'learnEvery'>,
): boolean {
  const tracked = state === 'tracking' || state === 'found';
  return tracked && response > learnAbove && frame % learnEvery === 0;
}

/** A box may grow or shrink by at most this factor a frame, is at least MIN_SIDE pixels wide and high, and not much larger than the frame. */
const MAX_LOG_STEP = 0.3;
const MIN_SIDE = 4;
const MAX_SHARE = 1.2;

/** The new box within what is possible: its size changes step by step, its centre stays inside the frame. One that is none: the last box. */
export function limitBox(box: FrameBox, last: FrameBox, frame: Size): FrameBox {
  if (![box.x, box.y, box.w, box.h].every(Number.isFinite)) return last;
  const side = (now: number, before: number, extent: number): number => {
    const step = Math.exp(Math.min(MAX_LOG_STEP, Math.max(-MAX_LOG_STEP, Math.log(now / before))));
    return Math.min(MAX_SHARE * extent, Math.max(Math.min(MIN_SIDE, before), before * step));
  };
  const w = side(box.w, last.w, frame.width);
  const h = side(box.h, last.h, frame.height);
  const cx = Math.min(frame.width, Math.max(0, box.x + box.w / 2));
  const cy = Math.min(frame.height, Math.max(0, box.y + box.h / 2));
  return { x: cx - w / 2, y: cy - h / 2, w, h };
}
