/**
 * All that is known of one object: a value. begin() makes it, each update() makes the next one, so that an update that fails leaves no trace.
 */
import type { Template } from '../ebm/head.js';
import type { FrameBox } from '../geometry.js';
import type { TrackResult, TrackState } from '../result.js';
import type { TargetModel } from '../target/classifier.js';
import type { ColourModel } from '../target/colour.js';
import type { Velocity } from './motion.js';
import type { Observation } from './types.js';

export interface Track {
  /** The object in the first frame, as the head sees it. */
  readonly template: Template;
  /** The filter that responds to the object, and its equations. */
  readonly targetModel: TargetModel;
  readonly colours: ColourModel;
  /** State of its random numbers. */
  readonly random: readonly number[];
  readonly object: ObjectState;
  /** Intermediate values of the last result; undefined before the first update. */
  readonly observation?: Observation;
}

/** Box, confidence and state of the object, and the history that the next ones need. */
export interface ObjectState extends TrackResult {
  readonly box: FrameBox;
  readonly state: TrackState;
  /** Frames since the first one. */
  readonly frame: number;
  /** Frames since it was lost in which nothing like it was seen; 0 while it is not lost. */
  readonly lostFor: number;
  readonly velocity: Velocity;
  /** Filtered inputs of the confidence; undefined before the first update. */
  readonly inputs: readonly number[] | undefined;
  /** Log-posterior of the best sample of the first update. Later ones are measured by it, since it differs from object to object. */
  readonly firstHeight: number | undefined;
}

export function resultOf({ object: { box, confidence, state } }: Pick<Track, 'object'>): TrackResult {
  return { box, confidence, state };
}
