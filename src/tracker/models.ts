/** All that trackers compute with, opened together: networks, head, target model. Several objects may share it. */
import type { TrackerConfig } from '../config.js';
import { createOnnxEngine } from '../ebm/engines/onnx.js';
import type { HeadEngine } from '../ebm/head.js';
import { findBackbone, loadManifest, type BackboneEntry } from '../features/manifest.js';
import { openOnnxModel } from '../runtime/onnx.js';
import { compileTarget, type TargetGraphName } from '../target/compile.js';
import { createTargetLearner, type TargetLearner } from '../target/classifier.js';
import type { Beginning } from './begin.js';
import { createCropper, type Looking } from './look.js';
import { openNetworks } from './networks.js';
import { openHead, type OpenHead } from './open-head.js';
import { createStopwatch } from './stopwatch.js';
import type { TrackerDescription } from './types.js';

export interface Models extends Looking, Omit<Beginning, 'networks' | 'learner'> {
  readonly config: TrackerConfig;
  readonly head: OpenHead;
  readonly engine: HeadEngine;
  readonly learner: TargetLearner;
  readonly description: TrackerDescription;
  release(): Promise<void>;
}

/** Opens all of them, or none. @throws TrackerError MODEL_MISSING, MODEL_INVALID, RUNTIME_UNAVAILABLE */
export async function openModels(config: TrackerConfig): Promise<Models> {
  const manifest = await loadManifest(config.manifest);
  const head = await openHead(manifest, config.head);
  const entry = await findBackbone(manifest, head.backbone, config.precision);
  const shelf = createShelf();
  try {
    return await openOn(shelf, config, head, entry);
  } catch (error) {
    await shelf.release();
    throw error;
  }
}

async function openOn(shelf: Shelf, config: TrackerConfig, head: OpenHead, entry: BackboneEntry): Promise<Models> {
  const { model } = head;
  const { coarse, cropSize } = model.geometry;
  const runtime = { threads: config.threads, provider: config.provider };
  const open = (name: TargetGraphName) => openOnnxModel(compileTarget(model, name), runtime);
  const [engine, respond, sample, learn, multiply] = await shelf.put(
    createEngine(head, config),
    open('respond'),
    open('sample'),
    open('learn'),
    open('multiply'),
  );
  // other providers are faster with one large run than with several
  const joined = config.joined && config.engine === 'onnx' && respond.provider === 'cpu';
  const stopwatch = createStopwatch();
  const [networks] = await shelf.put(openNetworks(entry, model, engine, respond, joined, runtime, stopwatch));
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
    description: { engine: engine.name, device, reasons, threads: config.threads, lanes: 1, weights: head.sha256 },
    release: shelf.release,
  };
}

/** What is open and has to be released. */
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

async function createEngine(head: OpenHead, config: TrackerConfig): Promise<HeadEngine> {
  if (config.engine === 'onnx')
    return createOnnxEngine(head.model, { threads: config.threads, provider: config.provider });
  // loaded here only: who tracks with the compiled head never waits for TensorFlow
  const { createTfjsEngine } = await import('../ebm/engines/tfjs.js');
  const { openTensorflow } = await import('../runtime/tensorflow.js');
  return createTfjsEngine(await openTensorflow({ backend: config.backend, threads: config.threads }), head.model);
}
