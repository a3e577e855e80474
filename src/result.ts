/** Result of the tracker for one frame. */
import type { FrameBox } from './geometry.js';

/**
 * tracking: the box is on the target. uncertain: it probably is, look out. lost: the target is not in sight, the box is where it was
 * last seen or is guessed. found: the first frame after a loss in which it is back.
 */
export type TrackState = 'tracking' | 'uncertain' | 'lost' | 'found';

/** Box of an object in one frame, confidence and state. */
export interface TrackResult {
  /** Pixels of the upright frame. */
  readonly box: FrameBox;
  /** 0 to 1: how probable it is that the box is on the target. */
  readonly confidence: number;
  /** State of the tracking, in one word. */
  readonly state: TrackState;
}
