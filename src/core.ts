/** The tracker without a machine: whoever brings a Platform can run it. src/node/open.ts runs it on Node. */
export { parseConfig, type TrackerConfig, type TrackerOptions } from './config.js';
export { TrackerError, type ErrorCode, type TrackerErrorOptions } from './errors.js';
export { intersectionOverUnion, parseBox, type FrameBox, type Size } from './geometry.js';
export type { Frame } from './image/frame.js';
export type {
  FloatTensor,
  LaneEvents,
  LaneThread,
  OnnxModel,
  OnnxOptions,
  OnnxProvider,
  Platform,
} from './platform.js';
export type { TrackResult, TrackState } from './result.js';
export { createTrackerGroup, openOneThreadGroup } from './tracker/group.js';
export { serveLane } from './tracker/lane.js';
export type { TrackerPlatform } from './tracker/models.js';
export {
  trackObjects,
  trackVideo,
  type FrameSource,
  type SeenFrame,
  type TrackedFrame,
  type TrackedObjects,
  type TrackVideoOptions,
} from './tracker/track-video.js';
export { createTracker } from './tracker/tracker.js';
export type { Tracker, TrackerDescription, TrackerGroup } from './tracker/types.js';
