import { expect, it, vi } from 'vitest';
import { lookForGpu, openRuntime, type OnnxRuntime } from '../../src/browser/runtime.js';

class Tensor {
  constructor(
    readonly type: string,
    readonly data: Float32Array,
    readonly dims: readonly number[],
  ) {}
}

/** Gives back what it is fed. */
function standIn(create?: () => Promise<never>): OnnxRuntime {
  const session = {
    inputNames: ['x'],
    outputNames: ['x'],
    run: async (feeds: Record<string, object>) => feeds as Record<string, Tensor>,
    release: vi.fn(async () => undefined),
  };
  return { env: { wasm: {} }, Tensor, InferenceSession: { create: create ?? (async () => session) } };
}

it.each([
  [undefined, false, /this browser has none/],
  [{ requestAdapter: async () => null }, false, /no adapter/],
  [{ requestAdapter: async () => ({ info: { isFallbackAdapter: true } }) }, false, /computed by the processor/],
  [{ requestAdapter: () => Promise.reject(new Error('lost')) }, false, /lost/],
  [{ requestAdapter: async () => ({ info: { vendor: 'maker', architecture: 'new' } }) }, true, /^webgpu: maker new$/],
])('says whether there is a graphics processor: %#', async (gpu, found, reason) => {
  vi.stubGlobal('navigator', {});
  expect(await lookForGpu(gpu)).toEqual({ found, reason: expect.stringMatching(reason) });
  vi.unstubAllGlobals();
});

it('has one thread where the page is not isolated, else as many as asked for or as there are, and keeps to what was set', async () => {
  const threadsOf = async (isolated: boolean, threads?: number, onnxruntime = standIn()) => {
    vi.stubGlobal('crossOriginIsolated', isolated);
    vi.stubGlobal('navigator', { hardwareConcurrency: 16 });
    const runtime = await openRuntime({ device: 'wasm', threads, onnxruntime });
    vi.unstubAllGlobals();
    expect(onnxruntime.env.wasm.numThreads).toBe(runtime.threads);
    return runtime.threads;
  };
  expect([await threadsOf(false, 3), await threadsOf(true, 3), await threadsOf(true)]).toEqual([1, 3, 4]);
  const shared = standIn();
  expect([await threadsOf(true, 2, shared), await threadsOf(true, 3, shared)]).toEqual([2, 2]);
});

it('finds the .wasm file in the folder that is named', async () => {
  const onnxruntime = standIn();
  await openRuntime({ device: 'webgpu', wasm: 'https://example.com/ort/', onnxruntime });
  expect(onnxruntime.env.wasm.wasmPaths).toEqual({
    wasm: 'https://example.com/ort/ort-wasm-simd-threaded.asyncify.wasm',
  });
});

it('tells files of the runtime that are not there from a model that does not load', async () => {
  const codeOf = async (message: string) => {
    const onnxruntime = standIn(() => Promise.reject(new Error(message)));
    const runtime = await openRuntime({ device: 'wasm', onnxruntime });
    return runtime.openModel(new Uint8Array(), 'model').catch((error: { code: string }) => error.code);
  };
  expect(await codeOf('no available backend found. ERR: [wasm] 404')).toBe('RUNTIME_UNAVAILABLE');
  expect(await codeOf('protobuf parsing failed')).toBe('MODEL_INVALID');
});

it('runs a graph, and frees it once', async () => {
  const runtime = await openRuntime({ device: 'wasm', onnxruntime: standIn() });
  const model = await runtime.openModel(new Uint8Array(), 'model');
  const data = new Float32Array([1, 2]);
  expect(await model.run({ x: { data, dims: [2] } })).toEqual({ x: { data, dims: [2] } });
  await model.release();
  await model.release();
});
