import { afterAll, beforeAll, expect, test } from 'vitest';
import { intersectionOverUnion, type FrameBox } from '../../src/geometry.js';
import { createTracker, parseConfig } from '../../src/node/open.js';
import type { TrackResult } from '../../src/result.js';
import type { Tracker } from '../../src/tracker/types.js';
import { frameWith, HEIGHT, WIDTH } from '../helpers/scene.js';

const truth = (index: number): FrameBox => ({ x: 60 + 5 * index, y: 50 + 3 * index, w: 40, h: 40 });

async function run(tracker: Tracker, count: number): Promise<TrackResult[]> {
  const results = [await tracker.init(frameWith(0, truth(0)), truth(0))];
  for (let i = 1; i < count; i++) results.push(await tracker.update(frameWith(i, truth(i))));
  return results;
}

let tracker: Tracker;
beforeAll(async () => {
  tracker = await createTracker({ threads: 1, provider: 'cpu' });
});
afterAll(() => tracker.release());

test('it follows a moving object', async () => {
  const results = await run(tracker, 12);
  results.forEach(({ box }, i) => expect(intersectionOverUnion(box, truth(i))).toBeGreaterThan(0.6));
  expect(results[0]).toEqual({ box: truth(0), confidence: 1, state: 'tracking' });
});

test('the same seed gives the same boxes to the last bit, another seed others; and trackers do not know of each other', async () => {
  const other = await createTracker({ threads: 1, provider: 'cpu' });
  const different = await createTracker({ threads: 1, provider: 'cpu', seed: 99 });
  const alone = await run(tracker, 5);
  await tracker.init(frameWith(0, truth(0)), truth(0));
  await other.init(frameWith(0, truth(0)), truth(0));
  await different.init(frameWith(0, truth(0)), truth(0));
  for (let i = 1; i < 5; i++) {
    const [a, b, c] = [
      await tracker.update(frameWith(i, truth(i))),
      await other.update(frameWith(i, truth(i))),
      await different.update(frameWith(i, truth(i))),
    ];
    expect(a).toEqual(alone[i]);
    expect(b).toEqual(alone[i]);
    expect(c.box).not.toEqual(alone[i]!.box);
  }
  await other.release();
  await different.release();
});

test('the TensorFlow.js engine gives the same boxes within half a pixel', async () => {
  const tfjs = await createTracker({ threads: 1, provider: 'cpu', engine: 'tfjs', backend: 'wasm' });
  const a = await run(tracker, 4);
  const b = await run(tfjs, 4);
  a.forEach(({ box }, i) => {
    for (const key of ['x', 'y', 'w', 'h'] as const) expect(Math.abs(box[key] - b[i]!.box[key])).toBeLessThan(0.5);
  });
  await tfjs.release();
});

test.each(['ascent', 'mean'] as const)('the estimate %s follows too', async (estimate) => {
  const ascending = await createTracker({ threads: 1, provider: 'cpu', posterior: { estimate } });
  const results = await run(ascending, 5);
  results.forEach(({ box }, i) => expect(intersectionOverUnion(box, truth(i))).toBeGreaterThan(0.5));
  await ascending.release();
});

test('when the object is gone the box is finite and stays in the frame, and confidence falls', async () => {
  const [first, ...rest] = await run(tracker, 6);
  const present = rest.at(-1)!;
  let gone: TrackResult = first!;
  for (let i = 6; i < 12; i++) gone = await tracker.update(frameWith(i));
  expect(gone.confidence).toBeLessThan(present.confidence);
  for (const value of Object.values(gone.box)) expect(Number.isFinite(value)).toBe(true);
});

test.each([
  ['partly outside', { x: -20, y: 40, w: 60, h: 40 }],
  ['one pixel', { x: 50, y: 50, w: 1, h: 1 }],
  ['the whole frame', { x: 0, y: 0, w: WIDTH, h: HEIGHT }],
  ['larger than the frame', { x: -50, y: -50, w: 400, h: 400 }],
])('a first box that means something is accepted and clipped: %s', async (_, box) => {
  const { box: first } = await tracker.init(frameWith(0, truth(0)), box);
  expect(first.x).toBeGreaterThanOrEqual(0);
  expect(first.x + first.w).toBeLessThanOrEqual(WIDTH);
  const next = await tracker.update(frameWith(1, truth(1)));
  for (const value of Object.values(next.box)) expect(Number.isFinite(value)).toBe(true);
});

test.each([
  ['NaN', { x: Number.NaN, y: 1, w: 5, h: 5 }, /NaN/],
  ['infinite', { x: 1, y: Number.POSITIVE_INFINITY, w: 5, h: 5 }, /Infinity/],
  ['negative width', { x: 1, y: 1, w: -5, h: 5 }, /-5/],
  ['zero height', { x: 1, y: 1, w: 5, h: 0 }, /height is 0/],
  ['outside', { x: 500, y: 1, w: 5, h: 5 }, /500/],
])('a first box that means nothing is refused, the value named: %s', async (_, box, message) => {
  await expect(tracker.init(frameWith(0), box)).rejects.toMatchObject({
    code: 'BOX_INVALID',
    message: expect.stringMatching(message),
  });
});

test('update before init is refused', async () => {
  const fresh = await createTracker({ threads: 1, provider: 'cpu' });
  await expect(fresh.update(frameWith(0))).rejects.toMatchObject({ code: 'TRACKER_NOT_STARTED' });
  await fresh.release();
});

test('moveTo goes on from the box it is given, clipped to the frame; not before init', async () => {
  const fresh = await createTracker({ threads: 1, provider: 'cpu' });
  const told = { x: 60, y: 40, w: 30, h: 20 };
  await expect(fresh.moveTo(frameWith(0), told)).rejects.toMatchObject({ code: 'TRACKER_NOT_STARTED' });
  await fresh.init(frameWith(0), { x: 100, y: 80, w: 30, h: 20 });
  await fresh.moveTo(frameWith(0), told);
  await fresh.update(frameWith(0));
  const { region } = fresh.inspect()!;
  expect([region.cx, region.cy]).toEqual([75, 50]);
  await expect(fresh.moveTo(frameWith(0), { ...told, w: Number.NaN })).rejects.toMatchObject({ code: 'BOX_INVALID' });
  await fresh.release();
});

test('a wrong configuration is refused, every fault named', () => {
  expect(() => parseConfig({ seed: -1, posterior: { candidates: 0, colour: 1 } })).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringMatching(/seed.*posterior\.candidates/s) }),
  );
});
