import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TASKS } from '../../../benchmarks/regression/images/data.js';
import { listAges } from '../../../benchmarks/regression/images/loaders/age.js';
import { listCells } from '../../../benchmarks/regression/images/loaders/cell-count.js';
import { readPixels, type Example } from '../../../benchmarks/regression/images/loaders/common.js';
import { anglesOf, listHeads } from '../../../benchmarks/regression/images/loaders/head-pose.js';
import { inRange, loadTask, split } from '../../../benchmarks/regression/images/loaders/load.js';
import { listAngles } from '../../../benchmarks/regression/images/loaders/steering.js';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'images-'));
});
afterAll(() => rm(root, { recursive: true }));

/** A folder of files; images are 6 x 4 of one colour. */
async function folderOf(name: string, files: Readonly<Record<string, string | 'image'>>): Promise<string> {
  const folder = path.join(root, name);
  for (const [file, content] of Object.entries(files)) {
    const full = path.join(folder, file);
    await mkdir(path.dirname(full), { recursive: true });
    if (content !== 'image') await writeFile(full, content);
    else {
      await sharp({ create: { width: 6, height: 4, channels: 3, background: { r: 200, g: 100, b: 50 } } }).toFile(full);
    }
  }
  return folder;
}

const targets = (examples: readonly Example[]): number[][] => examples.map(({ target }) => [...target]);

test('UTKFace: the age of each name, also of the ones without a race', async () => {
  const folder = await folderOf('ages', {
    '1_0_2_20161219140530307.jpg.chip.jpg': 'image',
    '61_1_20170109142408075.jpg.chip.jpg': 'image',
    '100_1_0_20170112213500903.jpg': 'image',
    'notes.txt': 'not an image',
  });
  const examples = await listAges(folder);
  expect(targets(examples)).toEqual([[100], [1], [61]]);
  expect(targets(inRange(TASKS.age, examples))).toEqual([[1]]);
});

test('UTKFace: a wrong name, an impossible age, an empty folder', async () => {
  const wrong = await folderOf('ages-wrong', { 'portrait.jpg': 'image' });
  await expect(listAges(wrong)).rejects.toMatchObject({
    code: 'DATA_INVALID',
    message: expect.stringMatching(/portrait\.jpg.*expected age_gender_race_date/),
  });
  const old = await folderOf('ages-old', { '117_0_0_20170112213500903.jpg': 'image' });
  await expect(listAges(old)).rejects.toMatchObject({ message: expect.stringContaining('found age 117') });
  const empty = await folderOf('ages-empty', { 'notes.txt': '' });
  await expect(listAges(empty)).rejects.toMatchObject({ code: 'DATA_INVALID' });
  await expect(listAges(path.join(root, 'nowhere'))).rejects.toMatchObject({ code: 'INPUT_NOT_FOUND' });
});

test('Cell-200: counts in the names', async () => {
  const folder = await folderOf('cells', { '0_17.0.png': 'image', '1_200.png': 'image' });
  expect(targets(await listCells(folder))).toEqual([[17], [200]]);
  const wrong = await folderOf('cells-wrong', { '0_201.0.png': 'image' });
  await expect(listCells(wrong)).rejects.toMatchObject({
    code: 'DATA_INVALID',
    message: expect.stringContaining('found count "201", expected a whole number from 1 to 200'),
  });
});

test('Cell-200: labels.csv, with the line of a fault', async () => {
  const folder = await folderOf('labels', {
    'a.png': 'image',
    'b.png': 'image',
    'labels.csv': 'file,count\na.png,3\nb.png, 9\n',
  });
  expect(targets(await listCells(folder))).toEqual([[3], [9]]);
  const wrong = await folderOf('labels-wrong', { 'a.png': 'image', 'labels.csv': 'a.png,3\nc.png,4\n' });
  await expect(listCells(wrong)).rejects.toMatchObject({
    message: expect.stringMatching(/labels\.csv, line 2: found "c\.png"/),
  });
});

