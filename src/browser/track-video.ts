/** A tracker, or a group, over a whole video file: its results frame by frame, as they come. */
import type { FrameBox } from '../geometry.js';
import type { TrackResult } from '../result.js';
import type { FrameInput } from './frames.js';
import type { BrowserTracker, BrowserTrackerGroup } from './types.js';
import { openVideoFile, type VideoFile, type VideoFileOptions } from './video-file.js';
import type { VideoPicture } from './video-picture.js';

/** One object in one frame of a video file. */
export interface TrackedPicture extends TrackResult {
  /** Position in the video, from 0. */
  readonly frame: number;
  /** Presentation time, seconds from the video's first frame. */
  readonly time: number;
  /** The picture itself; it is closed when the next one is asked for. */
  readonly image: VideoFrame | ImageBitmap;
}

/** Several objects in one frame of a video file. */
export interface TrackedPictures extends Omit<TrackedPicture, keyof TrackResult> {
  /** A result an object, in the order of the boxes given. */
  readonly objects: readonly TrackResult[];
}

/** First frame, listeners, and the signal that ends it. */
export interface TrackFileOptions extends VideoFileOptions {
  /** Number of the frame in which the box is; left out: 0. */
  readonly first?: number;
  /** Aborted: the frames end after the one at work, without an error. */
  readonly signal?: AbortSignal;
}

type Follower<Box, Result> = {
  init(frame: FrameInput, box: Box): Promise<Result>;
  update(frame: FrameInput): Promise<Result>;
};

/**
 * Decodes a video file frame by frame, each coded frame once, and tracks the object in `box` of the first one. That frame comes first.
 * @param file of an input element, or a VideoFile that is open; this stays open
 * @throws TrackerError VIDEO_UNREADABLE, BOX_INVALID
 */
export async function* trackVideo(
  tracker: Pick<BrowserTracker, 'init' | 'update'>,
  file: Blob | VideoFile,
  box: FrameBox,
  options: TrackFileOptions = {},
): AsyncGenerator<TrackedPicture, void, void> {
  for await (const [picture, result] of follow(tracker, file, box, options)) yield { ...result, ...seen(picture) };
}

/**
 * Tracks several objects at once: every frame is decoded once.
 * @param boxes of the first frame, one an object
 * @throws TrackerError VIDEO_UNREADABLE, BOX_INVALID
 */
export async function* trackObjects(
  group: Pick<BrowserTrackerGroup, 'init' | 'update'>,
  file: Blob | VideoFile,
  boxes: readonly FrameBox[],
  options: TrackFileOptions = {},
): AsyncGenerator<TrackedPictures, void, void> {
  for await (const [picture, objects] of follow(group, file, boxes, options)) yield { objects, ...seen(picture) };
}

const seen = ({ index, time, image }: VideoPicture) => ({ frame: index, time, image });

async function* follow<Box, Result>(
  tracker: Follower<Box, Result>,
  file: Blob | VideoFile,
  box: Box,
  { first = 0, signal, ...options }: TrackFileOptions,
): AsyncGenerator<readonly [VideoPicture, Result], void, void> {
  const video = file instanceof Blob ? await openVideoFile(file, options) : file;
  try {
    let begun = false;
    for await (const picture of video.frames(first, signal)) {
      if (signal?.aborted) return;
      const result = await (begun ? tracker.update(picture.image) : tracker.init(picture.image, box));
      begun = true;
      yield [picture, result];
    }
  } finally {
    if (video !== file) video.close();
  }
}
