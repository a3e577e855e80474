/**
 * The library: open a video, make a tracker, get a box a frame; score trackers, and fit the head to footage of one's own.
 *
 * @packageDocumentation
 */
import type { FinetuneOptions, FinetuneResult } from './training/finetune-options.js';

// track
export type { TrackerConfig, TrackerOptions } from './config.js';
export { createTracker, createTrackerGroup, parseConfig } from './node/open.js';
export type { Tracker, TrackerDescription, TrackerGroup } from './tracker/types.js';
export {
  trackObjects,
  trackVideo,
  type FrameSource,
  type SeenFrame,
  type TrackedFrame,
  type TrackedObjects,
  type TrackVideoOptions,
} from './tracker/track-video.js';
export type { TrackResult, TrackState } from './result.js';
export { collectLess } from './runtime/collector.js';
export { intersectionOverUnion, parseBox, type FrameBox, type Size } from './geometry.js';

// frames in, pictures out
export { openVideo, type OpenOptions, type Start, type VideoSource } from './video/read.js';
export type { PixelAspect } from './video/probe.js';
export { isLive } from './video/source.js';
export { openLive, type LiveCounts, type LiveEvent, type LiveOptions, type LiveSource } from './video/live.js';
export type { Binaries, Binary } from './video/binaries.js';
export { openVideoWriter, type VideoWriter, type WriterOptions } from './video/write.js';
export type { Frame } from './image/frame.js';
export { drawResult, drawResults } from './image/draw.js';

// boxes in files
export { formatHead, formatRow, parseBoxes, type BoxFormat, type BoxRow } from './io/boxes.js';
export { readBoxes } from './io/boxes-file.js';
export {
  createTrackWriter,
  formatTracks,
  parseTracks,
  readTracks,
  writeTracks,
  type FormatName,
  type Media,
  type ParseOptions,
  type ReadOptions,
  type TrackRow,
  type TrackWriter,
} from './io/tracks.js';
export { readFirstBoxes, type FirstBox, type FirstBoxOptions } from './io/first-boxes.js';

// why is the box there?
export { createExplainer, type Explainer, type ExplainOptions } from './drawing/explain.js';
export type { Observation, TrackerObserver } from './tracker/types.js';
export type { Evidence } from './tracker/confidence.js';
export type { Stopwatch } from './tracker/stopwatch.js';
export type { Estimate } from './ebm/estimate.js';
export type { Mixture } from './ebm/proposal.js';
export type { Response } from './target/classifier.js';
export type { MapAxis } from './features/roi-pool.js';
export type { CropBox, SearchRegion } from './geometry.js';

// score
export { evaluate, type EvaluateOptions, type EvaluateResult, type SeedScore } from './evaluation/evaluate.js';
export type { EvaluationProgress, Failure } from './evaluation/runner.js';
export type { Curve, CurveKind, Curves, Metrics, ProtocolScore, SequenceScore } from './evaluation/types.js';

// fine-tune
export type {
  Figures,
  FinetuneOptions,
  FinetuneProgress,
  FinetuneResult,
  FootageFault,
} from './training/finetune-options.js';

/**
 * Fits the head to annotated footage of one's own and writes it to a file, if held-out frames gain by it. TensorFlow.js is loaded by this
 * call, not by the import.
 * @returns figures on held-out frames, before and after
 * @throws TrackerError OPTION_INVALID, INPUT_NOT_FOUND, MODEL_MISSING, OUTPUT_FAILED before anything is read; DATA_INVALID where footage
 *   has faults or is too little; NOT_IMPROVED where nothing was written; INTERRUPTED where the signal was aborted; TENSORFLOW_UNAVAILABLE
 * @example
 * ```ts
 * await finetune({ data: 'my-sequences', out: 'my-head' });
 * ```
 */
export async function finetune(options: FinetuneOptions): Promise<FinetuneResult> {
  const { finetuneOnFootage } = await import('./training/finetune-footage.js');
  return finetuneOnFootage(options);
}

export { TrackerError, type ErrorCode, type TrackerErrorOptions } from './errors.js';
