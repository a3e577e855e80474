/**
 * The seam between the tracker and the machine it runs on: all that the core asks of it. src/node/platform.ts answers for Node. The core
 * (src/core.ts and what it imports) knows nothing else of files, hashes, threads or the ONNX runtime.
 */
import type { TrackerConfig } from './config.js';

export interface Platform {
  /** Processor cores. */
  readonly cores: number;
  /** Manifest of the models that ship. */
  readonly manifest: string;
  /** The file `name` that stands in another file: relative to that one, as a name that opens from anywhere. */
  beside(file: string, name: string): string;
  /** All bytes of a file. @throws where it cannot be read */
  readFile(file: string): Promise<Uint8Array>;
  /** 64 lower-case hexadecimal digits. */
  sha256(bytes: Uint8Array): Promise<string>;
  /**
   * @param model a file, or the bytes of one
   * @throws TrackerError MODEL_MISSING (no such file), MODEL_INVALID (not an ONNX model that loads), RUNTIME_UNAVAILABLE
   */
  openModel(model: string | Uint8Array, options: OnnxOptions): Promise<OnnxModel>;
  /** True: a model copies what it is given, so that a single product with a large matrix is faster in loops. */
  readonly copiesInputs?: boolean;
  /** A thread that opens a group with these settings and serves it (tracker/lane.ts). Left out where there are no threads. */
  startLane?(config: TrackerConfig, events: LaneEvents): LaneThread;
}

/** A thread with a group of its own, from outside. */
export interface LaneThread {
  send(order: unknown): void;
  /** Keeps the program running while the thread runs, if `held`. */
  hold(held: boolean): void;
  stop(): Promise<void>;
}

export interface LaneEvents {
  answered(answer: unknown): void;
  /** No answer will come any more. */
  ended(why: string, cause?: unknown): void;
}

/** A dense tensor, rows last: data.length is the product of dims. */
export interface FloatTensor {
  readonly data: Float32Array;
  readonly dims: readonly number[];
}

export type OnnxProvider = 'cpu' | 'cuda' | 'tensorrt' | 'webgpu' | 'dml' | 'coreml';

export interface OnnxOptions {
  /** Threads inside one operator. */
  readonly threads: number;
  /**
   * auto (the default) = cuda where its libraries load, else cpu. A provider asked for by name is used or refused, never replaced:
   * a benchmark must not run on another device than it says.
   */
  readonly provider?: 'auto' | OnnxProvider;
}

/** Platform.openModel() with the options of one tracker. */
export type OpenModel = (model: string | Uint8Array) => Promise<OnnxModel>;

export interface OnnxModel {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /** The provider that won. */
  readonly provider: OnnxProvider;
  /** Why this one, and why the others lost: one sentence each, for `doctor`. */
  readonly reasons: readonly string[];
  /**
   * Runs the graph once. The returned arrays belong to the caller.
   * @param wanted names of the outputs that are returned; left out: all
   * @throws TrackerError MODEL_INVALID when names, shapes or types do not fit the graph
   */
  run(feeds: Readonly<Record<string, FloatTensor>>, wanted?: readonly string[]): Promise<Record<string, FloatTensor>>;
  /** Frees the session. Keep one for life: making and freeing sessions repeatedly leaks (onnxruntime#25325, #26831). */
  release(): Promise<void>;
}
