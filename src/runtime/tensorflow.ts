/** The only choice of a TensorFlow.js backend: tries them from the fastest to the slowest and tells why. */
import { createRequire } from 'node:module';
import path from 'node:path';
import nodeUtil from 'node:util';
import type * as TensorflowCore from '@tensorflow/tfjs-core';
import { TENSORFLOW_BACKENDS } from '../config.js';
import { messageOf, TrackerError } from '../errors.js';
import { cacheDirectory, createNativeBackend, REMOVED_UTILS } from './native-backend.js';
import { NATIVE_TENSORFLOW_HINT, type NativeBinding } from './native-binding.js';
import { registerGradients } from './tensorflow-gradients.js';
import { replaceSlowKernels } from './wasm-kernels.js';

export type TensorflowBackend = (typeof TENSORFLOW_BACKENDS)[number];

export interface TensorflowOptions {
  /** Default auto: the first that opens. */
  readonly backend?: TensorflowBackend | 'auto';
  /** Threads inside one operation, 1 to 127; default one a core. wasm and cpu always have one. The first opening of a process counts. */
  readonly threads?: number;
}

export interface Tensorflow {
  /** tfjs-core with all gradients and chained operations registered. */
  readonly tf: typeof TensorflowCore;
  readonly backend: TensorflowBackend;
  /** Why this one. */
  readonly reason: string;
  /** The ones passed over. */
  readonly tried: readonly { readonly backend: TensorflowBackend; readonly reason: string }[];
  /** Name and version of the backend, for reports: "TensorFlow 2.15.1 on CPU, 2 thread(s)". */
  readonly version: string;
}

/** Name under which tfjs-node's kernels, and so the first three, are registered. */
const TENSORFLOW = 'tensorflow';

type Core = typeof TensorflowCore;

/** The backend of tfjs-node, over its own binding or ours. */
interface NodeBackend {
  readonly binding: Partial<NativeBinding>;
  readonly isGPUPackage: boolean;
  readonly isUsingGpuDevice: boolean;
}

/**
 * Opens TensorFlow.js and makes its backend the current one. Tensors, like the backend, belong to the whole process: open once.
 * @throws TrackerError OPTION_INVALID for an unknown backend or number of threads; TENSORFLOW_UNAVAILABLE when none opens
 */
export async function openTensorflow(options: TensorflowOptions = {}): Promise<Tensorflow> {
  const candidates = candidatesOf(options.backend ?? 'auto');
  checkThreads(options.threads);
  const tf = await import('@tensorflow/tfjs-core');
  const opened = await openFirst(tf, candidates, options.threads);
  await registerGradients(tf); // after the opening: tfjs-node registers tfjs-core's own
  return { tf, ...opened };
}

async function openFirst(
  tf: Core,
  candidates: readonly TensorflowBackend[],
  threads: number | undefined,
): Promise<Omit<Tensorflow, 'tf'>> {
  const tried: { backend: TensorflowBackend; reason: string }[] = [];
  for (const backend of candidates) {
    try {
      const version = await OPENERS[backend](tf, threads);
      return { backend, reason: reasonFor(backend, candidates, tried.length), tried, version };
    } catch (error) {
      tried.push({ backend, reason: messageOf(error) });
    }
  }
  const list = tried.map(({ backend, reason }) => `${backend}: ${reason}`).join('; ');
  throw new TrackerError('TENSORFLOW_UNAVAILABLE', `TensorFlow.js: no backend opens (${list})`, {
    hint: `${NATIVE_TENSORFLOW_HINT}; or choose the backend wasm`,
  });
}

function candidatesOf(wanted: string): readonly TensorflowBackend[] {
  if (wanted === 'auto') return TENSORFLOW_BACKENDS;
  const backend = TENSORFLOW_BACKENDS.find((name) => name === wanted);
  if (backend) return [backend];
  throw new TrackerError('OPTION_INVALID', `TensorFlow.js backend: found "${wanted}"`, {
    hint: `one of auto, ${TENSORFLOW_BACKENDS.join(', ')}`,
  });
}

function checkThreads(threads: number | undefined): void {
  if (threads === undefined || (Number.isInteger(threads) && threads >= 1 && threads <= 127)) return;
  throw new TrackerError(
    'OPTION_INVALID',
    `TensorFlow.js threads: found ${threads}, expected a whole number from 1 to 127`,
    {
      hint: 'leave it out for one thread a core',
    },
  );
}

