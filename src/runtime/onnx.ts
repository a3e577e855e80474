/** The only import of onnxruntime-node: a model file becomes a session that runs float tensors. */
import { stat } from 'node:fs/promises';
import type { InferenceSession } from 'onnxruntime-node';
import { messageOf, TrackerError } from '../errors.js';
import type { FloatTensor, OnnxModel, OnnxOptions, OnnxProvider } from '../platform.js';
import { doesNotLoad } from './native-package.js';

export type { FloatTensor, OnnxModel, OnnxOptions } from '../platform.js';

type Runtime = typeof import('onnxruntime-node');

/**
 * @param model a file, or the bytes of one
 * @throws TrackerError MODEL_MISSING (no such file), MODEL_INVALID (not an ONNX model that loads), RUNTIME_UNAVAILABLE
 *   (no onnxruntime-node, or the provider asked for does not load)
 */
export async function openOnnxModel(model: string | Uint8Array, options: OnnxOptions): Promise<OnnxModel> {
  if (typeof model === 'string') await checkModelFile(model);
  const runtime = await importRuntime();
  const { session, provider, reasons } = await openSession(runtime, model, options);
  return wrapSession(runtime, session, provider, reasons, typeof model === 'string' ? model : 'a model in memory');
}

async function checkModelFile(file: string): Promise<void> {
  const found = await stat(file).catch(() => undefined);
  if (found?.isFile()) return;
  throw new TrackerError(
    'MODEL_MISSING',
    `model ${file}: found ${found ? 'a folder' : 'nothing'}, expected an ONNX file`,
    {
      hint: 'check the path; the files that ship lie in models/ (npx tsx tools/build-backbone.ts builds the backbone again)',
    },
  );
}

/**
 * Official builds since 1.29 report to their maker over the network, and leave files in the folder for temporary ones; it has to be said
 * before they are loaded (onnxruntime PR#27379). ORT_DISABLE_TELEMETRY=0 lets them.
 */
async function importRuntime(): Promise<Runtime> {
  process.env['ORT_DISABLE_TELEMETRY'] ??= '1';
  try {
    const runtime = await import('onnxruntime-node');
    // Errors come back as exceptions; the library would print them as well, above all that CUDA is not there.
    runtime.env.logLevel = 'fatal';
    return runtime;
  } catch (cause) {
    throw doesNotLoad(
      {
        name: 'onnxruntime-node',
        purpose: 'computes the networks',
        builds: 'Linux and Windows on x64 and arm64, and macOS on arm64',
      },
      cause,
    );
  }
}

interface OpenSession {
  session: InferenceSession;
  provider: OnnxProvider;
  reasons: string[];
}

async function openSession(runtime: Runtime, model: string | Uint8Array, options: OnnxOptions): Promise<OpenSession> {
  const wanted = options.provider ?? 'auto';
  const reasons: string[] = [];
  if (wanted === 'auto') {
    const session = await tryCuda(runtime, model, options.threads, reasons);
    if (session) return { session, provider: 'cuda', reasons };
  } else if (wanted !== 'cpu') {
    const session = await createSession(runtime, model, wanted, options.threads).catch((cause: unknown) =>
      refuseProvider(wanted, cause),
    );
    return { session, provider: wanted, reasons: [`${wanted}: asked for by name, and it loads`] };
  }
  reasons.push(wanted === 'cpu' ? 'cpu: asked for by name' : 'cpu: always there');
  try {
    return { session: await createSession(runtime, model, 'cpu', options.threads), provider: 'cpu', reasons };
  } catch (cause) {
    const name = typeof model === 'string' ? `model ${model}` : `model in memory (${model.length} bytes)`;
    throw new TrackerError('MODEL_INVALID', `${name}: expected an ONNX model that loads, found: ${messageOf(cause)}`, {
      hint: 'fetch or build the file again; a Git LFS pointer or an interrupted download looks like this',
      cause,
    });
  }
}

