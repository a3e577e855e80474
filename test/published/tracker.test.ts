import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { TrackerOptions } from '../../src/config.js';
import type { FrameBox } from '../../src/geometry.js';
import { sha256Of } from '../../src/hash.js';
import { formatSafetensors } from '../../src/io/safetensors.js';
import { createTracker, createTrackerGroup } from '../../src/node/open.js';
import { confidenceOf } from '../../src/published/confidence.js';
import { formatPublished } from '../../src/published/file.js';
import { PublishedObject } from '../../src/published/object.js';
import type { TrackResult } from '../../src/result.js';
import { fixtureModel, fixtureRules, readFixture, type Fixture } from '../../tools/published/fixture.js';
import { seededBox, seededFrame } from '../../tools/published/seeded.js';

vi.setConfig({ testTimeout: 300_000 });
const FRAMES = 5;
const { follow } = PublishedObject.prototype;

let folder: string;
let fixture: Fixture;
let file: string;
let hash: string;
let options: TrackerOptions;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'published-'));
  fixture = await readFixture('tiny-lost');
  const model = fixtureModel(fixture);
  const bytes = formatSafetensors(formatPublished(model));
  file = path.join(folder, 'small.safetensors');
  hash = sha256Of(bytes);
  await writeFile(file, bytes);
  const { notFound } = fixtureRules(fixture, model);
  options = { head: file, threads: 1, provider: 'cpu', seed: fixture.seed, published: { notFound } };
});
afterAll(() => rm(folder, { recursive: true }));

const first = (): FrameBox => {
  const [x, y, w, h] = fixture.first;
  return { x, y, w, h };
};
const corners = ({ x, y, w, h }: FrameBox): number[] => [x, y, w, h];

test('an imported tracker is a head: the boxes of the original, and its flags as our states', async () => {
  const tracker = await createTracker(options);
  expect(tracker.description).toMatchObject({ engine: 'onnx', lanes: 1, weights: hash, calibrated: false });
  expect(await tracker.init(seededFrame(0), first())).toMatchObject({ confidence: 1, state: 'tracking' });
  let lost = false;
  for (const [i, row] of fixture.rows.entries()) {
    if (i === 0) continue;
    const { box, state, confidence } = await tracker.update(seededFrame(i));
    corners(box).forEach((value, side) => expect(Math.abs(value - row.box[side]!)).toBeLessThan(0.01));
    const expected = { not_found: 'lost', uncertain: lost ? 'lost' : 'uncertain' }[String(row.flag)];
    expect(state, `frame ${i}`).toBe(expected ?? (lost ? 'found' : 'tracking'));
    lost = state === 'lost';
    expect(confidence).toBeGreaterThanOrEqual(state === 'tracking' || state === 'found' ? 0.5 : 0);
    expect(confidence).toBeLessThan(state === 'lost' || state === 'uncertain' ? 0.5 : 1.01);
  }
  expect(fixture.rows.map(({ flag }) => flag)).toEqual(expect.arrayContaining(['not_found', 'normal']));
  expect(tracker.inspect()).toBeUndefined();
  expect([...tracker.stopwatch.stages.keys()]).toEqual(expect.arrayContaining(['crop', 'networks', 'refine', 'learn']));
  await tracker.release();
  await expect(tracker.update(seededFrame(1))).rejects.toMatchObject({ code: 'TRACKER_RELEASED' });
});

test('a group follows each object as if it were alone, and takes a correction', async () => {
  const other: FrameBox = { x: 30, y: 150, w: 50, h: 40 };
  const alone: TrackResult[][] = [];
  for (const box of [first(), other]) {
    const tracker = await createTracker(options);
    const results = [await tracker.init(seededFrame(0), box)];
    for (let i = 1; i < FRAMES; i++) results.push(await tracker.update(seededFrame(i)));
    alone.push(results);
    await tracker.release();
  }
  // six objects: more than one run of the backbone
  const group = await createTrackerGroup(options);
  const boxes = [first(), other, first(), other, first(), other];
  const results = [await group.init(seededFrame(0), boxes)];
  for (let i = 1; i < FRAMES; i++) results.push(await group.update(seededFrame(i)));
  for (const [i, row] of results.entries()) {
    for (const [object, { box, confidence, state }] of row.entries()) {
      const expected = alone[object % 2]![i]!;
      expect(state).toBe(expected.state);
      expect(confidence).toBeCloseTo(expected.confidence, 3);
      corners(box).forEach((value, side) => expect(value).toBeCloseTo(corners(expected.box)[side]!, 1));
    }
  }
  await group.moveTo(seededFrame(FRAMES - 1), seededBox(FRAMES - 1), 1);
  const [, moved] = await group.update(seededFrame(FRAMES));
  expect(Math.abs(moved!.box.x - seededBox(FRAMES).x)).toBeLessThan(30);
  await expect(group.moveTo(seededFrame(0), other, 6)).rejects.toMatchObject({ code: 'OPTION_INVALID' });
  await group.release();
});

