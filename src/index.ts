/** The library: open a video, make a tracker, get a box a frame. */
export { parseConfig, type TrackerConfig, type TrackerOptions } from './config.js';
export { TrackerError, type ErrorCode } from './errors.js';
export { intersectionOverUnion, parseBox, type FrameBox } from './geometry.js';
export { drawResult } from './image/draw.js';
export type { Frame } from './image/frame.js';
export { formatHead, formatRow, parseBoxes, readBoxes, type BoxFormat, type BoxRow } from './io/boxes.js';
export type { TrackResult, TrackState } from './result.js';
export { trackVideo, type TrackedFrame, type TrackVideoOptions } from './tracker/track-video.js';
export { createExplainer, type Explainer, type ExplainOptions } from './tracker/explain.js';
export {
  createTracker,
  type Observation,
  type Tracker,
  type TrackerDescription,
  type TrackerObserver,
} from './tracker/tracker.js';
export { openVideo, type OpenOptions, type VideoSource } from './video/read.js';
export { openVideoWriter, type VideoWriter } from './video/write.js';