/** CUDA when its libraries load; the reason either way goes to `reasons`. */
async function tryCuda(
  runtime: Runtime,
  model: string | Uint8Array,
  threads: number,
  reasons: string[],
): Promise<InferenceSession | undefined> {
  const known = runtime.listSupportedBackends().some((backend) => backend.name === 'cuda');
  if (!known) {
    reasons.push(`cuda: this build of onnxruntime-node (${process.platform} ${process.arch}) has none`);
    return undefined;
  }
  try {
    const session = await createSession(runtime, model, 'cuda', threads);
    reasons.push('cuda: its libraries load');
    return session;
  } catch (error) {
    reasons.push(`cuda: ${firstLine(messageOf(error))}`);
    return undefined;
  }
}

function refuseProvider(provider: OnnxProvider, cause: unknown): never {
  const hint =
    provider === 'cuda' || provider === 'tensorrt'
      ? 'install CUDA 12 and cuDNN 9, then run: node node_modules/onnxruntime-node/script/install.js --onnxruntime-node-install=cuda12'
      : 'use provider auto or cpu';
  throw new TrackerError(
    'RUNTIME_UNAVAILABLE',
    `provider ${provider} was asked for and does not load: ${firstLine(messageOf(cause))}`,
    { hint, cause },
  );
}

const SPIN_MICROSECONDS = '50';

/** The same for a session's own messages. */
const FATAL = 4;

function createSession(
  runtime: Runtime,
  model: string | Uint8Array,
  provider: OnnxProvider,
  threads: number,
): Promise<InferenceSession> {
  const options: InferenceSession.SessionOptions = {
    executionProviders: [provider],
    graphOptimizationLevel: 'all',
    executionMode: 'sequential',
    intraOpNumThreads: threads,
    // Threads that wait for work spin for a moment, since waking them takes as long; any longer, after a run, they take the cores from the next
    // session: two that alternated took twice as long.
    extra: { session: { intra_op: { allow_spinning: '1', spin_duration_us: SPIN_MICROSECONDS } } },
    interOpNumThreads: 1,
    logSeverityLevel: FATAL,
  };
  // one overload takes a path, the other bytes: the call is the same
  return typeof model === 'string'
    ? runtime.InferenceSession.create(model, options)
    : runtime.InferenceSession.create(model, options);
}

function wrapSession(
  runtime: Runtime,
  session: InferenceSession,
  provider: OnnxProvider,
  reasons: readonly string[],
  name: string,
): OnnxModel {
  let released = false;
  return {
    inputNames: session.inputNames,
    outputNames: session.outputNames,
    provider,
    reasons,
    async run(feeds, wanted = session.outputNames) {
      try {
        return floatTensors(await session.run(toOrt(runtime, feeds), wanted), name);
      } catch (cause) {
        throw cause instanceof TrackerError ? cause : runFailure(name, session, feeds, cause);
      }
    },
    async release() {
      if (released) return;
      released = true;
      await session.release();
    },
  };
}

type Feeds = Readonly<Record<string, FloatTensor>>;

function toOrt(runtime: Runtime, feeds: Feeds): InferenceSession.FeedsType {
  return Object.fromEntries(
    Object.entries(feeds).map(([key, { data, dims }]) => [key, new runtime.Tensor('float32', data, dims)]),
  );
}

function runFailure(name: string, session: InferenceSession, feeds: Feeds, cause: unknown): TrackerError {
  const given = Object.entries(feeds).map(
    ([key, { data, dims }]) => `${key} [${dims.join(', ')}] of ${data.length} values`,
  );
  return new TrackerError(
    'MODEL_INVALID',
    `${name}: run failed with ${given.join(', ')}, expected inputs ${session.inputNames.join(', ')}: ${messageOf(cause)}`,
    { hint: 'compare the names and shapes with the model; for a backbone they stand in the manifest', cause },
  );
}

function floatTensors(results: InferenceSession.ReturnType, name: string): Record<string, FloatTensor> {
  const tensors: Record<string, FloatTensor> = {};
  for (const [key, value] of Object.entries(results)) {
    if (!(value.data instanceof Float32Array)) {
      throw new TrackerError('MODEL_INVALID', `${name}: output ${key} is ${value.type}, expected float32`, {
        hint: 'export the model in float32, or end it with a Cast',
      });
    }
    tensors[key] = { data: value.data, dims: value.dims };
  }
  return tensors;
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]!;
}
