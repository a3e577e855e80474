/** An imported tracker through the commands: import, track, evaluate. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { architectureOf } from '../../src/published/file.js';
import { fixtureModel, fixtureRules, readFixture, type Fixture } from '../../tools/published/fixture.js';
import { seededBox, seededCheckpoint, seededFrame, seededState } from '../../tools/published/seeded.js';
import { cli } from '../helpers/terminal.js';

vi.setConfig({ testTimeout: 300_000 });
const FRAMES = 5;

let folder: string;
let fixture: Fixture;
let head: string;
let config: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'published-cli-'));
  fixture = await readFixture('tiny-super-dimp');
  await writePictures(path.join(folder, 'sequences', 'one', 'img'));
  const model = fixtureModel(fixture);
  const state = seededState(architectureOf(model.recipe), fixture.filterOptimizer);
  const kwds = { filter_size: 4, num_dist_bins: 100, bin_displacement: 0.1, init_gauss_sigma: 0.9166666666666666 };
  const checkpoint = path.join(folder, 'checkpoint.pth.tar');
  await writeFile(checkpoint, seededCheckpoint(state, { kwds, projectPath: 'ltr/dimp/super_dimp' }, 'zip'));
  head = path.join(folder, 'super-dimp');
  const { exitCode, err } = await cli('import', checkpoint, '--out', head);
  expect(err).toBe('');
  expect(exitCode).toBe(0);
  // random weights score low
  config = path.join(folder, 'config.json');
  await writeFile(config, JSON.stringify({ published: { notFound: fixtureRules(fixture, model).notFound } }));
});
afterAll(() => rm(folder, { recursive: true }));

/** The seeded sequence, with its true boxes beside it. */
async function writePictures(images: string): Promise<void> {
  await mkdir(images, { recursive: true });
  const truth: string[] = [];
  for (let i = 0; i < FRAMES; i++) {
    const { data, width, height } = seededFrame(i);
    await sharp(data, { raw: { width, height, channels: 3 } }).toFile(path.join(images, `${i + 1}.png`));
    const { x, y, w, h } = seededBox(i);
    truth.push([x, y, w, h].join());
  }
  await writeFile(path.join(path.dirname(images), 'groundtruth.txt'), `${truth.join('\n')}\n`);
}

const pictures = (): string => path.join(folder, 'sequences', 'one', 'img');
const flags = (): string[] => ['--head', head, '--config', config, '--threads', '1'];

test('track follows one object and several, and says that the confidence is not calibrated', async () => {
  const one = path.join(folder, 'one.csv');
  const single = await cli('track', pictures(), '--box', fixture.first.join(), '--out', one, ...flags());
  expect(single.exitCode, single.err).toBe(0);
  expect(single.err).toMatch(/engine onnx on cpu, 1 thread.*\n.*not a calibrated probability/);
  const rows = (await readFile(one, 'utf8')).trimEnd().split('\n').slice(1);
  expect(rows).toHaveLength(FRAMES);

  const both = path.join(folder, 'both.csv');
  const boxes = ['--box', fixture.first.join(), '--box', '30,150,50,40'];
  expect((await cli('track', pictures(), ...boxes, '--out', both, ...flags())).exitCode).toBe(0);
  expect((await readFile(both, 'utf8')).trimEnd().split('\n')).toHaveLength(1 + 2 * FRAMES);
});

test('what it has not is refused, with what to do', async () => {
  const debug = await cli('track', pictures(), '--box', '1,1,9,9', '--debug', path.join(folder, 'debug'), ...flags());
  expect(debug).toMatchObject({
    exitCode: 2,
    err: expect.stringMatching(/no posterior to look at[^]*leave --debug out/) as string,
  });
  const fast = await cli('track', pictures(), '--box', '1,1,9,9', '--preset', 'fast', ...flags());
  expect(fast).toMatchObject({ exitCode: 2, err: expect.stringMatching(/follows its own rules.*preset/) as string });
});

test('evaluate runs it over a data set, and its record names the file', async () => {
  const out = path.join(folder, 'results');
  const root = ['--root', path.join(folder, 'sequences'), '--out', out];
  const { exitCode, err } = await cli('evaluate', 'folder', ...root, '--workers', '1', '--quiet', ...flags());
  expect(exitCode, err).toBe(0);
  const run = path.join(out, 'ebm-tracker', 'folder', 'seed-11');
  const record = JSON.parse(await readFile(path.join(run, 'run.json'), 'utf8')) as { weights: Record<string, string> };
  expect(record.weights['head']).toMatch(/^[0-9a-f]{64}$/);
  expect((await readFile(path.join(run, 'one.txt'), 'utf8')).trimEnd().split('\n')).toHaveLength(FRAMES);
});

test('evaluate --fit-confidence writes a copy whose confidence is a probability', async () => {
  const root = path.join(folder, 'more');
  await writePictures(path.join(root, 'right', 'img'));
  await writePictures(path.join(root, 'wrong', 'img'));
  // from its third frame on the object is somewhere else
  const far = Array.from({ length: FRAMES - 2 }, () => '300,10,12,12');
  const [a, b] = [seededBox(0), seededBox(1)].map(({ x, y, w, h }) => [x, y, w, h].join());
  await writeFile(path.join(root, 'wrong', 'groundtruth.txt'), [a, b, ...far, ''].join('\n'));
  const fitted = path.join(folder, 'fitted.safetensors');
  const out = ['--root', root, '--out', path.join(folder, 'fit-results'), '--workers', '1', '--quiet'];
  const { exitCode, err } = await cli('evaluate', 'folder', ...out, ...flags(), '--fit-confidence', fitted);
  expect(exitCode, err).toBe(0);
  expect(err).toMatch(/confidence fitted to 8 frames: expected calibration error .* after/);
  const track = await cli('track', pictures(), '--box', fixture.first.join(), '--head', fitted, '--config', config);
  expect(track.exitCode, track.err).toBe(0);
  expect(track.err).not.toMatch(/calibrated/);

  const ours = await cli('evaluate', 'folder', ...out, '--fit-confidence', fitted);
  expect(ours).toMatchObject({ exitCode: 2, err: expect.stringMatching(/no --head, expected an imported/) as string });
  const same = await cli('evaluate', 'folder', ...out, ...flags(), '--fit-confidence', `${head}.safetensors`);
  expect(same).toMatchObject({ exitCode: 2, err: expect.stringMatching(/is an input as well/) as string });
});
