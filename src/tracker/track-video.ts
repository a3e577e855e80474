/** A tracker, or a group, over a whole video: its results frame by frame, as they come. */
import type { FrameBox } from '../geometry.js';
import type { Frame } from '../image/frame.js';
import type { TrackResult } from '../result.js';
import type { Tracker, TrackerGroup } from './types.js';

/** A frame that was looked at. */
export interface SeenFrame {
  /** Position in the video, from 0. */
  readonly frame: number;
  /** Presentation time, seconds from the video's first frame. */
  readonly time: number;
  /** The picture itself. */
  readonly image: Frame;
}

/** One object in one frame. */
export interface TrackedFrame extends SeenFrame, TrackResult {}

/** Several objects in one frame. */
export interface TrackedObjects extends SeenFrame {
  /** A result an object, in the order of the boxes given. */
  readonly objects: readonly TrackResult[];
}

/** Who is told, and what ends it. */
export interface TrackVideoOptions<Tracked> {
  /** Called with each result before it is yielded: for a progress line, a live page. */
  readonly onFrame?: (tracked: Tracked) => void;
  /** Aborted: the frames end after the one at work, without an error. Give the same one to openVideo, to stop decoding at once. */
  readonly signal?: AbortSignal;
}

/** Source of frames, for example a VideoSource. */
export interface FrameSource {
  /** The frames in order. Each frame's data is its own. */
  frames(): AsyncIterable<Frame>;
}

/**
 * Tracks the object in `box` of the source's first frame. That frame comes first, with the box clipped to it and confidence 1.
 * @throws TrackerError BOX_INVALID; those of FrameSource.frames()
 * @example
 * ```ts
 * for await (const { frame, box, state } of trackVideo(tracker, source, { x: 195, y: 24, w: 351, h: 243 })) {
 *   console.log(frame, box, state);
 * }
 * ```
 */
export function trackVideo(
  tracker: Pick<Tracker, 'init' | 'update'>,
  source: FrameSource,
  box: FrameBox,
  options: TrackVideoOptions<TrackedFrame> = {},
): AsyncGenerator<TrackedFrame, void, void> {
  return overFrames(source, options, async (image, first) => ({
    ...(await (first ? tracker.init(image, box) : tracker.update(image))),
    ...seen(image),
  }));
}

/**
 * Tracks several objects at once: every frame is decoded once.
 * @param boxes of the source's first frame, one an object
 * @throws TrackerError BOX_INVALID; those of FrameSource.frames()
 * @example
 * ```ts
 * for await (const { frame, objects } of trackObjects(group, source, [first, second])) {
 *   console.log(frame, objects[0].box, objects[1].box);
 * }
 * ```
 */
export function trackObjects(
  group: Pick<TrackerGroup, 'init' | 'update'>,
  source: FrameSource,
  boxes: readonly FrameBox[],
  options: TrackVideoOptions<TrackedObjects> = {},
): AsyncGenerator<TrackedObjects, void, void> {
  return overFrames(source, options, async (image, first) => ({
    objects: await (first ? group.init(image, boxes) : group.update(image)),
    ...seen(image),
  }));
}

const seen = (image: Frame): SeenFrame => ({ frame: image.index, time: image.time, image });

async function* overFrames<Tracked>(
  source: FrameSource,
  { onFrame, signal }: TrackVideoOptions<Tracked>,
  track: (image: Frame, first: boolean) => Promise<Tracked>,
): AsyncGenerator<Tracked, void, void> {
  let first = true;
  for await (const image of source.frames()) {
    if (signal?.aborted) return;
    const tracked = await track(image, first);
    first = false;
    onFrame?.(tracked);
    yield tracked;
  }
}
