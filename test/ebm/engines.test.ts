import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTfjsEngine } from '../../src/ebm/engines/tfjs.js';
import { makeTemplate, viewOf, type HeadEngine } from '../../src/ebm/head.js';
import { cropBox } from '../../src/geometry.js';
import { createOnnxEngine } from '../../src/node/open.js';
import { openTensorflow, type Tensorflow } from '../../src/runtime/tensorflow.js';
import { randomMaps, smallHead } from '../helpers/head.js';

const model = smallHead();
const boxes = Float32Array.of(64, 64, 30, 40, 60, 70, 36, 20, 20, 100, 60, 50, 64, 64, 5, 5, 10, 10, 40, 40);
let onnx: HeadEngine;
let tfjs: HeadEngine;
let tensorflow: Tensorflow;

beforeAll(async () => {
  tensorflow = await openTensorflow({ backend: 'wasm' });
  onnx = await createOnnxEngine(model, { threads: 1 });
  tfjs = createTfjsEngine(tensorflow, model);
});
afterAll(async () => {
  await onnx.release();
  await tfjs.release();
});

/** Largest difference relative to the largest value. */
function difference(a: Float32Array, b: Float32Array): number {
  const top = b.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  return a.reduce((max, value, i) => Math.max(max, Math.abs(value - b[i]!)), 0) / top;
}

async function see(engine: HeadEngine) {
  const first = randomMaps(7);
  const next = randomMaps(8);
  const template = makeTemplate(model, await engine.embed(first.fine, first.coarse), cropBox(60, 66, 32, 38));
  const embedding = await engine.embed(next.fine, next.coarse);
  return { template, embedding };
}

test('the engines agree on embedding, proposal and energy', async () => {
  const a = await see(onnx);
  const b = await see(tfjs);
  expect(difference(a.embedding.fine, b.embedding.fine)).toBeLessThan(1e-3);
  expect(difference(a.embedding.coarse, b.embedding.coarse)).toBeLessThan(1e-3);
  expect(difference(a.template.modulation, b.template.modulation)).toBeLessThan(1e-3);
  expect(
    difference(await onnx.propose(a.embedding, a.template), await tfjs.propose(b.embedding, b.template)),
  ).toBeLessThan(1e-3);
  const one = await onnx.energy(a.embedding, a.template, boxes);
  expect(difference(one, await tfjs.energy(b.embedding, b.template, boxes))).toBeLessThan(1e-3);
  const recent = viewOf(model, a.embedding, cropBox(70, 60, 30, 30));
  const other = await onnx.energy(a.embedding, { ...a.template, recent }, boxes);
  expect(difference(other, one)).toBeGreaterThan(1e-3);
  expect(difference(other, await tfjs.energy(b.embedding, { ...b.template, recent }, boxes))).toBeLessThan(1e-3);
});

test('no tensor is left behind over 500 frames', async () => {
  const { template, embedding } = await see(tfjs);
  const step = async (): Promise<void> => {
    await tfjs.energy(embedding, template, boxes.subarray(0, 8));
    await tfjs.propose(embedding, template);
  };
  await step();
  const before = tensorflow.tf.memory().numTensors;
  for (let i = 0; i < 500; i++) await step();
  for (let i = 0; i < 5; i++) await see(tfjs);
  expect(tensorflow.tf.memory().numTensors).toBe(before);
});
