import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Backbone } from '../../src/features/backbone.js';
import type { BackboneEntry } from '../../src/features/manifest.js';
import { openBackbone } from '../../src/node/open.js';
import { createRandom } from '../../src/random.js';
import { measureDeviation, measureOffsets, withoutDeviation } from '../../tools/lib/measure-backbone.js';
import { GraphBuilder } from '../../src/io/onnx-graph.js';

/** Cells whose centres are known: each is the mean of `width` pixels from 8 i (or 16 i) on, so it looks at 8 i + width / 2. */
async function knownBackbone(folder: string): Promise<Backbone> {
  const graph = new GraphBuilder();
  const pixels = graph.input('pixels', ['b', 3, 'h', 'w']);
  const mean = (width: number, stride: number) =>
    graph.op('AveragePool', [pixels], { kernel_shape: [width, width], strides: [stride, stride] });
  graph.output('fine', mean(6, 8), ['b', 3, 'h8', 'w8']);
  graph.output('coarse', mean(10, 16), ['b', 3, 'h16', 'w16']);
  const file = path.join(folder, 'known.onnx');
  await writeFile(file, graph.toBytes());
  const entry: BackboneEntry = {
    name: 'known',
    file,
    sha256: '0'.repeat(64),
    input: { name: 'pixels', layout: 'NCHW', colour: 'BGR', mean: [100, 110, 120], scale: [0.5, 0.5, 0.5] },
    // what is written here must not matter to the measurement
    fine: { output: 'fine', stride: 8, channels: 3, offset: 0, deviation: [2, 2, 2] },
    coarse: { output: 'coarse', stride: 16, channels: 3, offset: 0, deviation: [3, 3, 3] },
    origin: 'here',
    licence: 'MIT',
  };
  return openBackbone(entry, { threads: 1, provider: 'cpu' });
}

/** Smooth waves of many lengths: a picture without an axis of symmetry. */
function waves(seed: number, side: number) {
  const random = createRandom(seed);
  const parts = Array.from({ length: 12 }, () => ({
    x: 0.08 * random.normal(),
    y: 0.08 * random.normal(),
    phase: 6 * random.uniform(),
    channel: random.integer(3),
  }));
  const data = new Uint8Array(side * side * 3);
  for (let i = 0; i < data.length; i++) {
    const pixel = Math.floor(i / 3);
    let value = 128;
    for (const part of parts) {
      if (part.channel === i % 3)
        value += 25 * Math.sin(part.x * (pixel % side) + part.y * Math.floor(pixel / side) + part.phase);
    }
    data[i] = value;
  }
  return { data, width: side, height: side };
}

describe('measuring a backbone', () => {
  let folder: string;
  let backbone: Backbone;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'measure-test-'));
    backbone = await knownBackbone(folder);
  });
  afterAll(async () => {
    await backbone.release();
    await rm(folder, { recursive: true });
  });

  it('finds where cells look, on both axes of both maps', async () => {
    const measured = await measureOffsets(backbone, [waves(1, 256), waves(2, 256), waves(3, 256)], 192);
    expect(measured).toHaveLength(4);
    for (const { role, offset, mismatch } of measured) {
      expect(Math.abs(offset - (role === 'fine' ? 3 : 5))).toBeLessThan(0.15);
      expect(mismatch).toBeLessThan(0.01);
    }
  });

  it('gives the raw deviation of each channel over all crops', async () => {
    // flat crops: the maps are flat as well, and the deviation is that of the three levels
    const crops = [
      [10, 20, 30],
      [10, 40, 60],
      [10, 60, 120],
    ].map((rgb) => Float32Array.from({ length: 64 * 64 * 3 }, (_, i) => rgb[i % 3]!));
    const raw = await openBackbone(withoutDeviation(backbone.entry), { threads: 1, provider: 'cpu' });
    const { fine, coarse } = await measureDeviation(raw, crops, 64);
    // BGR order, scale .5; blue 30, 60, 120 and green 20, 40, 60
    const expected = [0.5 * Math.sqrt(1400), 0.5 * Math.sqrt(800 / 3), 0];
    for (const map of [fine, coarse]) {
      for (const [channel, value] of expected.entries()) expect(map[channel]).toBeCloseTo(value, 3);
    }
    await raw.release();
  });
});

describe('tools/build-backbone.ts', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'build-test-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it.each([
    ['a wheel that is another one', ['--wheel', 'other.whl'], 'MODEL_INVALID', 1],
    ['taps that the tracker could not use', ['--taps', '4,16'], 'OPTION_INVALID', 2],
  ])('refuses %s', async (_what, options, code, exitCode) => {
    await writeFile(path.join(folder, 'other.whl'), 'no wheel');
    const tool = path.resolve('tools/build-backbone.ts');
    const tsx = path.resolve('node_modules/tsx/dist/cli.mjs');
    const run = promisify(execFile)(process.execPath, [tsx, tool, '--out', folder, ...options], { cwd: folder });
    await expect(run).rejects.toMatchObject({ code: exitCode, stderr: expect.stringContaining(code) });
  });
});
