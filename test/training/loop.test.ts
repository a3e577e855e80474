import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { HeadModel } from '../../src/ebm/head.js';
import type { Backbone } from '../../src/features/backbone.js';
import { cropBox } from '../../src/geometry.js';
import { loadManifest } from '../../src/node/open.js';
import { createRandom } from '../../src/random.js';
import { openTensorflow, type Tensorflow } from '../../src/runtime/tensorflow.js';
import { Bank, BankWriter } from '../../src/training/bank.js';
import { bankStep } from '../../src/training/bank-step.js';
import { curveSvg } from '../../src/training/curve.js';
import { initialiseHead } from '../../src/training/initialise.js';
import { train, type TrainingRun } from '../../src/training/loop.js';
import { DEFAULT_TRAINING } from '../../src/training/settings.js';
import { TINY_GEOMETRY, TINY_HEAD } from '../helpers/head.js';

let folder: string;
let bank: Bank;
let tensorflow: Tensorflow;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'loop-'));
  tensorflow = await openTensorflow({ backend: 'wasm' });
  const { content } = await loadManifest();
  const entry = { ...Object.values(content.backbones)[0]!, name: 'none' };
  const random = createRandom(2);
  const map = (batch: number, axis: HeadModel['geometry']['fine'], channels: number) => ({
    ...axis,
    batch,
    channels,
    width: axis.cells,
    height: axis.cells,
    data: Float32Array.from({ length: batch * channels * axis.cells ** 2 }, () => random.uniform()),
  });
  const backbone: Backbone = {
    entry,
    provider: 'cpu',
    reasons: [],
    extract: ({ dims }) =>
      Promise.resolve({
        fine: map(dims[0]!, TINY_GEOMETRY.fine, TINY_HEAD.fineIn),
        coarse: map(dims[0]!, TINY_GEOMETRY.coarse, TINY_HEAD.coarseIn),
      }),
    release: () => Promise.resolve(),
  };
  const writer = await BankWriter.open(join(folder, 'bank'), backbone, TINY_GEOMETRY.cropSize, 'x');
  for (let i = 0; i < 12; i++) {
    const rgb = new Float32Array(3 * TINY_GEOMETRY.cropSize ** 2);
    const box = cropBox(30 + 4 * random.normal(), 32, 20 + random.uniform(), 22);
    await writer.add({ rgb, box, lastWidth: 21, lastHeight: 21 }, i % 3, i, false);
  }
  await writer.finish();
  bank = await Bank.open(join(folder, 'bank'), entry.sha256);
});
afterAll(async () => {
  bank.close();
  await rm(folder, { recursive: true });
});

const settings = {
  ...DEFAULT_TRAINING,
  steps: 9,
  groupSize: 2,
  sequenceGroups: 2,
  photoGroups: 0,
  samples: 4,
  warmup: 2,
  logEvery: 2,
  checkpointEvery: 2,
  validateEvery: 3,
};

/** @param figure score of the weights after a number of validations, the first of the weights it starts from */
function run(name: string, figure: (sum: number) => number, more: Partial<TrainingRun> = {}): TrainingRun {
  return {
    settings,
    step: bankStep({ tf: tensorflow.tf, bank, geometry: TINY_GEOMETRY, settings }),
    settingsHash: 'x',
    checkpoint: join(folder, `${name}.safetensors`),
    curve: join(folder, `${name}.csv`),
    initial: () => initialiseHead(TINY_HEAD, createRandom(1)),
    validate: (weights) =>
      Promise.resolve({ iou: figure(weights['energy.hidden.kernel']!.data.reduce((sum, value) => sum + value, 0)) }),
    judge: { score: (figures) => figures['iou']!, patience: 5 },
    ...more,
  };
}

const moved = (sum: number): number => Math.abs(sum * 1000) % 1;

test('the same seed gives the same weights, bit for bit', async () => {
  const [a, b] = [await train(run('a', moved)), await train(run('b', moved))];
  expect(a.finished).toBe(true);
  expect(a.state).toEqual(b.state);
  expect(await readFile(join(folder, 'a.safetensors'))).toEqual(await readFile(join(folder, 'b.safetensors')));
});

test('a run that is stopped anywhere, its last steps lost, ends as one that was not', async () => {
  const calm = await train(run('calm', moved));
  // lines that the checkpoint knows nothing of are written once more
  for (let stopAt = 1; stopAt < 9; stopAt++) {
    const controller = new AbortController();
    const validate = run('', moved).validate!;
    let left = stopAt;
    const stopped = run(`stop`, moved, {
      signal: controller.signal,
      validate,
      // a kill: what follows the last checkpoint is never written
      onProgress: () => {
        if (--left === 0) throw new Error('killed');
      },
    });
    await train(stopped).catch(() => undefined);
    const result = await train(run('stop', moved));
    expect(result.state).toEqual(calm.state);
    const steps = (text: string) => text.split('\n').map((line) => line.split(',')[0]);
    expect(steps(await readFile(join(folder, 'stop.csv'), 'utf8'))).toEqual(
      steps(await readFile(join(folder, 'calm.csv'), 'utf8')),
    );
    await rm(join(folder, 'stop.safetensors'));
  }
});

test('an aborted run says that it is not finished, and goes on', async () => {
  const controller = new AbortController();
  const first = await train(run('abort', moved, { signal: controller.signal, onProgress: () => controller.abort() }));
  expect(first).toMatchObject({ finished: false, state: { step: 2 } });
  const calm = await train(run('abort-calm', moved));
  expect((await train(run('abort', moved))).state).toEqual(calm.state);
});

test('the best weights are kept, those it started from too, and patience ends it', async () => {
  const figures = [0.5, 0.7, 0.6, 0.6, 0.6, 0.6];
  const rising = await train(run('best', () => figures.shift()!));
  expect(rising.state.best).toMatchObject({ step: 3, score: 0.7, before: { iou: 0.5 }, figures: { iou: 0.7 } });
  const falling = await train(run('worse', () => 0.5, { judge: { score: (f) => f['iou']!, patience: 2 } }));
  expect(falling.state).toMatchObject({ step: 6, best: { step: 0 } });
  expect(falling.finished).toBe(true);
});

test('the curve becomes a picture of losses and figures', async () => {
  const svg = curveSvg(await readFile(join(folder, 'calm.csv'), 'utf8'));
  expect(svg).toContain('training losses');
  expect(svg).toContain('IoU of held-out pairs');
  expect(svg).not.toContain('NaN');
});
