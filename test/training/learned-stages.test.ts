import { readFile } from 'node:fs/promises';
import { beforeAll, expect, test } from 'vitest';
import type { BackboneEntry } from '../../src/features/manifest.js';
import { findBackbone, loadManifest, openBackbone } from '../../src/node/open.js';
import { createRandom } from '../../src/random.js';
import { openOnnxModel } from '../../src/runtime/onnx.js';
import { openTensorflow, type Tensorflow } from '../../src/runtime/tensorflow.js';
import {
  mapsFromBase,
  openBase,
  readLearnedStages,
  runLearnedStages,
  splitWeights,
  withLearnedStages,
  type LearnedStages,
} from '../../src/training/learned-stages.js';

const SIDE = 64;
const CELLS = SIDE / 8;

let tensorflow: Tensorflow;
let entry: BackboneEntry;
let bytes: Buffer;
let stage: LearnedStages;
beforeAll(async () => {
  tensorflow = await openTensorflow({ backend: 'wasm', threads: 1 });
  entry = await findBackbone(await loadManifest());
  bytes = await readFile(entry.file);
  stage = readLearnedStages(bytes, entry);
});

function pixels(): Float32Array {
  const random = createRandom(4);
  return Float32Array.from({ length: 3 * SIDE * SIDE }, () => 40 * random.normal());
}

function channelsLast(data: Float32Array, cells: number): Float32Array {
  const channels = data.length / cells;
  return Float32Array.from({ length: data.length }, (_, i) => data[(i % channels) * cells + Math.floor(i / channels)]!);
}

test('gives the coarse map that the backbone gives', async () => {
  const backbone = await openBackbone(entry, { threads: 1, provider: 'cpu' });
  const { fine, coarse } = await backbone.extract({ data: pixels(), dims: [1, 3, SIDE, SIDE] });
  await backbone.release();
  const found = mapsFromBase(tensorflow.tf, stage.weights, stage)(channelsLast(fine.data, CELLS ** 2)).coarse;
  const expected = channelsLast(coarse.data, (CELLS / 2) ** 2);
  const largest = Math.max(...expected);
  expect(found).toHaveLength(expected.length);
  for (const [i, value] of expected.entries()) expect(Math.abs(found[i]! - value)).toBeLessThan(1e-4 * largest);
});

test('gives both maps from a value before the fine one', async () => {
  const backbone = await openBackbone(entry, { threads: 1, provider: 'cpu' });
  const input = { data: pixels(), dims: [1, 3, SIDE, SIDE] };
  const expected = await backbone.extract(input);
  await backbone.release();
  const all = readLearnedStages(bytes, entry, 'max_pooling2d/MaxPool:0');
  const base = await openBase(entry, all, 1);
  const { fine: early } = await base.extract(input);
  await base.release();
  expect([early.channels, early.height]).toEqual([all.baseChannels, SIDE / 4]);
  const found = mapsFromBase(tensorflow.tf, all.weights, all)(channelsLast(early.data, early.height ** 2));
  for (const map of ['fine', 'coarse'] as const) {
    const wanted = channelsLast(expected[map].data, expected[map].height ** 2);
    const largest = wanted.reduce((a, b) => Math.max(a, b));
    expect(found[map]).toHaveLength(wanted.length);
    for (const [i, value] of wanted.entries()) expect(Math.abs(found[map][i]! - value)).toBeLessThan(2e-4 * largest);
  }
});

test('refuses a value that is not before both maps', () => {
  expect(() => readLearnedStages(bytes, entry, 'nowhere')).toThrow(/MaxPool|no value "nowhere"/);
});

test('learned weights go back into the file, and change the coarse map only', async () => {
  const name = Object.keys(stage.weights).find((key) => key.endsWith('block5_branch2c/BiasAdd_bias_fused_bn'))!;
  const { shape, data } = stage.weights[name]!;
  const learned = { ...stage.weights, [name]: { shape, data: data.map((value) => value + 3) } };
  const run = async (model: Uint8Array) => {
    const session = await openOnnxModel(model, { threads: 1, provider: 'cpu' });
    const maps = await session.run({ image: { data: pixels(), dims: [1, 3, SIDE, SIDE] } });
    await session.release();
    return maps;
  };
  const before = await run(bytes);
  const same = await run(withLearnedStages(bytes, stage.weights));
  const after = await run(withLearnedStages(bytes, learned));
  expect(same).toEqual(before);
  expect(after['stride8']).toEqual(before['stride8']);
  const sum = (values: Float32Array): number => values.reduce((total, value) => total + value, 0);
  expect(sum(after['stride16']!.data)).toBeGreaterThan(sum(before['stride16']!.data));
});

test('gradients equal differences', () => {
  const { tf } = tensorflow;
  const names = Object.keys(stage.weights).filter((key) => /block0_proj|Conv__512|block5_branch2a/.test(key));
  const random = createRandom(5);
  const channels = stage.fineDeviation.length;
  const fine = Float32Array.from({ length: 16 * channels }, () => Math.max(0, random.normal()));
  const loss = (weights: LearnedStages['weights'], of: readonly string[]) =>
    tf.tidy(() => {
      const fixed = Object.fromEntries(
        Object.entries(weights).map(([key, { data, shape }]) => [key, tf.tensor(data, [...shape])]),
      );
      const value = (...tensors: Parameters<typeof tf.sum>[0][]) => {
        const own = Object.fromEntries(of.map((key, i) => [key, tensors[i] as (typeof fixed)[string]]));
        const map = runLearnedStages(tf, { ...fixed, ...own }, stage, tf.tensor4d(fine, [1, 4, 4, channels])).coarse;
        return tf.sum(tf.square(map)).asScalar();
      };
      const { value: total, grads } = tf.valueAndGrads(value as never)(of.map((key) => fixed[key]!));
      return { total: total.dataSync()[0]!, gradients: grads.map((gradient) => gradient.dataSync() as Float32Array) };
    });
  const { gradients } = loss(stage.weights, names);
  for (const [n, name] of names.entries()) {
    const gradient = gradients[n]!;
    const top = gradient.reduce((best, value, i) => (Math.abs(value) > Math.abs(gradient[best]!) ? i : best), 0);
    const moved = (by: number): number => {
      const { shape, data } = stage.weights[name]!;
      const other = data.slice();
      other[top]! += by;
      return loss({ ...stage.weights, [name]: { shape, data: other } }, names).total;
    };
    const step = 2e-3;
    const slope = (moved(step) - moved(-step)) / (2 * step);
    expect(Math.abs(slope - gradient[top]!) / Math.abs(gradient[top]!)).toBeLessThan(0.05);
  }
});

test('its weights are told from those of the head', () => {
  const one = { shape: [1], data: Float32Array.of(1) };
  const { stage: own, head } = splitWeights({ 'backbone.a': one, 'energy.output.bias': one });
  expect([Object.keys(own), Object.keys(head)]).toEqual([['backbone.a'], ['energy.output.bias']]);
});

test('refuses what it cannot compute', () => {
  expect(() => readLearnedStages(bytes, { ...entry, fine: { ...entry.fine, output: 'image' } })).toThrow(
    /MaxPool|Conv at/,
  );
});
