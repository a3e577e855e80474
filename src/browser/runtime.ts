/** The only import of onnxruntime-web: which device computes, with how many threads, and models that become sessions there. */
import { messageOf, TrackerError } from '../errors.js';
import type { FloatTensor, OnnxModel } from '../platform.js';

/** The device that computes the networks: the graphics processor, or the processor by WebAssembly. */
export type Device = 'webgpu' | 'wasm';

/** The part of onnxruntime-web that is used, so that nobody needs its types. */
export interface OnnxRuntime {
  /** Settings that all sessions share; they are read when the first one opens. */
  readonly env: {
    /** Its messages in the console. */
    logLevel?: string;
    /** Settings of WebAssembly. */
    wasm: {
      /** Threads of the networks. */
      numThreads?: number;
      /** Place of its files. */
      wasmPaths?:
        | string
        | {
            /** Address of the WebAssembly. */
            wasm?: string | URL;
            /** Address of its script. */
            mjs?: string | URL;
          };
    };
  };
  /** Makes a session of a model. */
  readonly InferenceSession: {
    /** Opens a model. */
    create(model: Uint8Array, options: object): Promise<OnnxSession>;
  };
  /** Class of tensors. */
  readonly Tensor: TensorClass;
}

/** Class of tensors. */
export interface TensorClass {
  /** Makes a tensor. */
  new (type: 'float32', data: Float32Array, dims: readonly number[]): object;
}

/** A tensor that a run gave. */
export interface OnnxOutput {
  /** Its values, in a typed array. */
  readonly data: unknown;
  /** Its extents. */
  readonly dims: readonly number[];
  /** Name of the values' type. */
  readonly type: string;
}

/** A model that is open. */
export interface OnnxSession {
  /** Names of the graph's inputs. */
  readonly inputNames: readonly string[];
  /** Names of the graph's outputs. */
  readonly outputNames: readonly string[];
  /** Runs the graph. */
  run(feeds: Record<string, object>, wanted: readonly string[]): Promise<Record<string, OnnxOutput>>;
  /** Frees the session. */
  release(): Promise<void>;
}

/** The settings of a runtime. */
export interface RuntimeOptions {
  readonly device: Device;
  /** Left out: one for two cores, four at most. */
  readonly threads?: number | undefined;
  /** Folder of the .wasm file; left out: beside the script of onnxruntime-web. */
  readonly wasm?: string | undefined;
  /** Left out: imported. */
  readonly onnxruntime?: OnnxRuntime | undefined;
}

/** A runtime whose settings are made. */
export interface BrowserRuntime {
  readonly device: Device;
  readonly threads: number;
  /** Why so many threads: one sentence. */
  readonly reason: string;
  openModel(model: Uint8Array, name: string): Promise<OnnxModel>;
}

/** The part of a browser's WebGPU that is asked. */
interface Gpu {
  requestAdapter(): Promise<GpuAdapter | null>;
}
interface GpuAdapter {
  readonly info?: { readonly vendor?: string; readonly architecture?: string; readonly isFallbackAdapter?: boolean };
  readonly isFallbackAdapter?: boolean;
}

/** Looks for a graphics processor that computes, and gives one sentence that says why or why not. */
export async function lookForGpu(
  gpu = (globalThis.navigator as { gpu?: Gpu } | undefined)?.gpu,
): Promise<{ readonly found: boolean; readonly reason: string }> {
  if (!gpu) return { found: false, reason: 'webgpu: this browser has none, or gives none to this page' };
  try {
    const adapter = await gpu.requestAdapter();
    if (!adapter) return { found: false, reason: 'webgpu: the browser has no adapter for this graphics processor' };
    if (adapter.isFallbackAdapter ?? adapter.info?.isFallbackAdapter)
      return { found: false, reason: 'webgpu: the adapter is computed by the processor' };
    const name = [adapter.info?.vendor, adapter.info?.architecture].filter(Boolean).join(' ') || 'a graphics processor';
    return { found: true, reason: `webgpu: ${name}` };
  } catch (error) {
    return { found: false, reason: `webgpu: ${messageOf(error)}` };
  }
}

/** As the runtime chooses by itself: threads wait for each other by spinning, and a page that plays a video needs cores, too. */
const MOST_THREADS = 4;
const WASM_FILE = { wasm: 'ort-wasm-simd-threaded.wasm', webgpu: 'ort-wasm-simd-threaded.asyncify.wasm' } as const;

/** @throws TrackerError RUNTIME_UNAVAILABLE where onnxruntime-web does not load */
export async function openRuntime(options: RuntimeOptions): Promise<BrowserRuntime> {
  const { device, wasm } = options;
  const runtime = options.onnxruntime ?? (await importRuntime(device));
  const { env } = runtime;
  env.logLevel = 'fatal';
  if (wasm !== undefined) env.wasm.wasmPaths = { wasm: new URL(WASM_FILE[device], wasm).href };
  const { threads, reason } = chooseThreads(options.threads, env.wasm.numThreads);
  env.wasm.numThreads = threads;
  // the runtime opens and runs one after the other; with WebGPU it refuses what comes meanwhile
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(action: () => Promise<T>): Promise<T> => {
    const next = last.then(action, action);
    last = next;
    return next;
  };
  return {
    device,
    threads,
    reason,
    openModel: async (model, name) => {
      const session = await inTurn(() => createSession(runtime, model, device, name));
      return wrapSession(runtime, session, device, name, inTurn);
    },
  };
}

