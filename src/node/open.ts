/** The core on Node: what it opens, without saying so each time. */
import { parseConfig as parseConfigFor, type TrackerConfig, type TrackerOptions } from '../config.js';
import { createOnnxEngine as createEngineWith } from '../ebm/engines/onnx.js';
import type { HeadEngine, HeadModel } from '../ebm/head.js';
import { openBackbone as openBackboneWith, type Backbone } from '../features/backbone.js';
import {
  findBackbone as findBackboneOn,
  loadManifest as loadManifestOn,
  type BackboneEntry,
  type Manifest,
  type Precision,
} from '../features/manifest.js';
import type { OnnxOptions, OpenModel } from '../platform.js';
import { createTrackerGroup as createGroupOn } from '../tracker/group.js';
import { openHead as openHeadOn, type OpenHead } from '../tracker/open-head.js';
import { createTracker as createTrackerOn } from '../tracker/tracker.js';
import type { Tracker, TrackerGroup, TrackerObserver } from '../tracker/types.js';
import { nodePlatform } from './platform.js';

/**
 * Opens the networks and gives a tracker of one object.
 * @param observer is shown what each update() did; left out, nothing is gathered for it
 * @throws TrackerError CONFIG_INVALID, MODEL_MISSING, MODEL_INVALID, RUNTIME_UNAVAILABLE
 * @example
 * ```ts
 * const tracker = await createTracker({ threads: 2 });
 * await tracker.init(frame, { x: 195, y: 24, w: 351, h: 243 });
 * const { box, confidence, state } = await tracker.update(nextFrame);
 * ```
 */
export async function createTracker(options: TrackerOptions = {}, observer?: TrackerObserver): Promise<Tracker> {
  const published = await openPublished(options, observer);
  return published ? new published.PublishedTracker(published.group) : createTrackerOn(nodePlatform, options, observer);
}

/**
 * Opens the networks and gives a group that follows several objects.
 * @param observer is shown what each update() did, object by object; then all objects are followed in this thread
 * @throws TrackerError CONFIG_INVALID, MODEL_MISSING, MODEL_INVALID, RUNTIME_UNAVAILABLE
 * @example
 * ```ts
 * const group = await createTrackerGroup();
 * await group.init(frame, [{ x: 195, y: 24, w: 351, h: 243 }, { x: 60, y: 200, w: 90, h: 120 }]);
 * for (const { box, state } of await group.update(nextFrame)) console.log(box, state);
 * ```
 */
export async function createTrackerGroup(
  options: TrackerOptions = {},
  observer?: TrackerObserver,
): Promise<TrackerGroup> {
  const published = await openPublished(options, observer);
  return published?.group ?? createGroupOn(nodePlatform, options, observer);
}

/** The tracker that a head names, where that is an imported one. It is loaded only then. */
async function openPublished(options: TrackerOptions, observer: TrackerObserver | undefined) {
  const file = await publishedFileOf(options);
  if (file === undefined) return undefined;
  const [{ openPublishedGroup }, { PublishedTracker }] = await Promise.all([
    import('../published/open.js'),
    import('../published/group.js'),
  ]);
  const group = await openPublishedGroup(file, parseConfig(options), observer !== undefined);
  return { group, PublishedTracker };
}

/** The file of the imported tracker that a head names; undefined where it names a head. @throws TrackerError MODEL_MISSING, MODEL_INVALID */
export async function publishedFileOf({
  head,
  manifest,
}: Pick<TrackerOptions, 'head' | 'manifest'>): Promise<string | undefined> {
  if (head === undefined) return undefined;
  const { content } = await loadManifest(manifest);
  const { findPublished } = await import('../published/open.js');
  return findPublished(head, Object.keys(content.heads));
}

/** @throws TrackerError CONFIG_INVALID naming each field that is wrong */
export function parseConfig(input: unknown): TrackerConfig {
  return parseConfigFor(input, nodePlatform.cores);
}

/** @param file left out: the manifest that ships. @throws TrackerError MODEL_MISSING, MODEL_INVALID */
export function loadManifest(file?: string): Promise<Manifest> {
  return loadManifestOn(nodePlatform, file);
}

/** One backbone of a manifest, its file checked. @throws TrackerError MODEL_MISSING, MODEL_INVALID */
export function findBackbone(manifest: Manifest, name?: string, precision?: Precision): Promise<BackboneEntry> {
  return findBackboneOn(nodePlatform, manifest, name, precision);
}

/** @throws TrackerError MODEL_MISSING, MODEL_INVALID, RUNTIME_UNAVAILABLE */
export function openBackbone(entry: BackboneEntry, options: OnnxOptions): Promise<Backbone> {
  return openBackboneWith(entry, openWith(options));
}

/**
 * @param name a weight file (it ends in .safetensors), or a head of the manifest; left out: its default
 * @throws TrackerError MODEL_MISSING, MODEL_INVALID
 */
export function openHead(manifest: Manifest, name?: string): Promise<OpenHead> {
  return openHeadOn(nodePlatform, manifest, name);
}

/** @throws TrackerError MODEL_INVALID, RUNTIME_UNAVAILABLE */
export function createOnnxEngine(model: HeadModel, options: OnnxOptions): Promise<HeadEngine> {
  return createEngineWith(model, openWith(options));
}

/** Opens models with these options. */
export const openWith =
  (options: OnnxOptions): OpenModel =>
  (model) =>
    nodePlatform.openModel(model, options);
