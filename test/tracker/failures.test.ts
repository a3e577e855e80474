/** What fails in the middle: sessions that do not open, runs that fail, observers that throw, calls that overlap. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { TrackerOptions } from '../../src/config.js';
import { TrackerError } from '../../src/errors.js';
import type { FrameBox } from '../../src/geometry.js';
import type { Frame } from '../../src/image/frame.js';
import { createTracker, parseConfig } from '../../src/node/open.js';
import { nodePlatform } from '../../src/node/platform.js';
import type { TrackResult } from '../../src/result.js';
import type * as Onnx from '../../src/runtime/onnx.js';
import { openOneThreadGroup } from '../../src/tracker/group.js';
import { frameWithTwo, places } from '../helpers/scene.js';

/** Sessions of the runtime: how many were opened and are open, how often they ran, and which of these calls is to fail. */
const runtime = vi.hoisted(() => ({ opened: 0, open: 0, runs: 0, failOpening: 0, failRun: 0 }));

vi.mock('../../src/runtime/onnx.js', async (original) => {
  const real = await original<typeof Onnx>();
  const failed = (what: string): TrackerError => new TrackerError('RUNTIME_UNAVAILABLE', what, { hint: 'a test' });
  const openOnnxModel: typeof Onnx.openOnnxModel = async (model, options) => {
    if (++runtime.opened === runtime.failOpening) throw failed('this one does not open');
    const session = await real.openOnnxModel(model, options);
    runtime.open++;
    return {
      ...session,
      run(feeds, wanted) {
        return ++runtime.runs === runtime.failRun
          ? Promise.reject(failed('this run fails'))
          : session.run(feeds, wanted);
      },
      release() {
        runtime.open--;
        return session.release();
      },
    };
  };
  return { ...real, openOnnxModel };
});

const OPTIONS = { threads: 1, provider: 'cpu', target: { learnEvery: 2 } } satisfies TrackerOptions;
const BOXES = places(0).slice(0, 2);
const [BOX, OTHER] = BOXES as [FrameBox, FrameBox];
const FRAMES = 6;

beforeEach(() => Object.assign(runtime, { opened: 0, runs: 0, failOpening: 0, failRun: 0 }));
afterEach(() => expect(runtime.open).toBe(0));

/** Results of frames 1 to FRAMES by the first box, each awaited; of runs that nothing disturbed. */
const undisturbed = new Map<FrameBox, Promise<TrackResult[]>>();
function awaited(box: FrameBox = BOX): Promise<TrackResult[]> {
  const known = undisturbed.get(box) ?? runAwaited(box);
  undisturbed.set(box, known);
  return known;
}

async function runAwaited(box: FrameBox): Promise<TrackResult[]> {
  const tracker = await createTracker(OPTIONS);
  await tracker.init(frameWithTwo(0), box);
  const results: TrackResult[] = [];
  for (let i = 1; i <= FRAMES; i++) results.push(await tracker.update(frameWithTwo(i)));
  await tracker.release();
  return results;
}

describe('opening', () => {
  test.each([
    ['joined', {}],
    ['one network after the other', { joined: false }],
  ])('whichever session fails, none stays open: %s', async (_, options) => {
    const tracker = await createTracker({ ...OPTIONS, ...options });
    const count = runtime.opened;
    expect(count).toBeGreaterThan(5);
    expect(runtime.open).toBe(count);
    await tracker.release();
    for (let failing = 1; failing <= count; failing++) {
      Object.assign(runtime, { opened: 0, failOpening: failing });
      await expect(createTracker({ ...OPTIONS, ...options })).rejects.toMatchObject({ code: 'RUNTIME_UNAVAILABLE' });
      expect(runtime.open).toBe(0);
    }
  });
});

