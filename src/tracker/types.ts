/** Public interfaces of a tracker: calls, results, and observers. */
import type { Estimate } from '../ebm/estimate.js';
import type { Mixture } from '../ebm/proposal.js';
import type { CropBox, FrameBox, SearchRegion } from '../geometry.js';
import type { Frame } from '../image/frame.js';
import type { TrackResult } from '../result.js';
import type { Response } from '../target/classifier.js';
import type { Evidence } from './confidence.js';
import type { Stopwatch } from './stopwatch.js';

/**
 * Follows one object from frame to frame.
 *
 * Calls take turns: each begins when those made before it have ended, so that calls that are not awaited give what awaited ones give. The pixels
 * of a frame must stay as they are until its call has ended. A call that fails leaves the tracker as it was before it: the same frame may be
 * given again.
 */
export interface Tracker {
  /**
   * Begins with the object in `box` of `frame`; may be called again to begin anew. An update() that was called before still is of the object
   * before, one that is called after it is of this one.
   * @returns the first box, clipped to the frame
   * @throws TrackerError BOX_INVALID naming the value
   */
  init(frame: Frame, box: FrameBox): Promise<TrackResult>;
  /** Finds the object in the next frame. @throws TrackerError TRACKER_NOT_STARTED before init() */
  update(frame: Frame): Promise<TrackResult>;
  /**
   * Says where the object is now: the next search goes on from there, and nothing is learned from it.
   * @throws TrackerError TRACKER_NOT_STARTED before init(), BOX_INVALID naming the value
   */
  moveTo(frame: Frame, box: FrameBox): Promise<void>;
  /** Intermediate values of the last update() that has ended; undefined before the first one. */
  inspect(): Observation | undefined;
  /** Engine, device and threads of the networks. */
  readonly description: TrackerDescription;
  /** Milliseconds of each stage, of all frames so far. */
  readonly stopwatch: Stopwatch;
  /** Frees the networks, after the calls made before it. Those made later are refused: TrackerError TRACKER_RELEASED. */
  release(): Promise<void>;
}

/**
 * Follows several objects, each as if it were alone: with its own memory, state and random numbers. On the CPU an object gets the same boxes to
 * the last bit as from a Tracker with as many threads as a lane has (threads / lanes); another number of threads changes last digits, and so
 * does the common run of the backbone on other providers.
 *
 * Calls take turns as those of a Tracker do. An update() that fails leaves all objects as they were before it. An init() that fails does so too,
 * unless it needs another number of lanes: then it has to be called again.
 */
export interface TrackerGroup {
  /**
   * Begins with an object a box; may be called again to begin anew. An update() that was called before still is of the objects before.
   * @returns the first boxes, clipped to the frame, in the order given
   * @throws TrackerError BOX_INVALID naming the value, or where the list is empty
   */
  init(frame: Frame, boxes: readonly FrameBox[]): Promise<readonly TrackResult[]>;
  /** Finds each object in the next frame; results in the order of init(). @throws TrackerError TRACKER_NOT_STARTED before init() */
  update(frame: Frame): Promise<readonly TrackResult[]>;
  /**
   * Says where one of the objects is now: its next search goes on from there, and nothing is learned from it.
   * @param object its place in the list given to init()
   * @throws TrackerError TRACKER_NOT_STARTED before init(), BOX_INVALID naming the value, OPTION_INVALID where there is no such object
   */
  moveTo(frame: Frame, box: FrameBox, object: number): Promise<void>;
  /** Engine, device, threads and lanes of the networks. */
  readonly description: TrackerDescription;
  /** Frees the networks and ends the lanes, after the calls made before it. Those made later are refused: TrackerError TRACKER_RELEASED. */
  release(): Promise<void>;
}

/** Engine, device and threads that compute the networks. */
export interface TrackerDescription {
  /** Name of the engine that computes the head. */
  readonly engine: string;
  /** Execution provider of the backbone, and why it was chosen. */
  readonly device: string;
  /** One sentence a provider: why it was chosen or passed over. */
  readonly reasons: readonly string[];
  /** Threads of each network. */
  readonly threads: number;
  /** Worker threads with networks of their own, among which the objects of a group are shared out; 1: there is one set of networks. */
  readonly lanes: number;
  /** sha256 of the head's weights, or of the imported tracker's file. */
  readonly weights: string;
  /** True if the confidence was fitted: of boxes with confidence 0.8, four in five overlap the object by more than half. */
  readonly calibrated: boolean;
}

/** Intermediate values of a result. */
export interface Observation {
  /** The square of the frame that was searched. */
  readonly region: SearchRegion;
  /** The box before, crop pixels: relative boxes are about it. */
  readonly base: CropBox;
  /** Response of the target model over the region. */
  readonly response: Response;
  /** Mixture of Gaussians that the first samples were drawn from. */
  readonly proposal: Mixture;
  /** The samples, and the box that they lead to. */
  readonly estimate: Estimate;
  /** Figures of the frame that the confidence was made from. */
  readonly evidence: Evidence;
  /** The evidence as inputs of the confidence, filtered over the last frames. */
  readonly inputs: readonly number[];
  /** Box, confidence and state. */
  readonly result: TrackResult;
}

/** Looks on: it is told of every update(), which waits for it. */
export interface TrackerObserver {
  /**
   * Told of one object in one frame, before anything is learned from it. If this fails, so does the update(), and the tracker is as it was before.
   * @param object its place in the list given to a group; left out by a tracker of one object
   */
  observe(observation: Observation, frame: Frame, object?: number): Promise<void>;
}