function reasonFor(backend: TensorflowBackend, candidates: readonly TensorflowBackend[], passedOver: number): string {
  if (candidates.length === 1) return 'asked for';
  return passedOver === 0 ? `${backend} opened, the first choice` : `${backend} opened, the first that did`;
}

/** Opens one backend, makes it current, and tells its version. Throws the reason when it cannot. */
type Opener = (tf: Core, threads: number | undefined) => Promise<string>;

const OPENERS: Readonly<Record<TensorflowBackend, Opener>> = {
  'node-gpu': (tf, threads) => openTfjsNode(tf, 'node-gpu', threads),
  node: (tf, threads) => openTfjsNode(tf, 'node', threads),
  native: openNative,
  wasm: openWasm,
  cpu: openCpu,
};

/** Which of the three that share a name is open in this process, if any. */
function openUnderSharedName(tf: Core): { backend: TensorflowBackend; version: string } | undefined {
  const open = tf.findBackend(TENSORFLOW) as unknown as NodeBackend | null;
  if (open === null) return undefined;
  const { binding } = open;
  const backend = binding.native ? 'native' : open.isGPUPackage ? 'node-gpu' : 'node';
  const threads = binding.threads === undefined ? '' : `, ${binding.threads} thread(s)`;
  const device = open.isUsingGpuDevice ? 'GPU' : 'CPU';
  return { backend, version: `TensorFlow ${binding.TF_Version} on ${device}${threads}` };
}

/** Makes the shared name current. @returns its version, or undefined when nothing is open under it */
async function reuse(tf: Core, wanted: TensorflowBackend): Promise<string | undefined> {
  const open = openUnderSharedName(tf);
  if (open === undefined) return undefined;
  if (open.backend !== wanted) throw new Error(`this process already runs TensorFlow by ${open.backend}`);
  await tf.setBackend(TENSORFLOW);
  return open.version;
}

async function openTfjsNode(tf: Core, backend: 'node' | 'node-gpu', threads: number | undefined): Promise<string> {
  const known = await reuse(tf, backend);
  if (known !== undefined) return known;
  if (threads !== undefined) process.env['TF_NUM_INTRAOP_THREADS'] ??= String(threads);
  prepareEnvironment();
  const util = nodeUtil as Record<string, unknown>;
  for (const [name, value] of Object.entries(REMOVED_UTILS)) util[name] ??= value;
  const packageName = `@tensorflow/tfjs-${backend}`;
  await import(packageName);
  const open = openUnderSharedName(tf);
  if (open === undefined) throw new Error(`${packageName} has a tfjs-core of its own; the versions must be the same`);
  await tf.setBackend(TENSORFLOW);
  return open.version;
}

async function openNative(tf: Core, threads: number | undefined): Promise<string> {
  const known = await reuse(tf, 'native');
  if (known !== undefined) return known;
  prepareEnvironment();
  const backend = await createNativeBackend(cacheDirectory(), threads);
  tf.registerBackend(TENSORFLOW, () => backend, 3);
  await tf.setBackend(TENSORFLOW);
  return openUnderSharedName(tf)!.version;
}

/** Settings that TensorFlow reads once, when its library is loaded. The user's own win. */
function prepareEnvironment(): void {
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '1'; // no report of the processor's features
  // TensorFlow turns oneDNN on only for processors with AVX-512 VNNI, but with AVX2 too its matMul is 4 times as fast.
  process.env['TF_ENABLE_ONEDNN_OPTS'] ??= '1';
}

async function openWasm(tf: Core): Promise<string> {
  const wasm = await import('@tensorflow/tfjs-backend-wasm');
  const main = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm');
  wasm.setWasmPaths(path.dirname(main) + path.sep);
  const known = tf.findBackend('wasm') !== null;
  if (!(await tf.setBackend('wasm'))) throw new Error('WebAssembly did not start');
  if (!known) replaceSlowKernels(tf);
  return `tfjs-backend-wasm ${wasm.version_wasm}`;
}

async function openCpu(tf: Core): Promise<string> {
  const cpu = await import('@tensorflow/tfjs-backend-cpu');
  if (!(await tf.setBackend('cpu'))) throw new Error('the plain JavaScript backend did not start');
  return `tfjs-backend-cpu ${cpu.version_cpu}`;
}
