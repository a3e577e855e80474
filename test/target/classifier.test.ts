import { beforeAll, expect, test } from 'vitest';
import { configSchema } from '../../src/config.js';
import type { FeatureMap } from '../../src/features/backbone.js';
import { loadManifest, openHead } from '../../src/node/open.js';
import { createRandom } from '../../src/random.js';
import { openOnnxModel } from '../../src/runtime/onnx.js';
import {
  createTargetLearner,
  respond,
  responseOf,
  TARGET_SIZE,
  type Response,
  type TargetGraphs,
  type TargetLearner,
  type TargetModel,
} from '../../src/target/classifier.js';
import { compileTarget } from '../../src/target/compile.js';
import { addRows, addVector, emptyEquations } from '../../src/target/memory.js';
import { cropBox } from '../../src/geometry.js';

const config = configSchema.parse({}).target;
let graphs: TargetGraphs;
let learner: TargetLearner;
let cells: number;
let channels: number;
beforeAll(async () => {
  const { model } = await openHead(await loadManifest());
  cells = model.geometry.coarse.cells;
  channels = model.config.coarseIn;
  const open = (name: 'respond' | 'sample' | 'learn' | 'multiply') =>
    openOnnxModel(compileTarget(model, name), { threads: 1, provider: 'cpu' });
  graphs = {
    respond: await open('respond'),
    sample: await open('sample'),
    learn: await open('learn'),
    multiply: await open('multiply'),
  };
  learner = createTargetLearner(graphs, axis(), config);
});

const STRIDE = 16;
const axis = () => ({ cells, stride: STRIDE, offset: 8 });

/** Noise, with an object of its own kind of features about each of some cells. */
function scene(objects: readonly { row: number; column: number; kind: number }[], seed: number): FeatureMap {
  const random = createRandom(seed);
  const area = cells * cells;
  const data = Float32Array.from({ length: channels * area }, () => Math.max(0, random.normal()));
  for (const { row, column, kind } of objects) {
    const look = createRandom(100 + kind);
    for (let c = 0; c < channels; c++) {
      const strength = 6 * Math.max(0, look.normal());
      for (let dy = -1; dy <= 1; dy++)
        for (let dx = -1; dx <= 1; dx++) data[c * area + (row + dy) * cells + column + dx]! += strength;
    }
  }
  return { data, batch: 1, channels, width: cells, height: cells, stride: STRIDE, offset: 8 };
}

const boxAt = (row: number, column: number) => cropBox(STRIDE * column + 8, STRIDE * row + 8, 48, 48);
const at = ({ scores }: Response, row: number, column: number): number => scores[row * cells + column]!;

function begin(by = learner): Promise<TargetModel> {
  const samples = [9, 6, 12].map((row, i) => ({
    coarse: scene([{ row, column: 9, kind: 0 }], i),
    box: boxAt(row, 9),
  }));
  return by.begin(samples, createRandom(1));
}

const scoresOf = async (model: TargetModel, map: FeatureMap): Promise<Response> =>
  responseOf(model, (await respond(graphs.respond, map, model.inputs)).scores, axis());
const takeUp = async (model: TargetModel, map: FeatureMap, row: number, column: number): Promise<TargetModel> =>
  learner.takeUp(model, (await respond(graphs.respond, map, model.inputs)).reduced, boxAt(row, column));

async function goOn(model: TargetModel, parts: number): Promise<TargetModel> {
  let last = model;
  for (let part = 0; part < parts; part++) last = await learner.goOn(last);
  return last;
}

test('it responds to the object of the first frame where that is', async () => {
  const model = await begin();
  const response = await scoresOf(model, scene([{ row: 5, column: 12, kind: 0 }], 7));
  expect(at(response, 5, 12)).toBeGreaterThan(0.6);
  expect(response.scores.indexOf(response.scores.reduce((a, b) => Math.max(a, b)))).toBe(5 * cells + 12);
});

