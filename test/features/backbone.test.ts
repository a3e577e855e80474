import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BackboneEntry } from '../../src/features/manifest.js';
import { findBackbone, loadManifest, openBackbone } from '../../src/node/open.js';
import { createRandom } from '../../src/random.js';
import { openOnnxModel } from '../../src/runtime/onnx.js';
import { GraphBuilder } from '../../src/io/onnx-graph.js';

const OPTIONS = { threads: 1, provider: 'cpu' } as const;

/** Means of 2 x 2 pixels (3 channels), and of 4 x 4 (6: the negatives too), of an NHWC input. */
function meansModel(): Uint8Array {
  const graph = new GraphBuilder();
  const image = graph.op('Transpose', [graph.input('pixels', ['b', 'h', 'w', 3])], { perm: [0, 3, 1, 2] });
  const mean = (side: number) =>
    graph.op('AveragePool', [image], { kernel_shape: [side, side], strides: [side, side] });
  graph.output('a', mean(2), ['b', 3, 'h2', 'w2']);
  const coarse = mean(4);
  graph.output('b', graph.op('Concat', [coarse, graph.op('Neg', [coarse])], { axis: 1 }), ['b', 6, 'h4', 'w4']);
  return graph.toBytes();
}

describe('openBackbone', () => {
  let folder: string;
  let entry: BackboneEntry;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'backbone-test-'));
    const file = path.join(folder, 'means.onnx');
    await writeFile(file, meansModel());
    entry = {
      name: 'means',
      file,
      sha256: '0'.repeat(64),
      input: { name: 'pixels', layout: 'NHWC', colour: 'RGB', mean: [0, 0, 0], scale: [1, 1, 1] },
      fine: { output: 'a', stride: 2, channels: 3, offset: 1, deviation: [1, 2, 0] },
      coarse: { output: 'b', stride: 4, channels: 6, offset: 2, deviation: [1, 1, 1, 0.5, 0.5, 0.5] },
      origin: 'here',
      licence: 'MIT',
    };
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('gives both maps by role, each channel divided by its deviation, floored', async () => {
    const backbone = await openBackbone(entry, OPTIONS);
    // two 4 x 8 images of constant colour: (10, 20, 30) and (1, 2, 3)
    const data = Float32Array.from({ length: 2 * 4 * 8 * 3 }, (_, i) => ((i % 3) + 1) * (i < 96 ? 10 : 1));
    const { fine, coarse } = await backbone.extract({ data, dims: [2, 4, 8, 3] });
    expect(fine).toMatchObject({ batch: 2, channels: 3, height: 2, width: 4, stride: 2, offset: 1 });
    expect(coarse).toMatchObject({ batch: 2, channels: 6, height: 1, width: 2, stride: 4, offset: 2 });
    // the third deviation is 0 and counts as .01
    const planes = [10, 10, 3000, 1, 1, 300].flatMap((value) => Array.from({ length: 8 }, () => value));
    for (const [i, value] of planes.entries()) expect(fine.data[i]).toBeCloseTo(value, 2);
    const cells = [10, 20, 30, -20, -40, -60, 1, 2, 3, -2, -4, -6].flatMap((value) => [value, value]);
    expect([...coarse.data]).toEqual(cells);
    await backbone.release();
  });

  it('refuses an entry that does not describe the model', async () => {
    const wrong: BackboneEntry[] = [
      { ...entry, input: { ...entry.input, name: 'image' } },
      { ...entry, fine: { ...entry.fine, output: 'c' } },
    ];
    for (const other of wrong) {
      await expect(openBackbone(other, OPTIONS)).rejects.toMatchObject({ code: 'MODEL_INVALID' });
    }
    const miscounted = await openBackbone({ ...entry, fine: { ...entry.fine, channels: 4 } }, OPTIONS);
    const image = { data: new Float32Array(4 * 4 * 3), dims: [1, 4, 4, 3] };
    await expect(miscounted.extract(image)).rejects.toMatchObject({ code: 'MODEL_INVALID' });
    await miscounted.release();
  });

  it('runs the backbone that ships as its entry says, at any size, and the same twice', async () => {
    const shipped = await findBackbone(await loadManifest());
    const backbone = await openBackbone(shipped, OPTIONS);
    const random = createRandom(3);
    const data = Float32Array.from({ length: 3 * 96 * 128 }, () => 50 * random.normal());
    const first = await backbone.extract({ data, dims: [1, 3, 96, 128] });
    expect(first.fine).toMatchObject({ channels: 256, height: 12, width: 16, stride: 8, offset: shipped.fine.offset });
    expect(first.coarse).toMatchObject({
      channels: 512,
      height: 6,
      width: 8,
      stride: 16,
      offset: shipped.coarse.offset,
    });
    const second = await backbone.extract({ data, dims: [1, 3, 96, 128] });
    expect(Buffer.from(second.fine.data.buffer).equals(Buffer.from(first.fine.data.buffer))).toBe(true);

    const raw = await openOnnxModel(shipped.file, OPTIONS);
    const maps = await raw.run({ image: { data, dims: [1, 3, 96, 128] } });
    const channel = 17;
    const cell = channel * 12 * 16 + 100;
    const expected = maps['stride8']!.data[cell]! / shipped.fine.deviation[channel]!;
    expect(first.fine.data[cell]).toBeCloseTo(expected, 4);
    await raw.release();
    await backbone.release();
  });

  it('treats the crops of a batch separately', async () => {
    const backbone = await openBackbone(await findBackbone(await loadManifest()), OPTIONS);
    const random = createRandom(4);
    const data = Float32Array.from({ length: 2 * 3 * 64 * 64 }, () => 50 * random.normal());
    const both = await backbone.extract({ data, dims: [2, 3, 64, 64] });
    const second = await backbone.extract({ data: data.slice(data.length / 2), dims: [1, 3, 64, 64] });
    const half = both.coarse.data.slice(both.coarse.data.length / 2);
    expect(half.length).toBe(second.coarse.data.length);
    for (const [i, value] of second.coarse.data.entries()) expect(Math.abs(half[i]! - value)).toBeLessThan(1e-3);
    await backbone.release();
  });
});
