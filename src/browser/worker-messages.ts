/** Messages between a page and the worker that tracks for it. Both import this file. */
import { messageOf, TrackerError, type ErrorCode } from '../errors.js';
import type { FrameBox } from '../geometry.js';
import type { TrackResult } from '../result.js';
import type { TrackerDescription } from '../tracker/types.js';
import type { BrowserOptions } from './types.js';
import type { ModelProgress } from './store.js';

/** A picture that can be sent to a worker. */
export type SentFrame = VideoFrame | ImageBitmap | ImageData;

/** Options that can be sent: addresses are whole, functions stay behind. */
export type SentOptions = Omit<BrowserOptions, 'models' | 'wasm' | 'onnxruntime' | 'onProgress'> & {
  readonly models: string;
  readonly wasm?: string;
};

/** Requests of a page, and their answers. */
export interface Calls {
  open: { readonly given: SentOptions; readonly answer: TrackerDescription };
  init: {
    readonly given: { readonly frame: SentFrame; readonly boxes: readonly FrameBox[] };
    readonly answer: readonly TrackResult[];
  };
  update: { readonly given: { readonly frame: SentFrame }; readonly answer: readonly TrackResult[] };
  moveTo: {
    readonly given: { readonly frame: SentFrame; readonly box: FrameBox; readonly object: number };
    readonly answer: void;
  };
  release: { readonly given: undefined; readonly answer: void };
}

/** One call; `id` is that of its answer. */
export type Ask = {
  [Name in keyof Calls]: { readonly id: number; readonly call: Name; readonly given: Calls[Name]['given'] };
}[keyof Calls];

/** An error as it is sent: classes do not survive a message. */
export interface Fault {
  /** Undefined for errors that were not raised on purpose. */
  readonly code: ErrorCode | undefined;
  readonly message: string;
  readonly hint: string;
}

export type Answer =
  | { readonly kind: 'value'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'fault'; readonly id: number; readonly fault: Fault }
  | { readonly kind: 'progress'; readonly progress: ModelProgress };

export function faultOf(error: unknown): Fault {
  return error instanceof TrackerError
    ? { code: error.code, message: error.message, hint: error.hint }
    : { code: undefined, message: messageOf(error), hint: '' };
}

export function errorOf({ code, message, hint }: Fault): Error {
  return code === undefined ? new Error(message) : new TrackerError(code, message, { hint });
}
