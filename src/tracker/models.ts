/** All that trackers compute with, opened together: networks, head, target model. Several objects may share it. */
import type { TrackerConfig } from '../config.js';
import { createOnnxEngine } from '../ebm/engines/onnx.js';
import type { HeadEngine, HeadModel } from '../ebm/head.js';
import { TrackerError } from '../errors.js';
import { findBackbone, loadManifest, type BackboneEntry } from '../features/manifest.js';
import type { OpenModel, Platform } from '../platform.js';
import { compileTarget, type TargetGraphName } from '../target/compile.js';
import { createTargetLearner, type TargetLearner } from '../target/classifier.js';
import type { Beginning } from './begin.js';
import { createCropper, type Looking } from './look.js';
import { openNetworks } from './networks.js';
import { openHead, type OpenHead } from './open-head.js';
import { createStopwatch } from './stopwatch.js';
import type { TrackerDescription } from './types.js';

/** The platform, and the one engine that needs more than it. */
export interface TrackerPlatform extends Platform {
  /** Left out where there is no TensorFlow.js. */
  openTfjsEngine?(model: HeadModel, config: TrackerConfig): Promise<HeadEngine>;
}

export interface Models extends Looking, Omit<Beginning, 'networks' | 'learner'> {
  readonly config: TrackerConfig;
  readonly head: OpenHead;
  readonly engine: HeadEngine;
  readonly learner: TargetLearner;
  readonly description: TrackerDescription;
  release(): Promise<void>;
}

/** Opens all of them, or none. @throws TrackerError MODEL_MISSING, MODEL_INVALID, RUNTIME_UNAVAILABLE */
export async function openModels(platform: TrackerPlatform, config: TrackerConfig): Promise<Models> {
  const manifest = await loadManifest(platform, config.manifest);
  const head = await openHead(platform, manifest, config.head);
  const entry = await findBackbone(platform, manifest, head.backbone, config.precision);
  const shelf = createShelf();
  try {
    return await openOn(shelf, platform, config, head, entry);
  } catch (error) {
    await shelf.release();
    throw error;
  }
}

async function openOn(
  shelf: Shelf,
  platform: TrackerPlatform,
  config: TrackerConfig,
  head: OpenHead,
  entry: BackboneEntry,
): Promise<Models> {
  const { model } = head;
  const { coarse, cropSize } = model.geometry;
  const runtime = { threads: config.threads, provider: config.provider };
  const open: OpenModel = (bytes) => platform.openModel(bytes, runtime);
  const openTarget = (name: TargetGraphName) => open(compileTarget(model, name));
  const [engine, respond, sample, learn, multiply] = await shelf.put(
    openEngine(platform, model, config, open),
    openTarget('respond'),
    openTarget('sample'),
    openTarget('learn'),
    ...(platform.copiesInputs ? [] : [openTarget('multiply')]),
  );
  // other providers are faster with one large run than with several
  const joins = config.joined && config.engine === 'onnx' && respond.provider === 'cpu';
  const joined = joins ? await platform.readFile(entry.file) : undefined;
  const stopwatch = createStopwatch();
  const [networks] = await shelf.put(openNetworks(entry, model, engine, respond, joined, open, stopwatch));
  const { provider: device, reasons } = networks;
  return {
    config,
    model,
    head,
    engine,
    networks,
    stopwatch,
    cropper: createCropper(cropSize, entry),
    learner: createTargetLearner({ respond, sample, learn, multiply }, coarse, config.target),
    description: {
      engine: engine.name,
      device,
      reasons,
      threads: config.threads,
      lanes: 1,
      weights: head.sha256,
      calibrated: true,
    },
    release: shelf.release,
  };
}

/** An open model, which must be released. */
interface Releasable {
  release(): Promise<void>;
}

interface Shelf {
  /** Waits until all are open or have failed, and keeps those that are open. @throws what the first one that failed throws */
  put<T extends readonly Releasable[]>(...openings: { [K in keyof T]: Promise<T[K]> }): Promise<T>;
  release(): Promise<void>;
}

function createShelf(): Shelf {
  const kept: Releasable[] = [];
  return {
    async put<T extends readonly Releasable[]>(...openings: { [K in keyof T]: Promise<T[K]> }) {
      for (const opening of await Promise.allSettled(openings as readonly Promise<Releasable>[]))
        if (opening.status === 'fulfilled') kept.push(opening.value);
      return (await Promise.all(openings)) as unknown as T;
    },
    async release() {
      await Promise.all(kept.map((opened) => opened.release()));
    },
  };
}

async function openEngine(
  { openTfjsEngine }: TrackerPlatform,
  model: HeadModel,
  config: TrackerConfig,
  open: OpenModel,
): Promise<HeadEngine> {
  if (config.engine === 'onnx') return createOnnxEngine(model, open);
  if (openTfjsEngine) return openTfjsEngine(model, config);
  throw new TrackerError('RUNTIME_UNAVAILABLE', 'engine tfjs: there is no TensorFlow.js here, expected engine onnx', {
    hint: 'leave "engine" out of the configuration',
  });
}
