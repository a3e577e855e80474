/** A tracker over a whole video: one result a frame, as it comes. */
import type { FrameBox } from '../geometry.js';
import type { Frame } from '../image/frame.js';
import type { TrackResult } from '../result.js';
import type { VideoSource } from '../video/read.js';
import type { Tracker } from './tracker.js';

export interface TrackedFrame extends TrackResult {
  /** Position in the video, from 0. */
  readonly frame: number;
  /** Presentation time, seconds from the video's first frame. */
  readonly time: number;
  /** The picture itself. */
  readonly image: Frame;
}

export interface TrackVideoOptions {
  /** Called with each result before it is yielded: for a progress line, a live page. */
  readonly onFrame?: (tracked: TrackedFrame) => void;
  /** Aborted: the frames end after the one at work, without an error. Give the same one to openVideo, to stop decoding at once. */
  readonly signal?: AbortSignal;
}

/**
 * Tracks the object in `box` of the source's first frame. That frame comes first, with the box clipped to it and confidence 1.
 * @throws TrackerError BOX_INVALID; those of VideoSource.frames()
 */
export async function* trackVideo(
  tracker: Pick<Tracker, 'init' | 'update'>,
  source: Pick<VideoSource, 'frames'>,
  box: FrameBox,
  { onFrame, signal }: TrackVideoOptions = {},
): AsyncGenerator<TrackedFrame, void, void> {
  let started = false;
  for await (const image of source.frames()) {
    if (signal?.aborted) return;
    const result = started ? await tracker.update(image) : await tracker.init(image, box);
    started = true;
    const tracked = { ...result, frame: image.index, time: image.time, image };
    onFrame?.(tracked);
    yield tracked;
  }
}
