import { expect, test } from 'vitest';
import { intersectionOverUnion } from '../../src/geometry.js';
import { createTracker, createTrackerGroup } from '../../src/node/open.js';
import type { TrackResult } from '../../src/result.js';
import type { TrackerGroup } from '../../src/tracker/types.js';
import { frameWithTwo, places } from '../helpers/scene.js';

async function runSeveral(group: TrackerGroup, count: number): Promise<(readonly TrackResult[])[]> {
  const results = [await group.init(frameWithTwo(0), places(0))];
  for (let i = 1; i < count; i++) results.push(await group.update(frameWithTwo(i)));
  return results;
}

test.each([
  ['in this thread', { lanes: 1, threads: 2 }, 2],
  ['in two lanes', { lanes: 2, threads: 1 }, 1],
  ['in a lane a thread', { threads: 2 }, 1],
])('several objects, %s: each gets the boxes to the last bit that it gets alone', async (_, options, threads) => {
  const target = { learnEvery: 2 }; // soon, so that few frames show all
  const several = await createTrackerGroup({ provider: 'cpu', target, ...options });
  const single = await createTracker({ provider: 'cpu', target, threads });
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
  // the same group with one object
  const [one] = await several.init(frameWithTwo(0), places(0).slice(0, 1));
  expect(one!.box).toEqual(places(0)[0]);
  const [next, ...none] = await several.update(frameWithTwo(1));
  expect(none).toEqual([]);
  expect(intersectionOverUnion(next!.box, together[1]![0]!.box)).toBeGreaterThan(0.9);
  expect(several.description.lanes).toBe(1);
  // and with two, after which it has another number of lanes
  expect(await several.init(frameWithTwo(0), places(0).slice(0, 2))).toHaveLength(2);
  expect(await several.update(frameWithTwo(1))).toHaveLength(2);
  await several.release();
  await single.release();
});

test.each([1, 2])('several objects in %s lanes: what is asked of the wrong object is refused', async (lanes) => {
  const several = await createTrackerGroup({ provider: 'cpu', threads: 1, lanes });
  await expect(several.update(frameWithTwo(0))).rejects.toMatchObject({ code: 'TRACKER_NOT_STARTED' });
  await expect(several.init(frameWithTwo(0), [])).rejects.toMatchObject({ code: 'BOX_INVALID' });
  const bad = [places(0)[0]!, { x: 1, y: 2, w: -5, h: 4 }];
  await expect(several.init(frameWithTwo(0), bad)).rejects.toMatchObject({
    code: 'BOX_INVALID',
    message: expect.stringMatching(/-5/),
  });
  await several.init(frameWithTwo(0), places(0));
  await expect(several.moveTo(frameWithTwo(1), places(1)[0]!, 3)).rejects.toMatchObject({ code: 'OPTION_INVALID' });
  // told where the second one is: only that one moves
  const before = await several.update(frameWithTwo(1));
  await several.init(frameWithTwo(0), places(0));
  await several.moveTo(frameWithTwo(0), { x: 150, y: 100, w: 40, h: 40 }, 1);
  const after = await several.update(frameWithTwo(1));
  expect(after[0]).toEqual(before[0]);
  expect(after[2]).toEqual(before[2]);
  expect(after[1]).not.toEqual(before[1]);
  await several.release();
});

test('a head that is not there is told when the group is opened, in lanes too', async () => {
  for (const lanes of [1, 2]) {
    const opening = createTrackerGroup({ provider: 'cpu', threads: 2, lanes, head: 'no-such.safetensors' });
    await expect(opening).rejects.toMatchObject({
      code: 'MODEL_MISSING',
      message: expect.stringContaining('no-such.safetensors') as string,
    });
  }
});

test('an observer is told of each object, which are then followed in one thread', async () => {
  const seen: [number, number | undefined, TrackResult][] = [];
  const observer = {
    async observe({ result }: { result: TrackResult }, { index }: { index: number }, object?: number) {
      seen.push([index, object, result]);
    },
  };
  const group = await createTrackerGroup({ provider: 'cpu', threads: 2 }, observer);
  const [, ...updates] = await runSeveral(group, 3);
  expect(seen).toEqual(updates.flatMap((results, i) => results.map((result, object) => [i + 1, object, result])));
  expect(group.description).toMatchObject({ lanes: 1, threads: 2 });
  await group.release();
});