test('an update that fails leaves all objects as they were', async () => {
  const boxes = [first(), { x: 30, y: 150, w: 50, h: 40 }];
  const run = async (fails: boolean): Promise<(readonly TrackResult[])[]> => {
    const group = await createTrackerGroup(options);
    const results = [await group.init(seededFrame(0), boxes)];
    for (let i = 1; i < 5; i++) {
      if (fails) {
        let calls = 0;
        const broken = vi.spyOn(PublishedObject.prototype, 'follow').mockImplementation(function (
          this: PublishedObject,
          ...args: Parameters<typeof follow>
        ) {
          return ++calls === 2 ? Promise.reject(new Error('the device is gone')) : follow.apply(this, args);
        });
        await expect(group.update(seededFrame(i))).rejects.toThrow(/gone/);
        broken.mockRestore();
      }
      results.push(await group.update(seededFrame(i)));
    }
    await group.release();
    return results;
  };
  expect(await run(true)).toEqual(await run(false));
});

describe('refused', () => {
  test('settings of our own method, named', async () => {
    const wrong = createTracker({ ...options, preset: 'fast', posterior: { size: 0.2 } });
    await expect(wrong).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/preset, precision.*posterior/) as string,
    });
  });

  test('somebody who looks on', async () => {
    const watched = createTracker(options, { observe: async () => undefined });
    await expect(watched).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      hint: expect.stringMatching(/--debug/) as string,
    });
  });

  test('calls before init(), and a box outside', async () => {
    const tracker = await createTracker(options);
    await expect(tracker.update(seededFrame(0))).rejects.toMatchObject({ code: 'TRACKER_NOT_STARTED' });
    await expect(tracker.init(seededFrame(0), { x: 900, y: 0, w: 5, h: 5 })).rejects.toMatchObject({
      code: 'BOX_INVALID',
    });
    await tracker.release();
  });

  test('a file that is cut off', async () => {
    const cut = path.join(folder, 'cut.safetensors');
    const bytes = formatSafetensors(formatPublished(fixtureModel(fixture)));
    await writeFile(cut, bytes.subarray(0, bytes.length / 2));
    await expect(createTracker({ head: cut })).rejects.toMatchObject({ code: 'MODEL_INVALID' });
  });
});

test('its name without the ending is enough, beside the working folder', async () => {
  const before = process.cwd();
  process.chdir(folder);
  try {
    const tracker = await createTracker({ ...options, head: 'small' });
    expect(tracker.description.weights).toBe(hash);
    await tracker.release();
  } finally {
    process.chdir(before);
  }
});

describe('confidence', () => {
  test('the borders of our states lie where the published rules have theirs', () => {
    expect(confidenceOf('not_found', 0.2, 0.25)).toBeLessThan(0.25);
    expect(confidenceOf('uncertain', 0.9, 0.25)).toBeLessThan(0.5);
    expect(confidenceOf('uncertain', 0.26, 0.25)).toBeGreaterThanOrEqual(0.25);
    expect(confidenceOf('normal', 0.26, 0.25)).toBe(0.5);
    expect(confidenceOf('hard_negative', 0.8, 0.25)).toBeCloseTo(0.8);
    expect(confidenceOf('normal', 0.12, 0.04)).toBeCloseTo(0.75);
    expect(confidenceOf('not_found', Number.NaN, 0.25)).toBeLessThan(0.25);
  });

  test('once fitted it is a logistic curve of the score', () => {
    const fitted = { offset: -2, slope: 6 };
    expect(confidenceOf('normal', 0.5, 0.25, fitted)).toBeCloseTo(1 / (1 + Math.exp(-1)));
    expect(confidenceOf('not_found', 0, 0.25, fitted)).toBeCloseTo(1 / (1 + Math.exp(2)));
  });
});