test('Cell-200: an HDF5 file alone says how to unpack it', async () => {
  const folder = await folderOf('packed', { 'Cell200_64x64.h5': 'HDF' });
  await expect(listCells(folder)).rejects.toMatchObject({
    code: 'DATA_INVALID',
    hint: expect.stringContaining('h5py'),
  });
});

test('steering: both forms of data.txt, images beside it or in data/', async () => {
  const beside = await folderOf('steering', {
    '0.jpg': 'image',
    '1.jpg': 'image',
    'data.txt': '0.jpg 0.000000\n1.jpg -120.5\n',
  });
  const examples = await listAngles(beside);
  expect(targets(examples)).toEqual([[0], [-120.5]]);
  expect(inRange(TASKS.steering, examples)).toHaveLength(1);
  const below = await folderOf('steering-data', {
    'data/0.jpg': 'image',
    'data.txt': '0.jpg 1.5,2018-07-01 17:09:44:912\n',
  });
  expect(targets(await listAngles(below))).toEqual([[1.5]]);
});

test('steering: faults name the line', async () => {
  const text = await folderOf('steering-text', { '0.jpg': 'image', 'data.txt': '0.jpg 1\n0.jpg left\n' });
  await expect(listAngles(text)).rejects.toMatchObject({
    message: expect.stringMatching(/data\.txt, line 2: found "0\.jpg left"/),
  });
  const missing = await folderOf('steering-missing', { '0.jpg': 'image', 'data.txt': '9.jpg 1\n' });
  await expect(listAngles(missing)).rejects.toMatchObject({ message: expect.stringMatching(/line 1: found "9\.jpg"/) });
  const none = await folderOf('steering-none', { '0.jpg': 'image' });
  await expect(listAngles(none)).rejects.toMatchObject({ code: 'INPUT_NOT_FOUND' });
});

const radians = (degrees: number): number => (degrees * Math.PI) / 180;
const cosine = (degrees: number): number => Math.cos(radians(degrees));
const sine = (degrees: number): number => Math.sin(radians(degrees));

test('head pose: angles of the elementary rotations', () => {
  const place = { file: 'pose.txt' };
  const close = (R: number[][], expected: number[]): void =>
    anglesOf(R, place).forEach((angle, d) => expect(angle).toBeCloseTo(expected[d]!, 6));
  close(
    [
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ],
    [0, 0, 0],
  );
  close(
    [
      [cosine(30), 0, sine(30)],
      [0, 1, 0],
      [-sine(30), 0, cosine(30)],
    ],
    [30, 0, 0],
  );
  close(
    [
      [1, 0, 0],
      [0, cosine(20), sine(20)],
      [0, -sine(20), cosine(20)],
    ],
    [0, 20, 0],
  );
  close(
    [
      [cosine(10), -sine(10), 0],
      [sine(10), cosine(10), 0],
      [0, 0, 1],
    ],
    [0, 0, 10],
  );
});

const STRAIGHT = '1 0 0 \n0 1 0 \n0 0 1 \n\n0 0 1000 \n';
const CAMERA = '500 0 3\n0 500 2\n0 0 1\n\n0 0 0 0\n\n1 0 0\n0 1 0\n0 0 1\n\n0 0 0\n\n6 4\n';

test('head pose: a folder a person, the head cut out where the camera is known', async () => {
  const folder = await folderOf('heads', {
    '01/frame_00003_rgb.png': 'image',
    '01/frame_00003_pose.txt': STRAIGHT,
    '01/rgb.cal': CAMERA,
    '02/frame_00001_rgb.png': 'image',
    '02/frame_00001_pose.txt': STRAIGHT,
    'readme.txt': '',
  });
  const [cut, whole] = await listHeads(folder);
  expect(cut).toMatchObject({ target: [0, 0, 0], group: '01', window: { left: 1, top: 0, width: 4, height: 4 } });
  expect(whole!.group).toBe('02');
  expect(whole!.window).toBeUndefined();
  expect(await readPixels(TASKS['head-pose'], cut!)).toHaveLength(64 * 64 * 3);
});

