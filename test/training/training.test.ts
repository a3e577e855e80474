import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { nce } from '../../src/ebm/objectives/nce.js';
import { proposalLikelihood } from '../../src/ebm/objectives/proposal-likelihood.js';
import { decodeProposal, logDensity } from '../../src/ebm/proposal.js';
import { createRandom } from '../../src/random.js';
import { openTensorflow, type Tensorflow } from '../../src/runtime/tensorflow.js';
import { jitteredCrop, SEQUENCE_JITTER } from '../../src/training/augment.js';
import type { Batch } from '../../src/training/batch.js';
import { readCheckpoint, writeCheckpoint } from '../../src/training/checkpoint.js';
import { readPhotos, readSequences } from '../../src/datasets/footage.js';
import { initialiseHead } from '../../src/training/initialise.js';
import { DEFAULT_TRAINING } from '../../src/training/settings.js';
import { OBJECTIVE_NAMES, type ObjectiveName } from '../../src/training/objective.js';
import { adamStep, cosineRate, createOptimiserState } from '../../src/training/optimiser.js';
import { trainingStep } from '../../src/training/step.js';
import { TINY_GEOMETRY, TINY_HEAD } from '../helpers/head.js';

let tensorflow: Tensorflow;
let folder: string;
beforeAll(async () => {
  tensorflow = await openTensorflow({ backend: 'cpu' });
  folder = await mkdtemp(join(tmpdir(), 'training-'));
});
afterAll(() => rm(folder, { recursive: true }));

test('NCE equals its closed form', async () => {
  const { tf } = tensorflow;
  const f = [1, -0.5, 2, 0.3];
  const q = [0.2, -1, 0.4, 0];
  const scores = f.map((value, i) => value - q[i]!);
  const expected = Math.log(scores.reduce((sum, s) => sum + Math.exp(s), 0)) - scores[0]!;
  const loss = nce(tf, tf.tensor2d([f]), tf.tensor2d([q]));
  expect((await loss.data())[0]).toBeCloseTo(expected, 5);
  const large = nce(tf, tf.tensor2d([[500, 499, -500]]), tf.tensor2d([[0, 0, 0]]));
  expect((await large.data())[0]).toBeCloseTo(Math.log(1 + Math.exp(-1)), 4);
});

test('the proposal likelihood is the mixture density that is sampled', async () => {
  const { tf } = tensorflow;
  const random = createRandom(3);
  const raw = Float32Array.from({ length: 2 * 4 * 9 }, () => random.normal());
  const places = Float32Array.from({ length: 2 * 4 * 2 }, () => random.normal());
  const truth = Float32Array.of(0.1, -0.2, 0.05, 0.1, 0.4, 0.3, -0.1, 0);
  const loss = proposalLikelihood(
    tf,
    tf.tensor3d(raw, [2, 4, 9]),
    tf.tensor3d(places, [2, 4, 2]),
    tf.tensor2d(truth, [2, 4]),
  );
  const one = logDensity(decodeProposal(raw.subarray(0, 36), places.subarray(0, 8)), truth.subarray(0, 4))[0]!;
  const two = logDensity(decodeProposal(raw.subarray(36), places.subarray(8)), truth.subarray(4))[0]!;
  expect((await loss.data())[0]).toBeCloseTo(-(one + two) / 2, 3);
});

/** Two objects, two crops each, whose features carry a bump where the object is. */
function batchOf(seed: number): Batch {
  const random = createRandom(seed);
  const crops = 4;
  const boxes = Float32Array.from({ length: crops * 4 }, (_, i) =>
    i % 4 < 2 ? 32 + 6 * random.normal() : 22 * Math.exp(0.1 * random.normal()),
  );
  const paint = (cells: number, stride: number, channels: number): Float32Array => {
    const map = new Float32Array(crops * cells * cells * channels);
    for (let b = 0; b < crops; b++) {
      for (let i = 0; i < cells * cells; i++) {
        const x = (i % cells) * stride + 5 - boxes[4 * b]!;
        const y = Math.floor(i / cells) * stride + 5 - boxes[4 * b + 1]!;
        const bump = Math.exp(-0.5 * ((x / 11) ** 2 + (y / 11) ** 2));
        for (let c = 0; c < channels; c++)
          map[(b * cells * cells + i) * channels + c] = bump * (c % 4) + 0.1 * random.uniform();
      }
    }
    return map;
  };
  const last = Float32Array.from({ length: crops * 2 }, () => 22 * Math.exp(0.1 * random.normal()));
  const whole = (channels: number): Float32Array => new Float32Array(crops * channels).fill(1);
  const gains = { fine: whole(TINY_HEAD.fineIn), coarse: whole(TINY_HEAD.coarseIn) };
  return {
    fine: paint(8, 8, TINY_HEAD.fineIn),
    coarse: paint(4, 16, TINY_HEAD.coarseIn),
    gains,
    boxes,
    last,
    objects: [0, 0, 1, 1],
    frames: [0, 9, 0, 9],
  };
}

