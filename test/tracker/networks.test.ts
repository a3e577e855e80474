import { readFile, writeFile } from 'node:fs/promises';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeTemplate, type HeadEngine, type HeadModel } from '../../src/ebm/head.js';
import type { BackboneEntry, Manifest } from '../../src/features/manifest.js';
import { cropBox } from '../../src/geometry.js';
import { decodeModel, encodeModel } from '../../src/io/onnx-graph.js';
import { createOnnxEngine, findBackbone, loadManifest, openHead, openWith } from '../../src/node/open.js';
import { createRandom } from '../../src/random.js';
import { openOnnxModel, type FloatTensor, type OnnxModel } from '../../src/runtime/onnx.js';
import { TARGET_CHANNELS, TARGET_SIZE } from '../../src/target/classifier.js';
import { compileTarget } from '../../src/target/compile.js';
import { openNetworks, type Networks, type Wanted } from '../../src/tracker/networks.js';
import { createStopwatch } from '../../src/tracker/stopwatch.js';

const RUNTIME = { threads: 1, provider: 'cpu' } as const;
const SIDE = 288;
const folder = mkdtempSync(path.join(os.tmpdir(), 'networks-'));
let manifest: Manifest;
let backbone: string;
let model: HeadModel;
let engine: HeadEngine;
let respondGraph: OnnxModel;
beforeAll(async () => {
  manifest = await loadManifest();
  ({ model, backbone } = await openHead(manifest));
  engine = await createOnnxEngine(model, RUNTIME);
  respondGraph = await openOnnxModel(compileTarget(model, 'respond'), RUNTIME);
});
afterAll(async () => {
  await Promise.all([engine.release(), respondGraph.release()]);
  rmSync(folder, { recursive: true });
});

const numbers = (seed: number, length: number): Float32Array => {
  const random = createRandom(seed);
  return Float32Array.from({ length }, () => random.normal());
};

function crops(count: number): FloatTensor {
  return { data: numbers(3, count * 3 * SIDE * SIDE).map((value) => 50 * value), dims: [count, 3, SIDE, SIDE] };
}

/** An object that is known by other channels, filter and template than the next one. */
async function somebody(networks: Networks, seed: number): Promise<Wanted> {
  const { embedding } = await networks.begin(crops(1));
  const template = makeTemplate(model, embedding, cropBox(120 + 10 * seed, 140, 60, 50));
  const { channels } = networks.entry.coarse;
  const inputs = {
    basis: { data: numbers(10 * seed, TARGET_CHANNELS * channels), dims: [TARGET_CHANNELS, channels] },
    mean: { data: numbers(10 * seed + 1, channels), dims: [channels, 1] },
    filter: { data: numbers(10 * seed + 2, TARGET_SIZE), dims: [TARGET_SIZE, 1] },
  };
  return { template, targetModel: { inputs } };
}

async function open(entry: BackboneEntry, joined: boolean, stopwatch = createStopwatch()): Promise<Networks> {
  const backbone = joined ? await readFile(entry.file) : undefined;
  return openNetworks(entry, model, engine, respondGraph, backbone, openWith(RUNTIME), stopwatch);
}

/** Largest difference, as a share of the largest value. */
function difference(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  const top = b.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0) / top;
}

describe.each(['float', 'int8'] as const)('the joined graph, %s', (precision) => {
  test('says what the networks say one after the other, of each object', async () => {
    const entry = await findBackbone(manifest, backbone, precision);
    const [joined, stepwise] = [await open(entry, true), await open(entry, false)];
    const first = await joined.begin(crops(1));
    const expected = await stepwise.begin(crops(1));
    // 8 bits round a last digit up or down
    const limit = precision === 'float' ? 1e-4 : 0.1;
    expect(difference(first.coarse.data, expected.coarse.data)).toBeLessThan(limit);
    expect({ ...first.coarse, data: [] }).toEqual({ ...expected.coarse, data: [] });
    const wanted = [await somebody(stepwise, 1), await somebody(stepwise, 2)];
    const sights = await joined.search(crops(2), wanted);
    const others = await stepwise.search(crops(2), wanted);
    for (const [i, sight] of sights.entries()) {
      const other = others[i]!;
      expect(difference(sight.embedding.fine, other.embedding.fine)).toBeLessThan(limit);
      expect(difference(sight.embedding.coarse, other.embedding.coarse)).toBeLessThan(limit);
      expect(difference(sight.scores, other.scores)).toBeLessThan(limit);
      expect(difference(sight.reduced, other.reduced)).toBeLessThan(limit);
      expect(difference(sight.proposal, other.proposal)).toBeLessThan(limit);
    }
    expect(difference(sights[0]!.scores, sights[1]!.scores)).toBeGreaterThan(0.1);
    await Promise.all([joined.release(), stepwise.release()]);
  });
});

test('a backbone whose operators might mean something else is not joined, and works', async () => {
  const entry = await findBackbone(manifest, backbone);
  const decoded = decodeModel(await readFile(entry.file));
  const input = decoded.graph!.input![0]!.name!;
  // what Squeeze takes as an attribute became an input later
  const squeeze = { opType: 'Squeeze', input: [input], output: ['unused'] };
  const file = path.join(folder, 'squeezed.onnx');
  const graph = { ...decoded.graph, node: [...decoded.graph!.node!, squeeze] };
  await writeFile(file, encodeModel({ ...decoded, graph }));
  const stopwatch = createStopwatch();
  const networks = await open({ ...entry, file }, true, stopwatch);
  const sights = await networks.search(crops(1), [await somebody(networks, 1)]);
  expect(sights).toHaveLength(1);
  expect([...stopwatch.stages.keys()]).toEqual(['backbone', 'embed', 'target', 'propose']);
  await networks.release();
});

test('a backbone without the output that its entry names is told by name', async () => {
  const entry = await findBackbone(manifest, backbone);
  const wrong = { ...entry, fine: { ...entry.fine, output: 'stride7' } };
  await expect(open(wrong, true)).rejects.toMatchObject({
    code: 'MODEL_INVALID',
    message: expect.stringMatching(/output "stride7" expected, found stride8, stride16/) as string,
  });
});
