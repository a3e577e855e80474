/** The frames that both ways of reading a video file give, and the one error that both raise. */
import { TrackerError } from '../errors.js';

/** A frame of a video file. It is closed when the next one is asked for. */
export interface VideoPicture {
  /** The picture itself, upright. */
  readonly image: VideoFrame | ImageBitmap;
  /** Position in the video, from 0. */
  readonly index: number;
  /** Presentation time, seconds from the video's first frame. */
  readonly time: number;
}

const HINT =
  'play it in the browser; ffmpeg -i IN -c:v libx264 -pix_fmt yuv420p OUT.mp4 makes one that every browser decodes';

/** @param why what was found. One message for all that can be wrong with a file */
export function unreadable(name: string, why: string, cause?: unknown): TrackerError {
  return new TrackerError('VIDEO_UNREADABLE', `video ${name}: cannot be read: ${why}`, { hint: HINT, cause });
}
