import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseConfig } from '../../src/config.js';
import { intersectionOverUnion, type FrameBox } from '../../src/geometry.js';
import type { Frame } from '../../src/image/frame.js';
import { createRandom } from '../../src/random.js';
import type { TrackResult } from '../../src/result.js';
import { confidenceInputs, confidenceOf, limitBox, nextState, type Evidence } from '../../src/tracker/state.js';
import { createTracker, type Tracker } from '../../src/tracker/tracker.js';

const WIDTH = 240;
const HEIGHT = 180;

/** A patch of random blocks, [side, side], each block 4 pixels wide. */
function texture(seed: number, side: number): Uint8Array {
  const random = createRandom(seed);
  const blocks = Math.ceil(side / 4);
  const colours = Uint8Array.from({ length: blocks * blocks * 3 }, () => 256 * random.uniform());
  const data = new Uint8Array(side * side * 3);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const block = 3 * (Math.floor(y / 4) * blocks + Math.floor(x / 4));
      data.set(colours.subarray(block, block + 3), 3 * (y * side + x));
    }
  }
  return data;
}

const background = texture(1, WIDTH).map((value) => 90 + value / 8);
const object = texture(2, 40);

/** The object on its background; without a box, the background alone. */
function frameWith(index: number, box?: FrameBox): Frame {
  const data = background.slice(0, 3 * WIDTH * HEIGHT);
  const { x, y, w, h } = box ?? { x: 0, y: 0, w: 0, h: 0 };
  for (let i = 0; i < h; i++) {
    const row = Math.round(y) + i;
    data.set(object.subarray(120 * i, 120 * i + 3 * w), 3 * (row * WIDTH + Math.round(x)));
  }
  return { data, width: WIDTH, height: HEIGHT, index, time: index / 25 };
}

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
  expect(() => fresh.moveTo(frameWith(0), told)).toThrow(expect.objectContaining({ code: 'TRACKER_NOT_STARTED' }));
  await fresh.init(frameWith(0), { x: 100, y: 80, w: 30, h: 20 });
  fresh.moveTo(frameWith(0), told);
  await fresh.update(frameWith(0));
  const { region } = fresh.inspect()!;
  expect([region.cx, region.cy]).toEqual([75, 50]);
  expect(() => fresh.moveTo(frameWith(0), { ...told, w: Number.NaN })).toThrow(
    expect.objectContaining({ code: 'BOX_INVALID' }),
  );
  await fresh.release();
});

/** Two objects that move apart, and a place of the ground where there is none. */
const places = (index: number): FrameBox[] => [
  { x: 60 + 3 * index, y: 50, w: 40, h: 40 },
  { x: 20, y: 110 - 2 * index, w: 40, h: 40 },
  { x: 170, y: 20, w: 30, h: 24 },
];

function frameWithTwo(index: number): Frame {
  const [first, second] = places(index);
  const frame = frameWith(index, first);
  const other = frameWith(index, second);
  for (let i = 0; i < frame.data.length; i++) if (other.data[i] !== background[i]) frame.data[i] = other.data[i]!;
  return frame;
}

async function runSeveral(several: Tracker, count: number): Promise<(readonly TrackResult[])[]> {
  const results = [await several.init(frameWithTwo(0), places(0))];
  for (let i = 1; i < count; i++) results.push(await several.updateAll(frameWithTwo(i)));
  return results;
}

