/**
 * The tracker in a browser: the same core, with onnxruntime-web. No frame leaves the machine.
 *
 * @packageDocumentation
 */
import type { TrackerOptions } from '../config.js';
import * as core from '../core.js';
import { messageOf, TrackerError } from '../errors.js';
import type { Tracker, TrackerDescription } from '../tracker/types.js';
import { folderOf } from './address.js';
import { createFrameReader } from './frames.js';
import { createBrowserPlatform, openModelFiles, type ModelFiles } from './platform.js';
import { lookForGpu, openRuntime, type Device, type OnnxRuntime } from './runtime.js';
import type { BrowserOptions, BrowserTracker, BrowserTrackerGroup } from './types.js';

export { intersectionOverUnion, type FrameBox } from '../geometry.js';
export { TrackerError, type ErrorCode, type TrackerErrorOptions } from '../errors.js';
export type { TrackResult, TrackState } from '../result.js';
export type { TrackerDescription } from '../tracker/types.js';
export type { FrameInput } from './frames.js';
export type { Device, OnnxOutput, OnnxRuntime, OnnxSession, TensorClass } from './runtime.js';
export type { ModelProgress } from './store.js';
export {
  trackObjects,
  trackVideo,
  type TrackedPicture,
  type TrackedPictures,
  type TrackFileOptions,
} from './track-video.js';
export { openVideoFile, type VideoFile, type VideoFileOptions } from './video-file.js';
export type { BrowserOptions, BrowserTracker, BrowserTrackerGroup } from './types.js';
export type { VideoPicture } from './video-picture.js';
export {
  createWorkerTracker,
  createWorkerTrackerGroup,
  type WorkerOptions,
  type WorkerTracker,
} from './worker-tracker.js';

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
