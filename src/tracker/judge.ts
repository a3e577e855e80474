/** Is the object at the located box? Its confidence and state follow, the box that is reported, and whether the frame is learned from. */
import type { TargetConfig, TrackerConfig } from '../config.js';
import type { ConfidenceModel } from '../features/manifest.js';
import { cropToFrame, type Size } from '../geometry.js';
import type { TrackState } from '../result.js';
import { confidenceInputs, confidenceOf, evidenceOf, filterInputs, type Evidence } from './confidence.js';
import type { Location } from './locate.js';
import { coast, limitBox, moveOn } from './motion.js';
import type { Search } from './search.js';
import type { ObjectState } from './track.js';

export interface Judgement {
  /** The object after this frame. */
  readonly object: ObjectState;
  readonly evidence: Evidence;
  /** The evidence as inputs of the confidence, filtered. */
  readonly inputs: readonly number[];
  /** True if this frame is learned from. */
  readonly learned: boolean;
}

/** Later heights are measured by that of the first update, or by this where it is less. */
const LEAST_HEIGHT = 5;

/** @param object as it was before this frame; @param frame size of the frame */
export function judge(
  object: ObjectState,
  frame: Size,
  search: Search,
  { response, estimate, box: located }: Location,
  model: ConfidenceModel,
  { target, redetect }: Pick<TrackerConfig, 'target' | 'redetect'>,
): Judgement {
  const { about, elsewhere, region } = search;
  const firstHeight = object.firstHeight ?? Math.max(LEAST_HEIGHT, estimate.best);
  const evidence = evidenceOf(response, located, estimate, firstHeight);
  // another place is judged by what is seen there alone
  const inputs = filterInputs(elsewhere ? undefined : object.inputs, confidenceInputs(evidence));
  const likely = confidenceOf(inputs, model);
  const seen = elsewhere ? likely >= redetect.foundAbove : evidence.response > target.holdBelow;
  const sure = likely >= SURE_ABOVE && object.state !== 'lost' && object.state !== 'uncertain';
  const { box, velocity } = seen
    ? moveOn(object, limitBox(cropToFrame(located, region), about, frame), elsewhere, sure)
    : coast(object, frame);
  // a box that was not looked at is as likely as it was
  const unseen = elsewhere && !seen;
  const confidence = unseen ? object.confidence : likely;
  const state = nextState(object.state, confidence);
  const count = object.frame + 1;
  const lostFor = state === 'lost' ? object.lostFor + (seen ? 0 : 1) : 0;
  const remembered = unseen || !inputs.every(Number.isFinite) ? object.inputs : inputs;
  return {
    object: { box, frame: count, state, confidence, lostFor, velocity, inputs: remembered, firstHeight },
    evidence,
    inputs,
    learned: isLearned(state, evidence.response, count, target),
  };
}

/** Below this confidence an object is lost. */
const LOST_BELOW = 0.25;
/** From this confidence on it is tracked. */
const SURE_ABOVE = 0.5;

/**
 * tracking at a confidence of SURE_ABOVE or more, lost below LOST_BELOW, uncertain between; a lost object stays lost until the confidence is
 * SURE_ABOVE, and that frame is `found`.
 */
export function nextState(last: TrackState, confidence: number): TrackState {
  if (confidence >= SURE_ABOVE) return last === 'lost' ? 'found' : 'tracking';
  if (confidence < LOST_BELOW || last === 'lost') return 'lost';
  return 'uncertain';
}

/** True for every `learnEvery`-th frame in which the object is surely seen. An uncertain box is more often on something else. */
export function isLearned(
  state: TrackState,
  response: number,
  frame: number,
  { learnAbove, learnEvery }: Pick<TargetConfig, 'learnAbove' | 'learnEvery'>,
): boolean {
  const tracked = state === 'tracking' || state === 'found';
  return tracked && response > learnAbove && frame % learnEvery === 0;
}