test.each([
  ['in this thread', { lanes: 1, threads: 2 }, 2],
  ['in two lanes', { lanes: 2, threads: 1 }, 1],
  ['in a lane a thread', { threads: 2 }, 1],
])('several objects, %s: each gets the boxes to the last bit that it gets alone', async (_, options, threads) => {
  const target = { learnEvery: 2 }; // soon, so that few frames show all
  const several = await createTracker({ provider: 'cpu', target, ...options });
  const single = await createTracker({ provider: 'cpu', target, threads, lanes: 1 });
  const together = await runSeveral(several, 7);
  for (const [object, box] of places(0).entries()) {
    const alone = [await single.init(frameWithTwo(0), box)];
    for (let i = 1; i < together.length; i++) alone.push(await single.update(frameWithTwo(i)));
    expect(together.map((results) => results[object])).toEqual(alone);
  }
  together.forEach((results, i) =>
    places(i)
      .slice(0, 2)
      .forEach((place, n) => expect(intersectionOverUnion(results[n]!.box, place)).toBeGreaterThan(0.5)),
  );
  // the same tracker with one object again
  const one = await several.init(frameWithTwo(0), places(0)[0]!);
  expect(one.box).toEqual(places(0)[0]);
  expect(intersectionOverUnion((await several.update(frameWithTwo(1))).box, together[1]![0]!.box)).toBeGreaterThan(0.9);
  // and with two, after which it has another number of lanes
  expect(await several.init(frameWithTwo(0), places(0).slice(0, 2))).toHaveLength(2);
  expect(await several.updateAll(frameWithTwo(1))).toHaveLength(2);
  await several.release();
  await single.release();
});

test.each([1, 2])('several objects in %s lanes: what is asked of the wrong object is refused', async (lanes) => {
  const several = await createTracker({ provider: 'cpu', threads: 1, lanes });
  await expect(several.updateAll(frameWithTwo(0))).rejects.toMatchObject({ code: 'TRACKER_NOT_STARTED' });
  await expect(several.init(frameWithTwo(0), [])).rejects.toMatchObject({ code: 'BOX_INVALID' });
  const bad = [places(0)[0]!, { x: 1, y: 2, w: -5, h: 4 }];
  await expect(several.init(frameWithTwo(0), bad)).rejects.toMatchObject({
    code: 'BOX_INVALID',
    message: expect.stringMatching(/-5/),
  });
  await several.init(frameWithTwo(0), places(0));
  await expect(several.update(frameWithTwo(1))).rejects.toMatchObject({ code: 'OPTION_INVALID' });
  expect(() => several.moveTo(frameWithTwo(1), places(1)[0]!, 3)).toThrow(
    expect.objectContaining({ code: 'OPTION_INVALID' }),
  );
  // told where the second one is: only that one moves
  const before = await several.updateAll(frameWithTwo(1));
  await several.init(frameWithTwo(0), places(0));
  several.moveTo(frameWithTwo(0), { x: 150, y: 100, w: 40, h: 40 }, 1);
  const after = await several.updateAll(frameWithTwo(1));
  expect(after[0]).toEqual(before[0]);
  expect(after[2]).toEqual(before[2]);
  expect(after[1]).not.toEqual(before[1]);
  await several.release();
});

test('a wrong configuration is refused, every fault named', () => {
  expect(() => parseConfig({ seed: -1, posterior: { candidates: 0, colour: 1 } })).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringMatching(/seed.*posterior\.candidates/s) }),
  );
});

test('states: lost stays lost until it is sure, and then is found for one frame', () => {
  const states = [0.9, 0.4, 0.1, 0.4, 0.7, 0.8].reduce<ReturnType<typeof nextState>[]>(
    (list, confidence) => [...list, nextState(list.at(-1) ?? 'tracking', confidence)],
    [],
  );
  expect(states).toEqual(['tracking', 'uncertain', 'lost', 'lost', 'found', 'tracking']);
});

test('a box changes size step by step and keeps its centre in the frame', () => {
  const last = { x: 10, y: 10, w: 20, h: 20 };
  const limited = limitBox({ x: -400, y: 10, w: 200, h: 1 }, last, { width: 100, height: 100 });
  expect(limited.w).toBeCloseTo(20 * Math.exp(0.3), 5);
  expect(limited.h).toBeCloseTo(20 * Math.exp(-0.3), 5);
  expect(limited.x + limited.w / 2).toBe(0);
});

test('more evidence is more confidence', () => {
  const model = { bias: 0, weights: [2, -1, -1, 0.5, 1] };
  const weak = { response: 0.1, rival: 0.5, spread: 0.1, effectiveShare: 0.3, energy: 0.2, logZ: -4 };
  const strong = { response: 0.9, rival: 0.1, spread: 0.02, effectiveShare: 0.7, energy: 0.9, logZ: 6 };
  const of = (evidence: Evidence): number => confidenceOf(confidenceInputs(evidence), model);
  expect(of(strong)).toBeGreaterThan(of(weak));
});