describe('a call that fails leaves no trace', () => {
  test('a run of the runtime, each one of an update that learns: the same frame is given again', async () => {
    const expected = await awaited();
    const tracker = await createTracker(OPTIONS);
    await tracker.init(frameWithTwo(0), BOX);
    const results: TrackResult[] = [];
    let failures = 0;
    for (let i = 1; i <= FRAMES; i++) {
      for (let run = 1; results.length < i; run++) {
        // in frame 4 every run fails once: one lesson ends, the next one begins; elsewhere every tenth
        runtime.failRun = runtime.runs + (i === 4 ? run : 10 * run);
        const before = tracker.inspect();
        await tracker.update(frameWithTwo(i)).then(
          (result) => results.push(result),
          (error: unknown) => {
            expect(error).toMatchObject({ code: 'RUNTIME_UNAVAILABLE' });
            expect(tracker.inspect()).toBe(before);
            failures++;
          },
        );
      }
    }
    expect(failures).toBeGreaterThan(15);
    expect(results).toEqual(expected);
    await tracker.release();
  });

  test('an observer that throws; calls behind it in the queue go on', async () => {
    const expected = await awaited();
    let fail = true;
    const tracker = await createTracker(OPTIONS, {
      async observe(_, { index }) {
        if (index === 3 && fail) throw new Error('no room on the disk');
      },
    });
    const calls = [tracker.init(frameWithTwo(0), BOX), ...[1, 2, 3].map((i) => tracker.update(frameWithTwo(i)))];
    const [, first, second, third] = await Promise.allSettled(calls);
    expect([first, second]).toEqual(expected.slice(0, 2).map((value) => ({ status: 'fulfilled', value })));
    expect(third).toMatchObject({ status: 'rejected', reason: { message: 'no room on the disk' } });
    fail = false;
    for (let i = 3; i <= FRAMES; i++) expect(await tracker.update(frameWithTwo(i))).toEqual(expected[i - 1]);
    await tracker.release();
  });

  test('an init that fails: the object before is followed on', async () => {
    const expected = await awaited();
    const tracker = await createTracker(OPTIONS);
    await tracker.init(frameWithTwo(0), BOX);
    expect(await tracker.update(frameWithTwo(1))).toEqual(expected[0]);
    await expect(tracker.init(frameWithTwo(1), { ...BOX, w: -1 })).rejects.toMatchObject({ code: 'BOX_INVALID' });
    runtime.failRun = runtime.runs + 12;
    await expect(tracker.init(frameWithTwo(1), BOX)).rejects.toMatchObject({ code: 'RUNTIME_UNAVAILABLE' });
    expect(await tracker.update(frameWithTwo(2))).toEqual(expected[1]);
    await tracker.release();
  });

  test('in a group: no object has moved on without the others', async () => {
    const expected = [await awaited(BOX), await awaited(OTHER)];
    const group = await openOneThreadGroup(nodePlatform, parseConfig({ ...OPTIONS, lanes: 1 }));
    await group.init(frameWithTwo(0), BOXES);
    for (let i = 1; i <= FRAMES; i++) {
      // one of the runs for the second object
      runtime.failRun = runtime.runs + 7;
      await expect(group.update(frameWithTwo(i))).rejects.toMatchObject({ code: 'RUNTIME_UNAVAILABLE' });
      expect(await group.update(frameWithTwo(i))).toEqual(expected.map((results) => results[i - 1]));
      // what another lane could not do is taken back, and done again
      await group.undo();
      expect(await group.update(frameWithTwo(i))).toEqual(expected.map((results) => results[i - 1]));
    }
    await group.release();
  });
});

describe('calls that overlap take turns', () => {
  test('updates that are not awaited give the boxes of awaited ones, in a group too', async () => {
    const frames = Array.from({ length: FRAMES }, (_, i) => frameWithTwo(i + 1));
    const expected = await awaited();
    const tracker = await createTracker(OPTIONS);
    const begun = tracker.init(frameWithTwo(0), BOX);
    expect(await Promise.all(frames.map((frame) => tracker.update(frame)))).toEqual(expected);
    await begun;
    await tracker.release();
    const group = await openOneThreadGroup(nodePlatform, parseConfig({ ...OPTIONS, lanes: 1 }));
    void group.init(frameWithTwo(0), [BOX]);
    const results = await Promise.all(frames.map((frame) => group.update(frame)));
    expect(results.map(([result]) => result)).toEqual(expected);
    await group.release();
  });

  test('init and moveTo while an update runs count from the next update on', async () => {
    const expected = await awaited();
    const other = await awaited(OTHER);
    const tracker = await createTracker(OPTIONS);
    await tracker.init(frameWithTwo(0), BOX);
    const told = { ...BOX, x: BOX.x + 40 };
    const calls = [
      tracker.update(frameWithTwo(1)),
      tracker.moveTo(frameWithTwo(1), told),
      tracker.update(frameWithTwo(2)),
    ];
    await calls[0];
    expect(await calls[0]).toEqual(expected[0]);
    await calls[2];
    expect(tracker.inspect()!.region.cx).toBeCloseTo(told.x + told.w / 2, 6);
    const before = tracker.update(frameWithTwo(3));
    const again = tracker.init(frameWithTwo(0), OTHER);
    const after = tracker.update(frameWithTwo(1));
    expect((await before).box).not.toEqual(other[0]!.box);
    expect(await again).toMatchObject({ box: OTHER, confidence: 1 });
    expect(await after).toEqual(other[0]);
    await tracker.release();
  });

  test('release waits for the calls before it; later ones are refused', async () => {
    const expected = await awaited();
    const tracker = await createTracker(OPTIONS);
    await tracker.init(frameWithTwo(0), BOX);
    const calls = [tracker.update(frameWithTwo(1)), tracker.update(frameWithTwo(2))];
    const released = tracker.release();
    expect(runtime.open).toBeGreaterThan(0);
    const late: ((frame: Frame) => Promise<unknown>)[] = [
      (frame) => tracker.update(frame),
      (frame) => tracker.init(frame, BOX),
      (frame) => tracker.moveTo(frame, BOX),
    ];
    for (const call of late) await expect(call(frameWithTwo(3))).rejects.toMatchObject({ code: 'TRACKER_RELEASED' });
    expect(await Promise.all(calls)).toEqual(expected.slice(0, 2));
    await released;
    expect(runtime.open).toBe(0);
    await tracker.release();
  });
});
