/** Messages between page and server. Both import this file: nothing of Node or of a browser. */
import type { FrameBox } from '../geometry.js';
import type { TrackState } from '../result.js';

/** In the order of their numbers in a WireRow. */
export const STATES: readonly TrackState[] = ['tracking', 'uncertain', 'lost', 'found'];

/** frame, time (s), x, y, w, h (pixels of the upright frame), confidence, number of the state in STATES */
export type WireRow = readonly [number, number, number, number, number, number, number, number];

/** Header of GET /api/videos/ID/frames/N?near=1: the frame that is shown, N or one before it that was available sooner. */
export const FRAME_HEADER = 'x-frame';
/** Header of every picture: time of its frame, seconds from the first; left out where it is not known. */
export const TIME_HEADER = 'x-frame-time';

export interface FormatInfo {
  readonly name: string;
  readonly title: string;
}

/** GET /api/session */
export interface SessionInfo {
  readonly mode: 'serve' | 'pick';
  /** The only video there is, where one was named. */
  readonly video: string | null;
  readonly formats: readonly FormatInfo[];
}

/** One entry of GET /api/files. */
export interface FileInfo {
  /** Relative to the root, forward slashes. */
  readonly path: string;
  readonly kind: 'video' | 'images';
  /** Bytes of a video, files of a folder. */
  readonly size: number;
}

/** GET /api/files */
export interface FileList {
  readonly files: readonly FileInfo[];
  /** There are more than are listed. */
  readonly more: boolean;
}

export interface VideoData {
  /** Relative to the root. */
  readonly path: string;
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  /** An estimate until `counted`. */
  readonly frames: number;
  readonly counted: boolean;
  /** Notes for people on how the video is read, such as which of several video streams is shown. */
  readonly notes: readonly string[];
  /** It goes on: a camera, whose newest frame is seen unless a person looks elsewhere. */
  readonly live?: boolean;
}

/** A box that a person drew. */
export interface Mark {
  readonly frame: number;
  readonly box: FrameBox;
}

export interface ObjectData {
  readonly id: number;
  readonly marks: readonly Mark[];
  /** Being tracked now. */
  readonly running: boolean;
  /** Every frame from its first box on has a row. */
  readonly complete: boolean;
}

export interface ObjectRows extends ObjectData {
  readonly rows: readonly WireRow[];
}

/** POST /api/videos */
export interface VideoOpened extends VideoData {
  readonly id: string;
}

/** Events of GET /api/videos/ID/events, in the order in which they happened; the first is a snapshot. */
export type VideoEvent =
  | {
      readonly type: 'snapshot';
      readonly video: VideoData;
      readonly objects: readonly ObjectRows[];
      readonly undo: number;
    }
  | { readonly type: 'video'; readonly video: VideoData }
  /** It is now like this, with these rows and no others. */
  | { readonly type: 'object'; readonly object: ObjectRows }
  /** It is now like this, with the rows it has. */
  | { readonly type: 'status'; readonly object: ObjectData }
  | { readonly type: 'rows'; readonly object: number; readonly rows: readonly WireRow[] }
  /** A picture of this frame, in which these objects were just tracked, is at hand. */
  | { readonly type: 'picture'; readonly frame: number; readonly objects: readonly number[] }
  | { readonly type: 'gone'; readonly object: number }
  /** How many steps can be undone. */
  | { readonly type: 'undo'; readonly steps: number }
  | { readonly type: 'failed'; readonly message: string; readonly hint: string };

/** POST /api/videos/ID/boxes: of an object that is there a correction, otherwise a new one. */
export interface DrawRequest {
  readonly frame: number;
  readonly box: FrameBox;
  readonly object?: number | undefined;
}

/** POST /api/pick */
export interface PickRequest {
  readonly frame: number;
  readonly box: FrameBox;
}

/** Body of every answer that is not a success. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}
