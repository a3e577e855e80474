/** A tracker over a whole video: its results on a frame, as they come. */
import type { FrameBox } from '../geometry.js';
import type { Frame } from '../image/frame.js';
import type { TrackResult } from '../result.js';
import type { VideoSource } from '../video/read.js';
import { isList, type GivenBoxes } from './objects.js';

/** Box, confidence and state are those of the first object. */
export interface TrackedFrame extends TrackResult {
  /** Position in the video, from 0. */
  readonly frame: number;
  /** Presentation time, seconds from the video's first frame. */
  readonly time: number;
  /** The picture itself. */
  readonly image: Frame;
  /** A result an object, in the order of the boxes given. */
  readonly objects: readonly TrackResult[];
}

/** Who is told, and what ends it. */
export interface TrackVideoOptions {
  /** Called with each result before it is yielded: for a progress line, a live page. */
  readonly onFrame?: (tracked: TrackedFrame) => void;
  /** Aborted: the frames end after the one at work, without an error. Give the same one to openVideo, to stop decoding at once. */
  readonly signal?: AbortSignal;
}

/** What of a tracker follows one object. */
export interface OneFollower {
  /** Begins with the object in the box. */
  init(frame: Frame, box: FrameBox): Promise<TrackResult>;
  /** Where it is in the next frame. */
  update(frame: Frame): Promise<TrackResult>;
}

/** What of a tracker follows several. */
export interface SeveralFollower {
  /** Begins with an object a box. */
  init(frame: Frame, boxes: readonly FrameBox[]): Promise<readonly TrackResult[]>;
  /** Where each is in the next frame. */
  updateAll(frame: Frame): Promise<readonly TrackResult[]>;
}

/** What of a video gives its frames. */
export type FrameSource = Pick<VideoSource, 'frames'>;

/**
 * Tracks the object in `box` of the source's first frame. That frame comes first, with the box clipped to it and confidence 1.
 * @throws TrackerError BOX_INVALID; those of VideoSource.frames()
 */
export function trackVideo(
  tracker: OneFollower,
  source: FrameSource,
  box: FrameBox,
  options?: TrackVideoOptions,
): AsyncGenerator<TrackedFrame, void, void>;
/** Tracks several objects at once: every frame is decoded once. */
export function trackVideo(
  tracker: SeveralFollower,
  source: FrameSource,
  boxes: readonly FrameBox[],
  options?: TrackVideoOptions,
): AsyncGenerator<TrackedFrame, void, void>;
export async function* trackVideo(
  tracker: OneFollower | SeveralFollower,
  source: FrameSource,
  given: GivenBoxes,
  { onFrame, signal }: TrackVideoOptions = {},
): AsyncGenerator<TrackedFrame, void, void> {
  // the overloads say which of the two it is
  const follow = isList(given)
    ? followSeveral(tracker as SeveralFollower, given)
    : followOne(tracker as OneFollower, given);
  let started = false;
  for await (const image of source.frames()) {
    if (signal?.aborted) return;
    const objects = await (started ? follow.next(image) : follow.first(image));
    started = true;
    const tracked = { ...objects[0]!, frame: image.index, time: image.time, image, objects };
    onFrame?.(tracked);
    yield tracked;
  }
}

interface Following {
  first(frame: Frame): Promise<readonly TrackResult[]>;
  next(frame: Frame): Promise<readonly TrackResult[]>;
}

const followOne = (tracker: OneFollower, box: FrameBox): Following => ({
  first: async (frame) => [await tracker.init(frame, box)],
  next: async (frame) => [await tracker.update(frame)],
});

const followSeveral = (tracker: SeveralFollower, boxes: readonly FrameBox[]): Following => ({
  first: (frame) => tracker.init(frame, boxes),
  next: (frame) => tracker.updateAll(frame),
});
