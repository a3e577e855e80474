/** The requests of the page to whoever tracks for it: the server of `serve` (api.ts), or the browser itself (src/web/site). */
import type { DrawRequest, PickRequest, VideoEvent, VideoOpened } from '../messages.js';

export interface Picture {
  readonly bitmap: ImageBitmap;
  /** Seconds from the first frame; undefined where it is not known. */
  readonly time: number | undefined;
}

export interface ExportedFile {
  readonly blob: Blob;
  readonly name: string;
}

/** One open video. Every call may be refused with an error that people can read. */
export interface VideoService {
  readonly opened: VideoOpened;
  /** Shown when its events break off. */
  readonly broken: string;
  draw(drawn: DrawRequest): Promise<unknown>;
  remove(object: number): Promise<unknown>;
  undo(): Promise<unknown>;
  start(): Promise<unknown>;
  stop(): Promise<unknown>;
  /** Answers a request for one box: this one. */
  pick(picked: PickRequest): Promise<unknown>;
  frame(frame: number, signal: AbortSignal): Promise<Picture>;
  /** The frame, or one before it that is at hand sooner. */
  near(frame: number, signal: AbortSignal): Promise<{ frame: number; picture: Picture }>;
  export(format: string): Promise<ExportedFile>;
  /** @returns to be called to end it */
  events(onEvent: (event: VideoEvent) => void, onBroken: () => void): () => void;
}
