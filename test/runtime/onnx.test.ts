import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openOnnxModel } from '../../src/runtime/onnx.js';
import { GraphBuilder } from '../../src/io/onnx-graph.js';

/** y = 2 x + 1 */
function doubler(): Uint8Array {
  const graph = new GraphBuilder();
  const x = graph.input('x', ['n', 2]);
  graph.output('y', graph.op('Add', [graph.op('Mul', [x, graph.scalar(2)]), graph.scalar(1)]), ['n', 2]);
  return graph.toBytes();
}

describe('openOnnxModel', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'onnx-test-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('runs a model from memory and from a file', async () => {
    const file = path.join(folder, 'doubler.onnx');
    await writeFile(file, doubler());
    for (const source of [doubler(), file]) {
      const model = await openOnnxModel(source, { threads: 1 });
      expect(model.inputNames).toEqual(['x']);
      expect(model.outputNames).toEqual(['y']);
      const { y } = await model.run({ x: { data: Float32Array.of(1, 2, 3, 4), dims: [2, 2] } });
      expect(y?.dims).toEqual([2, 2]);
      expect([...y!.data]).toEqual([3, 5, 7, 9]);
      await model.release();
    }
  });

  it('keeps the library from reporting over the network', async () => {
    const model = await openOnnxModel(doubler(), { threads: 1, provider: 'cpu' });
    await model.release();
    expect(process.env['ORT_DISABLE_TELEMETRY']).toBe('1');
  });

  it('gives arrays that belong to the caller', async () => {
    const model = await openOnnxModel(doubler(), { threads: 1, provider: 'cpu' });
    const feeds = { x: { data: Float32Array.of(1, 2), dims: [1, 2] } };
    const first = (await model.run(feeds)).y!.data;
    first.fill(-1);
    const second = (await model.run(feeds)).y!.data;
    expect([...second]).toEqual([3, 5]);
    expect([...first]).toEqual([-1, -1]);
    expect([...feeds.x.data]).toEqual([1, 2]);
    await model.release();
  });

  it('releases once, however often it is asked', async () => {
    const model = await openOnnxModel(doubler(), { threads: 1, provider: 'cpu' });
    await model.release();
    await expect(model.release()).resolves.toBeUndefined();
  });

  it('says which provider won and what became of cuda', async () => {
    const model = await openOnnxModel(doubler(), { threads: 1, provider: 'auto' });
    expect(['cpu', 'cuda']).toContain(model.provider);
    expect(model.reasons.some((reason) => reason.startsWith('cuda: '))).toBe(true);
    expect(model.reasons.at(-1)).toMatch(new RegExp(`^${model.provider}: `));
    await model.release();
  });

  it('refuses a provider that does not load instead of taking another', async () => {
    // CoreML exists on macOS only, DirectML on Windows only
    const foreign = process.platform === 'darwin' ? 'dml' : 'coreml';
    await expect(openOnnxModel(doubler(), { threads: 1, provider: foreign })).rejects.toMatchObject({
      code: 'RUNTIME_UNAVAILABLE',
    });
  });

  it('tells a missing file from a broken one', async () => {
    const broken = path.join(folder, 'broken.onnx');
    await writeFile(broken, 'version https://git-lfs.github.com/spec/v1');
    const options = { threads: 1 };
    await expect(openOnnxModel(path.join(folder, 'none.onnx'), options)).rejects.toMatchObject({
      code: 'MODEL_MISSING',
    });
    await expect(openOnnxModel(folder, options)).rejects.toMatchObject({ code: 'MODEL_MISSING' });
    await expect(openOnnxModel(broken, options)).rejects.toMatchObject({ code: 'MODEL_INVALID' });
    await expect(openOnnxModel(new Uint8Array(64).fill(7), options)).rejects.toMatchObject({ code: 'MODEL_INVALID' });
  });

  it('refuses feeds and outputs that do not fit', async () => {
    const model = await openOnnxModel(doubler(), { threads: 1, provider: 'cpu' });
    const pair = Float32Array.of(1, 2);
    await expect(model.run({ other: { data: pair, dims: [1, 2] } })).rejects.toMatchObject({ code: 'MODEL_INVALID' });
    await expect(model.run({ x: { data: pair, dims: [2, 1] } })).rejects.toMatchObject({ code: 'MODEL_INVALID' });
    await expect(model.run({ x: { data: pair, dims: [3, 2] } })).rejects.toMatchObject({ code: 'MODEL_INVALID' });
    await model.release();
  });
});
