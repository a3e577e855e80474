import { copyFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { evaluate, finetune, openVideo } from '../src/index.js';
import { makeSequence } from './helpers/sequences.js';
import { temporaryFolder } from './helpers/video.js';

const tracker = path.resolve('test/fixtures/still-tracker.mjs');

it('evaluate runs what is missing and scores each seed; a sequence that cannot be run is told', async () => {
  const root = await temporaryFolder();
  for (const name of ['a', 'b']) await makeSequence(root, name, 4, [90, 60, 30]);
  await writeFile(path.join(root, 'b', 'groundtruth.txt'), '2,3,5\n');
  const options = { dataset: 'folder', root, out: path.join(root, 'out'), tracker, seeds: [3, 4], workers: 1 };
  const { runs, failed } = await evaluate(options);
  expect(runs.map(({ seed, folder }) => [seed, path.basename(folder)])).toEqual([
    [3, 'seed-3'],
    [4, 'seed-4'],
  ]);
  expect(runs[0]!.score.sequences.map(({ name }) => name)).toEqual(['a']);
  expect(runs[0]!.score.metrics['auc']).toBeGreaterThan(0);
  expect(failed.map(({ sequence, seed, code }) => [sequence, seed, code])).toEqual([
    ['b', 3, 'DATA_INVALID'],
    ['b', 4, 'DATA_INVALID'],
  ]);
  await expect(evaluate({ ...options, protocol: 'no-such' })).rejects.toMatchObject({ code: 'OPTION_INVALID' });
});

it('an aborted signal ends what is long: INTERRUPTED', async () => {
  const root = await temporaryFolder();
  await makeSequence(root, 'a', 4, [90, 60, 30]);
  const clip = path.join(root, 'clip.mp4');
  const truth = path.join(root, 'clip.txt');
  await copyFile('models/demo/demo.mp4', clip);
  await writeFile(truth, '195,24,351,243\n'.repeat(16));
  const interrupted = { code: 'INTERRUPTED' };
  const signal = AbortSignal.abort();
  await expect(openVideo(clip, { signal })).rejects.toMatchObject(interrupted);
  const out = path.join(root, 'out');
  await expect(evaluate({ dataset: 'folder', root, out, tracker, workers: 1, signal })).rejects.toMatchObject(
    interrupted,
  );
  const fit = { data: clip, truth, out: path.join(root, 'head.safetensors'), steps: 1, crops: 12, skipBad: true };
  await expect(finetune({ ...fit, signal })).rejects.toMatchObject(interrupted);
  // while the features are computed, after the footage was checked
  const controller = new AbortController();
  const later = finetune({ ...fit, onFeatures: () => controller.abort(), signal: controller.signal });
  await expect(later).rejects.toMatchObject({
    ...interrupted,
    message: expect.stringMatching(/feature bank/) as string,
  });
});

it.each([
  ['another ending', 'head.bin', /expected .safetensors/],
  ['the weights that ship', 'models/mine.safetensors', /never replaced/],
])('finetune refuses %s before it reads anything', async (_, out, message) => {
  await expect(finetune({ data: 'no-such', out })).rejects.toMatchObject({
    code: 'OPTION_INVALID',
    message: expect.stringMatching(message) as string,
  });
});
