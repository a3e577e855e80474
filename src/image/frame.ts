/** One upright video frame. */
export interface Frame {
  /** RGB, 8 bit, rows without padding: 3 * width * height bytes. */
  readonly data: Uint8Array;
  /** Pixels. */
  readonly width: number;
  /** Pixels. */
  readonly height: number;
  /** Position in the video, from 0. */
  readonly index: number;
  /** Presentation time, seconds from the video's first frame. */
  readonly time: number;
}