const settings = { ...DEFAULT_TRAINING, groupSize: 2, samples: 6 };

test('a few steps lower both losses, and leave no tensor behind', () => {
  const random = createRandom(1);
  const weights = initialiseHead(TINY_HEAD, random);
  const state = createOptimiserState(weights);
  const losses: number[] = [];
  let tensors = 0;
  for (let step = 1; step <= 25; step++) {
    const result = trainingStep(tensorflow.tf, weights, TINY_GEOMETRY, batchOf(step % 3), settings, random);
    adamStep(weights, result.gradients, state, step, 3e-3, settings);
    losses.push(result.energyLoss + result.proposalLoss);
    if (step === 1) tensors = tensorflow.tf.memory().numTensors;
  }
  const early = losses.slice(0, 3).reduce((a, b) => a + b, 0);
  const late = losses.slice(-3).reduce((a, b) => a + b, 0);
  expect(late).toBeLessThan(early - 2);
  expect(tensorflow.tf.memory().numTensors).toBe(tensors);
});

test('gradients equal differences of the loss', () => {
  const weights = initialiseHead(TINY_HEAD, createRandom(1));
  const loss = (): number => {
    const result = trainingStep(
      tensorflow.tf,
      weights,
      TINY_GEOMETRY,
      batchOf(1),
      { ...settings, proposalWeight: 0 },
      createRandom(2),
    );
    return result.energyLoss;
  };
  const { gradients } = trainingStep(
    tensorflow.tf,
    weights,
    TINY_GEOMETRY,
    batchOf(1),
    { ...settings, proposalWeight: 0 },
    createRandom(2),
  );
  for (const name of ['energy.hidden.kernel', 'energy.match.kernel', 'embed.fine.1.gamma', 'modulation.0.kernel']) {
    const { data } = weights[name]!;
    const gradient = gradients[name]!;
    const index = gradient.reduce((top, value, i) => (Math.abs(value) > Math.abs(gradient[top]!) ? i : top), 0);
    const step = 1e-2;
    const kept = data[index]!;
    data[index] = kept + step;
    const up = loss();
    data[index] = kept - step;
    const down = loss();
    data[index] = kept;
    const numeric = (up - down) / (2 * step);
    expect(Math.abs(gradient[index]! - numeric)).toBeLessThan(0.15 * Math.abs(numeric) + 2e-3);
  }
});

test('a checkpoint comes back whole, and one of other settings is refused', async () => {
  const weights = initialiseHead(TINY_HEAD, createRandom(1));
  const state = {
    weights,
    optimiser: createOptimiserState(weights),
    step: 7,
    pairs: 70,
    random: [1, 2, 3, 4],
    settings: 'a',
  };
  const path = join(folder, 'checkpoint.safetensors');
  expect(await readCheckpoint(path, 'a')).toBeUndefined();
  await writeCheckpoint(path, state);
  expect(await readCheckpoint(path, 'a')).toEqual(state);
  await expect(readCheckpoint(path, 'b')).rejects.toMatchObject({ code: 'CHECKPOINT_INVALID' });
  await writeFile(path, 'no checkpoint');
  await expect(readCheckpoint(path, 'a')).rejects.toMatchObject({ code: 'CHECKPOINT_INVALID' });
});

test('the learning rate warms up and falls', () => {
  expect(cosineRate(1, 1000, 1, 50)).toBeCloseTo(0.02, 3);
  expect(cosineRate(50, 1000, 1, 50)).toBeGreaterThan(0.98);
  expect(cosineRate(1000, 1000, 1, 50)).toBeCloseTo(0.02, 5);
});

