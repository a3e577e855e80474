/** The box head of an imported tracker, learned: small seeded weights on the seeded sequence. */
import { access, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { sha256Of } from '../../src/hash.js';
import { finetune, type FinetuneOptions } from '../../src/index.js';
import { formatSafetensors, parseSafetensors } from '../../src/io/safetensors.js';
import { createTracker } from '../../src/node/open.js';
import { formatPublished, parsePublished } from '../../src/published/file.js';
import { finetunePublished, splitWeights, withBoxHead } from '../../src/training/finetune-published.js';
import { readFootage } from '../../src/training/footage.js';
import { FINETUNING, finetuneRunSchema } from '../../src/training/settings.js';
import { fixtureModel, readFixture } from '../../tools/published/fixture.js';
import { seededBox, seededFrame } from '../../tools/published/seeded.js';
import { cli } from '../helpers/terminal.js';

vi.setConfig({ testTimeout: 600_000 });
const FRAMES = 13;

let folder: string;
let from: string;
let hash: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'finetune-published-'));
  from = path.join(folder, 'small.safetensors');
  const bytes = formatSafetensors(formatPublished(fixtureModel(await readFixture('tiny-super-dimp'))));
  hash = sha256Of(bytes);
  await writeFile(from, bytes);
  await writeSequence('footage', FRAMES);
});
afterAll(() => rm(folder, { recursive: true }));

async function writeSequence(name: string, frames: number): Promise<void> {
  const images = path.join(folder, name, 'one/img');
  await mkdir(images, { recursive: true });
  const truth: string[] = [];
  for (let i = 0; i < frames; i++) {
    const { data, width, height } = seededFrame(i);
    await sharp(data, { raw: { width, height, channels: 3 } }).toFile(path.join(images, `${100 + i}.png`));
    const { x, y, w, h } = seededBox(i);
    truth.push([x, y, w, h].join());
  }
  await writeFile(path.join(folder, name, 'one/groundtruth.txt'), `${truth.join('\n')}\n`);
}

const out = (name: string): string => path.join(folder, `${name}.safetensors`);
const options = (name: string, more: Partial<FinetuneOptions> = {}): FinetuneOptions => ({
  data: path.join(folder, 'footage'),
  from,
  out: out(name),
  steps: 9,
  learningRate: 1e-3,
  crops: 16,
  threads: 1,
  backend: 'wasm',
  ...more,
});
const finetuneDefaults = { ...FINETUNING, ...finetuneRunSchema.parse({}) };
const ignore = (): void => undefined;
const isThere = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );

test('the command: the loss falls, held-out boxes gain, and the file tracks; one that is stopped goes on', async () => {
  // stopped on its way: the command below goes on from there
  const controller = new AbortController();
  const losses: number[] = [];
  const stopped = finetune(
    options('new', {
      signal: controller.signal,
      onProgress: ({ energyLoss }) => {
        losses.push(energyLoss);
        controller.abort();
      },
    }),
  );
  await expect(stopped).rejects.toMatchObject({
    code: 'INTERRUPTED',
    message: expect.stringMatching(/step \d/) as string,
  });
  expect(await isThere(out('new'))).toBe(false);

  const flags = ['--steps', '9', '--rate', '0.001', '--crops', '16', '--threads', '1', '--backend', 'wasm'];
  const data = path.join(folder, 'footage');
  const name = from.replace(/\.safetensors$/, '');
  const {
    exitCode,
    out: text,
    err,
  } = await cli('finetune', '--data', data, '--from', name, '--out', out('new'), ...flags);
  expect(exitCode, err).toBe(0);
  expect(err).toMatch(/the box head of SuperDiMP \(seeded\) by nce\+/);
  expect(err).not.toMatch(/proposal|step [1-3]\//);
  losses.push(...Array.from(err.matchAll(/energy (\d+\.\d+)/g), ([, loss]) => Number(loss)));
  expect(losses.at(-1)).toBeLessThan(0.85 * losses[0]!);
  const [, before, after] = /IoU of the box +(0\.\d+) +(0\.\d+)/.exec(text)!;
  expect(Number(after)).toBeGreaterThan(Number(before));

  const bytes = await readFile(out('new'));
  const start = fixtureModel(await readFixture('tiny-super-dimp'));
  const model = parsePublished(bytes, 'new');
  const { step } = model.recipe.rules;
  expect(model.recipe).toEqual({ ...start.recipe, rules: { ...start.recipe.rules, step } });
  const changed = Object.keys(model.weights).filter(
    (key) => !Buffer.from(model.weights[key]!.data.buffer).equals(Buffer.from(start.weights[key]!.data.buffer)),
  );
  expect(changed.toSorted()).toEqual(Object.keys(splitWeights(start).learnt).toSorted());
  const { metadata } = parseSafetensors(bytes, 'new');
  expect(metadata).toMatchObject({
    objective: 'nce+',
    seed: '1',
    from: hash,
    step: expect.stringMatching(/^\d+$/) as string,
  });
  for (const key of ['settings', 'data', 'held_out', 'versions']) expect(JSON.parse(metadata[key]!)).toBeTruthy();

  const tracker = await createTracker({ head: out('new'), threads: 1, provider: 'cpu', published: { notFound: 0.01 } });
  expect(tracker.description.weights).toBe(sha256Of(bytes));
  await tracker.init(seededFrame(0), seededBox(0));
  const { box } = await tracker.update(seededFrame(1));
  expect(Object.values(box).every(Number.isFinite)).toBe(true);
  await tracker.release();
});

test('where no step is better, nothing is written', async () => {
  const { sequences } = await readFootage(path.join(folder, 'footage'));
  const start = { from: out('new'), sequences, work: path.join(folder, 'worse.work'), out: out('worse') };
  // a rate that no option allows
  const settings = {
    ...finetuneDefaults,
    crops: 16,
    threads: 1,
    backend: 'wasm',
    steps: 1,
    learningRate: 100,
  } as const;
  const watch = { say: ignore, onBank: ignore, onProgress: ignore };
  const worse = finetunePublished({ ...start, ...settings, command: '' }, watch);
  await expect(worse).rejects.toMatchObject({ code: 'NOT_IMPROVED' });
  expect(await isThere(out('worse'))).toBe(false);
});

test('refused: too little footage, and a new file in the place of the old one', async () => {
  await writeSequence('short', 5);
  const short = finetune(options('short', { data: path.join(folder, 'short') }));
  await expect(short).rejects.toMatchObject({
    code: 'DATA_INVALID',
    message: expect.stringMatching(/5 frames/) as string,
  });
  await expect(finetune(options('same', { out: from }))).rejects.toMatchObject({ code: 'OPTION_INVALID' });
});

test('a head that predicted an IoU is ascended as a density once it has learned one', async () => {
  const model = fixtureModel(await readFixture('tiny-dimp18'));
  expect(model.recipe.rules).toMatchObject({ space: 'pixels', steps: 5 });
  const { recipe } = withBoxHead(model, splitWeights(model).learnt, 1e-3);
  expect(recipe.rules).toEqual({ ...model.recipe.rules, space: 'relative', steps: 10, step: 1e-3 });
});
