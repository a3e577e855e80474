/** All that trackers compute with, opened together: networks, head, target model. Several objects may share it. */
import type { TrackerConfig } from '../config.js';
import { createOnnxEngine } from '../ebm/engines/onnx.js';
import type { HeadEngine } from '../ebm/head.js';
import type { LoadedHead, TargetGraphName } from '../ebm/load.js';
import { findBackbone, loadManifest } from '../features/manifest.js';
import { openOnnxModel } from '../runtime/onnx.js';
import { createTargetModel } from '../target/classifier.js';
import type { Beginning } from './begin.js';
import { createCropper, type Looking } from './look.js';
import { openNetworks } from './networks.js';
import { openHead } from './open-head.js';
import { createStopwatch } from './stopwatch.js';
import type { TrackerDescription } from './types.js';

export interface Models extends Looking, Omit<Beginning, 'networks'> {
  readonly config: TrackerConfig;
  readonly head: LoadedHead;
  readonly engine: HeadEngine;
  readonly description: TrackerDescription;
  release(): Promise<void>;
}

/** @throws TrackerError MODEL_MISSING, MODEL_INVALID, RUNTIME_UNAVAILABLE */
export async function openModels(config: TrackerConfig): Promise<Models> {
  const manifest = await loadManifest(config.manifest);
  const head = await openHead(manifest, config.head);
  const { model } = head;
  const runtime = { threads: config.threads, provider: config.provider };
  const open = async (name: TargetGraphName) => openOnnxModel(await head.graph(name), runtime);
  const entry = await findBackbone(manifest, head.backbone, config.precision);
  const [engine, respond, sample, learn, multiply] = await Promise.all([
    createEngine(head, config),
    open('respond'),
    open('sample'),
    open('learn'),
    open('multiply'),
  ]);
  const graphs = { respond, sample, learn, multiply };
  // other providers are faster with one large run than with several
  const joined = config.joined && config.engine === 'onnx' && respond.provider === 'cpu';
  const stopwatch = createStopwatch();
  const networks = await openNetworks(entry, head, engine, respond, joined, runtime, stopwatch);
  const { provider: device, reasons } = networks;
  return {
    config,
    model,
    head,
    engine,
    networks,
    stopwatch,
    cropper: createCropper(model.geometry.cropSize, entry),
    createTargetModel: (samples, random) =>
      createTargetModel(graphs, samples, model.geometry.coarse, config.target, random),
    description: { engine: engine.name, device, reasons, threads: config.threads, lanes: 1, weights: head.sha256 },
    async release() {
      await Promise.all([networks, engine, ...Object.values(graphs)].map((opened) => opened.release()));
    },
  };
}

async function createEngine(head: LoadedHead, config: TrackerConfig): Promise<HeadEngine> {
  if (config.engine === 'onnx') return createOnnxEngine(head, { threads: config.threads, provider: config.provider });
  // loaded here only: who tracks with the compiled head never waits for TensorFlow
  const { createTfjsEngine } = await import('../ebm/engines/tfjs.js');
  const { openTensorflow } = await import('../runtime/tensorflow.js');
  return createTfjsEngine(await openTensorflow({ backend: config.backend, threads: config.threads }), head.model);
}