test('a jittered crop shows the object where its box says, mirrored or not', () => {
  const width = 200;
  const height = 160;
  const data = new Uint8Array(3 * width * height);
  for (let y = 60; y < 90; y++)
    for (let x = 80; x < 120; x++) data.fill(255, 3 * (y * width + x), 3 * (y * width + x) + 3);
  const frame = { data, width, height, index: 0, time: 0 };
  const random = createRandom(4);
  for (const flip of [false, true]) {
    for (let n = 0; n < 4; n++) {
      const { rgb, box } = jitteredCrop(
        frame,
        { x: 80, y: 60, w: 40, h: 30 },
        flip,
        { ...SEQUENCE_JITTER, nearShare: 1 },
        random,
      );
      const at = (x: number, y: number): number => rgb[3 * (Math.round(y) * 288 + Math.round(x))]!;
      const middle = at(box.cx, box.cy);
      expect(middle).toBeGreaterThan(at(box.cx - 0.7 * box.w, box.cy) + 60);
      expect(middle).toBeGreaterThan(at(box.cx + 0.7 * box.w, box.cy) + 60);
      expect(middle - at(box.cx + 0.42 * box.w, box.cy - 0.42 * box.h)).toBeLessThan(60);
    }
  }
});

test('faulty data is refused with its place', async () => {
  await expect(readSequences(join(folder, 'nothing'))).rejects.toMatchObject({ code: 'DATA_INVALID' });
  await writeFile(
    join(folder, 'boxes.jsonl'),
    '{"file": "a.jpg", "width": 1, "height": 1, "boxes": [[1,2,3,4,"x"]]}\n{broken\n',
  );
  await expect(readPhotos(folder)).rejects.toThrow(/boxes\.jsonl:2/);
});

test.each(OBJECTIVE_NAMES)('a step of %s gives finite gradients of every weight that it uses', (objective) => {
  const weights = initialiseHead(TINY_HEAD, createRandom(1));
  const step = { ...settings, objective, learnedShare: objective === 'nce' ? 1 : 0.25 };
  const { gradients, energyLoss } = trainingStep(
    tensorflow.tf,
    weights,
    TINY_GEOMETRY,
    batchOf(1),
    step,
    createRandom(2),
  );
  expect(Number.isFinite(energyLoss)).toBe(true);
  for (const gradient of Object.values(gradients)) expect(gradient.every(Number.isFinite)).toBe(true);
  expect(gradients['energy.hidden.kernel']!.some((value) => value !== 0)).toBe(true);
});

test('an object of another group is absent: learned from, unless all crops are of one object or the weight is 0', () => {
  const weights = initialiseHead(TINY_HEAD, createRandom(1));
  const step = (batch: Batch, absentWeight: number) =>
    trainingStep(tensorflow.tf, weights, TINY_GEOMETRY, batch, { ...settings, absentWeight }, createRandom(2));
  const learned = step(batchOf(1), 1);
  expect(learned.absentLoss).toBeGreaterThan(0);
  // the other losses do not change with a constant that is added to the energy
  const constant = (result: typeof learned): number => result.gradients['energy.output.bias']![0]!;
  expect(Math.abs(constant(learned))).toBeGreaterThan(1e-3);
  for (const result of [step(batchOf(1), 0), step({ ...batchOf(1), objects: [3, 3, 3, 3] }, 1)]) {
    expect(result.absentLoss).toBe(0);
    expect(constant(result)).toBeCloseTo(0, 4);
  }
});

test('steps teach which objects are absent', () => {
  const random = createRandom(1);
  const weights = initialiseHead(TINY_HEAD, random);
  const state = createOptimiserState(weights);
  const losses: number[] = [];
  for (let step = 1; step <= 25; step++) {
    const result = trainingStep(tensorflow.tf, weights, TINY_GEOMETRY, batchOf(step % 3), settings, random);
    adamStep(weights, result.gradients, state, step, 3e-3, settings);
    losses.push(result.absentLoss);
  }
  expect(losses.at(-1)).toBeLessThan(losses[0]! - 0.3);
});

test('the proposal learns by divergence where boxes are drawn, and is refused where none are', () => {
  const weights = initialiseHead(TINY_HEAD, createRandom(1));
  const step = (objective: ObjectiveName) =>
    trainingStep(
      tensorflow.tf,
      weights,
      TINY_GEOMETRY,
      batchOf(1),
      { ...settings, objective, proposalObjective: 'divergence' },
      createRandom(2),
    );
  expect(step('nce+').gradients['proposal.output.bias']!.some((value) => value !== 0)).toBe(true);
  expect(() => step('dsm')).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }));
});
