/** Public interfaces of a page's trackers: settings and calls. */
import type { TrackerOptions } from '../config.js';
import type { FrameBox } from '../geometry.js';
import type { TrackResult } from '../result.js';
import type { Tracker, TrackerGroup } from '../tracker/types.js';
import type { FrameInput } from './frames.js';
import type { Device, OnnxRuntime } from './runtime.js';
import type { ModelProgress } from './store.js';

/** Settings of a page, beside the tracker's own options. */
export interface BrowserOptions extends Omit<
  TrackerOptions,
  'manifest' | 'provider' | 'engine' | 'backend' | 'lanes' | 'published'
> {
  /** Address of the folder that holds manifest.json and the files it names, or of a manifest. */
  readonly models: string | URL;
  /** auto (the default) = webgpu where there is one, else wasm. One that is asked for by name is used or refused. */
  readonly device?: 'auto' | Device;
  /** Address of the folder that holds the .wasm file of onnxruntime-web; left out: beside its script. */
  readonly wasm?: string | URL;
  /** The module, where the page has imported it; left out: onnxruntime-web/webgpu or onnxruntime-web/wasm is imported. */
  readonly onnxruntime?: OnnxRuntime;
  /** Files of models are kept in the browser's cache (Cache API); left out: true. */
  readonly cache?: boolean;
  /** Told of each file of the models while it comes. */
  readonly onProgress?: (progress: ModelProgress) => void;
}

/**
 * Follows one object, as a Tracker on Node does, in pictures that a browser has. The pixels are read before a call returns: a frame may be
 * closed then, and a video may play on.
 */
export interface BrowserTracker extends Pick<Tracker, 'inspect' | 'description' | 'stopwatch' | 'release'> {
  /** Begins with the object in `box` of `frame`. @throws TrackerError BOX_INVALID, IMAGE_UNREADABLE, OPTION_INVALID */
  init(frame: FrameInput, box: FrameBox): Promise<TrackResult>;
  /** Finds the object in the next frame. @throws TrackerError TRACKER_NOT_STARTED, IMAGE_UNREADABLE, OPTION_INVALID */
  update(frame: FrameInput): Promise<TrackResult>;
  /** Says where the object is now. @throws TrackerError TRACKER_NOT_STARTED, BOX_INVALID, IMAGE_UNREADABLE, OPTION_INVALID */
  moveTo(frame: FrameInput, box: FrameBox): Promise<void>;
}

/** Follows several objects, as a TrackerGroup on Node does, in pictures that a browser has; all of them in one thread. */
export interface BrowserTrackerGroup extends Pick<TrackerGroup, 'description' | 'release'> {
  /** Begins with an object a box. @throws TrackerError BOX_INVALID, IMAGE_UNREADABLE, OPTION_INVALID */
  init(frame: FrameInput, boxes: readonly FrameBox[]): Promise<readonly TrackResult[]>;
  /** Finds each object in the next frame. @throws TrackerError TRACKER_NOT_STARTED, IMAGE_UNREADABLE, OPTION_INVALID */
  update(frame: FrameInput): Promise<readonly TrackResult[]>;
  /** Says where one of them is now. @throws TrackerError TRACKER_NOT_STARTED, BOX_INVALID, IMAGE_UNREADABLE, OPTION_INVALID */
  moveTo(frame: FrameInput, box: FrameBox, object: number): Promise<void>;
}