test('head pose: faults name the file', async () => {
  const pose = (text: string): Record<string, string> => ({
    '01/frame_00003_rgb.png': 'image',
    '01/frame_00003_pose.txt': text,
  });
  const short = await folderOf('heads-short', pose('1 0 0\n0 1 0\n'));
  await expect(listHeads(short)).rejects.toMatchObject({ message: expect.stringContaining('found 2 lines') });
  const text = await folderOf('heads-text', pose('1 0 0\n0 one 0\n0 0 1\n\n0 0 1\n'));
  await expect(listHeads(text)).rejects.toMatchObject({
    message: expect.stringMatching(/pose\.txt, line 2: found "0 one 0"/),
  });
  const scaled = await folderOf('heads-scaled', pose('2 0 0\n0 1 0\n0 0 1\n\n0 0 1\n'));
  await expect(listHeads(scaled)).rejects.toMatchObject({ code: 'DATA_INVALID' });
});

test('pixels are resized, in the colours of the task', async () => {
  const folder = await folderOf('pixels', { '0_5.png': 'image', '1_5.png': 'not an image' });
  const colour = await readPixels(TASKS.age, { file: path.join(folder, '0_5.png'), target: [5] });
  expect([...colour.subarray(0, 3)]).toEqual([200, 100, 50]);
  expect(await readPixels(TASKS.cells, { file: path.join(folder, '0_5.png'), target: [5] })).toHaveLength(64 * 64);
  const broken = { file: path.join(folder, '1_5.png'), target: [5] };
  await expect(readPixels(TASKS.cells, broken)).rejects.toMatchObject({ code: 'IMAGE_UNREADABLE' });
});

test('splits: 80/20, half of Cell-200, people apart; the same for the same seed', () => {
  const examples = Array.from({ length: 100 }, (_, i): Example => ({ file: `${i}.jpg`, target: [i] }));
  const { train, validation, test: tested } = split('age', examples, 1);
  expect([train.length, validation.length, tested.length]).toEqual([72, 8, 20]);
  expect(new Set([...train, ...validation, ...tested])).toEqual(new Set(examples));
  expect(split('age', examples, 1).test).toEqual(tested);
  expect(split('age', examples, 2).test).not.toEqual(tested);
  expect(split('cells', examples, 1).test).toHaveLength(50);
  const people = examples.map((example, i) => ({ ...example, group: `${i % 24}` }));
  const parts = split('head-pose', people, 1);
  const persons = (list: readonly Example[]): Set<string | undefined> => new Set(list.map(({ group }) => group));
  expect(persons(parts.test).size).toBe(8);
  const seen = persons([...parts.train, ...parts.validation]);
  expect([...persons(parts.test)].filter((person) => seen.has(person))).toEqual([]);
});

test('a whole set becomes images and targets; too few images are an error', async () => {
  const names = Array.from({ length: 10 }, (_, i) => `${i + 1}_0_0_2017011221350090${i}.jpg`);
  const folder = await folderOf('whole', Object.fromEntries(names.map((name) => [name, 'image' as const])));
  const parts = await loadTask('age', folder, { dataSeed: 1 });
  expect([parts.train, parts.validation, parts.test].map((set) => set.targets.length)).toEqual([7, 1, 2]);
  expect(parts.train.images).toHaveLength(7 * 64 * 64 * 3);
  const one = await folderOf('one', { '5_0_0_20170112213500903.jpg': 'image' });
  await expect(loadTask('age', one, { dataSeed: 1 })).rejects.toMatchObject({
    code: 'DATA_INVALID',
    message: expect.stringContaining('found no image for'),
  });
});