/** @param set what the runtime has been told before: it does not change its mind */
function chooseThreads(wanted: number | undefined, set: number | undefined): { threads: number; reason: string } {
  if (!globalThis.crossOriginIsolated) {
    const lacks = 'its server does not send Cross-Origin-Opener-Policy: same-origin and -Embedder-Policy: require-corp';
    return { threads: 1, reason: `threads: 1, since the page is not isolated (${lacks})` };
  }
  if (set !== undefined && set > 0) return { threads: set, reason: `threads: ${set}, as set before on this page` };
  if (wanted !== undefined) return { threads: wanted, reason: `threads: ${wanted}, as asked for` };
  const cores = globalThis.navigator?.hardwareConcurrency ?? 1;
  return {
    threads: Math.min(MOST_THREADS, Math.ceil(cores / 2)),
    reason: `threads: the page is isolated, on ${cores} cores`,
  };
}

async function importRuntime(device: Device): Promise<OnnxRuntime> {
  try {
    const runtime: unknown = await (device === 'webgpu'
      ? import('onnxruntime-web/webgpu')
      : import('onnxruntime-web/wasm'));
    return runtime as OnnxRuntime;
  } catch (cause) {
    throw new TrackerError('RUNTIME_UNAVAILABLE', `onnxruntime-web does not load: ${messageOf(cause)}`, {
      hint: 'npm install onnxruntime-web@1.30.0, and let a bundler or an import map find it (docs/browser.md)',
      cause,
    });
  }
}

const FATAL = 4;
/** How the runtime begins its message where its own files do not load. */
const NO_BACKEND = 'no available backend found';

async function createSession(
  runtime: OnnxRuntime,
  model: Uint8Array,
  device: Device,
  name: string,
): Promise<OnnxSession> {
  try {
    return await runtime.InferenceSession.create(model, {
      executionProviders: [device],
      graphOptimizationLevel: 'all',
      executionMode: 'sequential',
      logSeverityLevel: FATAL,
    });
  } catch (cause) {
    const found = messageOf(cause);
    if (found.includes(NO_BACKEND))
      throw new TrackerError('RUNTIME_UNAVAILABLE', `onnxruntime-web does not start on ${device}: ${found}`, {
        hint: `serve ${WASM_FILE[device]} beside the script of onnxruntime-web, or say with \`wasm\` in which folder it is`,
        cause,
      });
    throw new TrackerError(
      'MODEL_INVALID',
      `${name}: expected an ONNX model that loads on ${device}, found: ${found}`,
      {
        hint: 'compare the file with the one that ships; or use device wasm',
        cause,
      },
    );
  }
}

function wrapSession(
  runtime: OnnxRuntime,
  session: OnnxSession,
  device: Device,
  name: string,
  inTurn: <T>(action: () => Promise<T>) => Promise<T>,
): OnnxModel {
  const { inputNames, outputNames } = session;
  let released = false;
  return {
    inputNames,
    outputNames,
    // to the tracker WebAssembly is a CPU: it gets one joined graph there
    provider: device === 'wasm' ? 'cpu' : 'webgpu',
    reasons: [],
    async run(feeds, wanted = outputNames) {
      const tensors = Object.entries(feeds).map(
        ([key, { data, dims }]) => [key, new runtime.Tensor('float32', data, dims)] as const,
      );
      const results = await inTurn(() => session.run(Object.fromEntries(tensors), wanted)).catch((cause: unknown) => {
        const given = Object.entries(feeds).map(([key, { dims }]) => `${key} [${dims.join(', ')}]`);
        const expected = `expected inputs ${inputNames.join(', ')}`;
        throw invalidRun(name, `run failed with ${given.join(', ')}, ${expected}: ${messageOf(cause)}`, cause);
      });
      return floatTensors(results, name);
    },
    async release() {
      if (released) return;
      released = true;
      await inTurn(() => session.release());
    },
  };
}

function floatTensors(results: Awaited<ReturnType<OnnxSession['run']>>, name: string): Record<string, FloatTensor> {
  return Object.fromEntries(
    Object.entries(results).map(([key, { data, dims, type }]) => {
      if (data instanceof Float32Array) return [key, { data, dims }];
      throw invalidRun(name, `output ${key} is ${type}, expected float32`);
    }),
  );
}

function invalidRun(name: string, what: string, cause?: unknown): TrackerError {
  const hint = 'compare the names, types and shapes with the model; for a backbone they stand in the manifest';
  return new TrackerError('MODEL_INVALID', `${name}: ${what}`, { hint, cause });
}
