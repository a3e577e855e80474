/** Node as the platform of the tracker: files, threads, hashes, and the ONNX runtime. */
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { TrackerConfig } from '../config.js';
import { sha256Of } from '../hash.js';
import type { LaneEvents, LaneThread } from '../platform.js';
import { openOnnxModel } from '../runtime/onnx.js';
import type { TrackerPlatform } from '../tracker/models.js';

/** The manifest that ships: models/ lies beside src/ and dist/. */
export const DEFAULT_MANIFEST = fileURLToPath(new URL('../../models/manifest.json', import.meta.url));

export const nodePlatform: TrackerPlatform = {
  cores: availableParallelism(),
  manifest: DEFAULT_MANIFEST,
  beside: (file, name) => path.resolve(path.dirname(file), name),
  readFile: (file) => readFile(file),
  sha256: async (bytes) => sha256Of(bytes),
  openModel: openOnnxModel,
  startLane,
  async openTfjsEngine(model, { backend, threads }) {
    // loaded here only: who tracks with the compiled head never waits for TensorFlow
    const { createTfjsEngine } = await import('../ebm/engines/tfjs.js');
    const { openTensorflow } = await import('../runtime/tensorflow.js');
    return createTfjsEngine(await openTensorflow({ backend, threads }), model);
  },
};

function startLane(config: TrackerConfig, { answered, ended }: LaneEvents): LaneThread {
  const worker = startWorker(config);
  worker.on('message', answered);
  worker.on('error', (error) => ended(error.message, error));
  worker.on('exit', (code) => ended(`exit code ${code}`));
  return {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    send: (order) => worker.postMessage(order),
    hold: (held) => (held ? worker.ref() : worker.unref()),
    async stop() {
      await worker.terminate();
    },
  };
}

function startWorker(workerData: TrackerConfig): Worker {
  const extension = path.extname(fileURLToPath(import.meta.url));
  const script = new URL(`./lane${extension}`, import.meta.url);
  if (extension === '.js') return new Worker(script, { workerData });
  // from sources, as in tests and benchmarks, the thread needs the same loader, which Node does not hand on to threads
  const load = `import('tsx/esm/api').then(({ register }) => { register(); return import('${script.href}'); })`;
  return new Worker(load, { eval: true, workerData });
}