test('products in loops lead to the same response', async () => {
  const inLoops = createTargetLearner({ ...graphs, multiply: undefined }, axis(), config);
  const map = scene([{ row: 5, column: 12, kind: 0 }], 7);
  const [a, b] = [await scoresOf(await begin(), map), await scoresOf(await begin(inLoops), map)];
  expect(Math.max(...a.scores.map((score, i) => Math.abs(score - b.scores[i]!)))).toBeLessThan(1e-4);
});

test('what it takes up is learned in five parts, and no sooner', async () => {
  let model = await begin();
  // it looks otherwise now, and something else stands where it used to be
  const later = scene(
    [
      { row: 5, column: 12, kind: 1 },
      { row: 12, column: 5, kind: 2 },
    ],
    8,
  );
  const before = await scoresOf(model, later);
  for (let frame = 0; frame < 6; frame++) {
    model = await goOn(await takeUp(model, later, 5, 12), 4);
    if (frame === 0) expect((await scoresOf(model, later)).scores).toEqual(before.scores);
    model = await learner.goOn(model);
    expect(model.lesson).toBeUndefined();
  }
  const after = await scoresOf(model, later);
  expect(at(after, 5, 12)).toBeGreaterThan(at(before, 5, 12) + 0.3);
  expect(at(after, 12, 5)).toBeLessThan(0.4);
  // the first frame is not forgotten
  expect(at(await scoresOf(model, scene([{ row: 9, column: 9, kind: 0 }], 0)), 9, 9)).toBeGreaterThan(0.3);
});

test('work left over is done before something new is taken up', async () => {
  const first = await begin();
  const later = scene([{ row: 5, column: 12, kind: 1 }], 9);
  const hasty = await takeUp(await goOn(await takeUp(first, later, 5, 12), 1), later, 5, 12);
  const hastyScores = await scoresOf(hasty, later);
  const patient = await goOn(await takeUp(first, later, 5, 12), 5);
  expect(hastyScores.scores).toEqual((await scoresOf(patient, later)).scores);
});

test('a model that another one was made from stays as it was', async () => {
  const first = await begin();
  const later = scene([{ row: 5, column: 12, kind: 1 }], 9);
  const started = await goOn(await takeUp(first, later, 5, 12), 2);
  const before = await scoresOf(started, later);
  const once = await goOn(started, 3);
  const again = await goOn(started, 3);
  expect((await scoresOf(once, later)).scores).toEqual((await scoresOf(again, later)).scores);
  expect((await scoresOf(started, later)).scores).toEqual(before.scores);
});

test('equations take a sample in any number of parts, to the last bit', async () => {
  const random = createRandom(3);
  const numbers = (length: number) => Float32Array.from({ length }, () => random.normal());
  const area = cells * cells;
  const sample = {
    columns: numbers(TARGET_SIZE * area),
    weighted: numbers(TARGET_SIZE * area),
    vector: numbers(TARGET_SIZE),
  };
  const old = emptyEquations(TARGET_SIZE);
  old.matrix.set(numbers(old.matrix.length));
  old.vector.set(numbers(TARGET_SIZE));
  const taken = async (parts: number, matrix: Float32Array) => {
    const equations = { ...old, matrix };
    const into = parts === 1 ? matrix : new Float32Array(matrix.length);
    for (let part = 0; part < parts; part++) await addRows(graphs.learn, equations, sample, 0.9, into, part, parts);
    return { matrix: into, vector: addVector(equations, sample, 0.9) };
  };
  const whole = await taken(1, old.matrix.slice());
  const parts = await taken(7, old.matrix);
  const bytes = ({ buffer }: Float32Array) => Buffer.from(buffer);
  expect(bytes(parts.matrix).equals(bytes(whole.matrix))).toBe(true);
  expect(bytes(parts.vector).equals(bytes(whole.vector))).toBe(true);
  const [i, j] = [17, 640];
  let sum = 0;
  for (let k = 0; k < area; k++) sum += sample.columns[i * area + k]! * sample.weighted[k * TARGET_SIZE + j]!;
  expect(whole.matrix[i * TARGET_SIZE + j]).toBeCloseTo(0.9 * old.matrix[i * TARGET_SIZE + j]! + sum, 2);
  expect(whole.vector[i]).toBeCloseTo(0.9 * old.vector[i]! + sample.vector[i]!, 4);
});
