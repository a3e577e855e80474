/**
 * The tracker in a browser: the same core, with onnxruntime-web. No frame leaves the machine.
 *
 * @packageDocumentation
 */
import type { TrackerOptions } from '../config.js';
import * as core from '../core.js';
import { messageOf, TrackerError } from '../errors.js';
import type { FrameBox } from '../geometry.js';
import type { TrackResult } from '../result.js';
import type { Tracker, TrackerDescription, TrackerGroup } from '../tracker/types.js';
import { createFrameReader, type FrameInput } from './frames.js';
import { createBrowserPlatform, folderOf, openModelFiles, type ModelFiles } from './platform.js';
import { lookForGpu, openRuntime, type Device, type OnnxRuntime } from './runtime.js';
import type { ModelProgress } from './store.js';

export { intersectionOverUnion, type FrameBox } from '../geometry.js';
export { TrackerError, type ErrorCode, type TrackerErrorOptions } from '../errors.js';
export type { TrackResult, TrackState } from '../result.js';
export type { TrackerDescription } from '../tracker/types.js';
export type { FrameInput } from './frames.js';
export type { Device, OnnxRuntime, OnnxSession } from './runtime.js';
export type { ModelProgress } from './store.js';

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

/**
 * Fetches the models, opens the networks and gives a tracker of one object.
 * @throws TrackerError CONFIG_INVALID, OPTION_INVALID, MODEL_MISSING, MODEL_INVALID, RUNTIME_UNAVAILABLE
 */
export async function createTracker(options: BrowserOptions): Promise<BrowserTracker> {
  const { opened: tracker, description } = await open(options, core.createTracker);
  const read = createFrameReader();
  return {
    init: async (frame, box) => tracker.init(read(frame), box),
    update: async (frame) => tracker.update(read(frame)),
    moveTo: async (frame, box) => tracker.moveTo(read(frame), box),
    inspect: () => tracker.inspect(),
    description,
    stopwatch: tracker.stopwatch,
    release: () => tracker.release(),
  };
}

/**
 * Fetches the models, opens the networks and gives a group that follows several objects.
 * @throws TrackerError CONFIG_INVALID, OPTION_INVALID, MODEL_MISSING, MODEL_INVALID, RUNTIME_UNAVAILABLE
 */
export async function createTrackerGroup(options: BrowserOptions): Promise<BrowserTrackerGroup> {
  const { opened: group, description } = await open(options, core.createTrackerGroup);
  const read = createFrameReader();
  return {
    init: async (frame, boxes) => group.init(read(frame), boxes),
    update: async (frame) => group.update(read(frame)),
    moveTo: async (frame, box, object) => group.moveTo(read(frame), box, object),
    description,
    release: () => group.release(),
  };
}

interface Opened<T> {
  readonly opened: T;
  readonly description: TrackerDescription;
}
type Make<T> = (platform: core.TrackerPlatform, options: TrackerOptions) => Promise<T>;

async function open<T extends Pick<Tracker, 'description'>>(
  options: BrowserOptions,
  make: Make<T>,
): Promise<Opened<T>> {
  const { models, device = 'auto', wasm, onnxruntime, cache, onProgress, ...settings } = options;
  checkDevice(device);
  // what is wrong in the settings is said before anything is fetched
  core.parseConfig(settings, 1);
  const files = await openModelFiles(models, { cache, onProgress });
  const openOn = (chosen: Device, reasons: readonly string[]): Promise<Opened<T>> =>
    openOnDevice(files, { device: chosen, wasm: wasm && folderOf(wasm), onnxruntime }, settings, reasons, make);
  try {
    if (device !== 'auto') return await openOn(device, [`${device}: asked for by name`]);
    const { found, reason } = await lookForGpu();
    if (!found) return await openOn('wasm', [reason, 'wasm: WebAssembly with SIMD']);
    return await openOn('webgpu', [reason]).catch((error: unknown) =>
      openOn('wasm', [`${reason}, but ${messageOf(error)}`, 'wasm: WebAssembly with SIMD']),
    );
  } finally {
    files.store.forget();
  }
}

async function openOnDevice<T extends Pick<Tracker, 'description'>>(
  files: ModelFiles,
  wanted: { device: Device; wasm: string | undefined; onnxruntime: OnnxRuntime | undefined },
  settings: TrackerOptions,
  reasons: readonly string[],
  make: Make<T>,
): Promise<Opened<T>> {
  const runtime = await openRuntime({ ...wanted, threads: settings.threads });
  const { device, threads, reason } = runtime;
  const provider = device === 'wasm' ? 'cpu' : 'webgpu';
  const opened = await make(createBrowserPlatform(files, runtime), { ...settings, threads, provider });
  const told = [...reasons, reason, ...files.store.faults];
  return { opened, description: { ...opened.description, device, threads, reasons: told } };
}

function checkDevice(device: string): void {
  if (['auto', 'webgpu', 'wasm'].includes(device)) return;
  throw new TrackerError('OPTION_INVALID', `device: found ${device}, expected auto, webgpu or wasm`, {
    hint: 'leave it out: webgpu is taken where there is one, else wasm',
  });
}
