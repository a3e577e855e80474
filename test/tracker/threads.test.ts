import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import type { FrameBox } from '../../src/geometry.js';
import type { Frame } from '../../src/image/frame.js';
import { createTracker } from '../../src/node/open.js';
import { createRandom } from '../../src/random.js';
import type { TrackResult } from '../../src/result.js';

const WIDTH = 160;
const HEIGHT = 120;
const FRAMES = 6;

/** Noise, over which a patch of other noise moves. */
function makeFrames(seed: number): Frame[] {
  const random = createRandom(seed);
  const noise = (from: number, range: number, length: number): Uint8Array =>
    Uint8Array.from({ length }, () => from + range * random.uniform());
  const ground = noise(90, 30, 3 * WIDTH * HEIGHT);
  const patch = noise(0, 256, 3 * 30 * 30);
  return Array.from({ length: FRAMES }, (_, index) => {
    const data = ground.slice();
    for (let row = 0; row < 30; row++)
      data.set(patch.subarray(90 * row, 90 * row + 90), 3 * ((40 + row) * WIDTH + 50 + 4 * index));
    return { data, width: WIDTH, height: HEIGHT, index, time: index / 25 };
  });
}

const BOX: FrameBox = { x: 50, y: 40, w: 30, h: 30 };

async function inThread(frames: Frame[], seed: number): Promise<TrackResult[]> {
  const script = new URL('../fixtures/tracking-thread.ts', import.meta.url).href;
  const load = `import('tsx/esm/api').then(({ register }) => { register(); return import('${script}'); })`;
  const worker = new Worker(load, { eval: true, workerData: { frames, box: BOX, seed } });
  const [results] = (await once(worker, 'message')) as [TrackResult[]];
  await worker.terminate();
  return results;
}

async function here(frames: Frame[], seed: number): Promise<TrackResult[]> {
  const tracker = await createTracker({ threads: 1, provider: 'cpu', seed });
  const results = [await tracker.init(frames[0]!, BOX)];
  for (const frame of frames.slice(1)) results.push(await tracker.update(frame));
  await tracker.release();
  return results;
}

it('trackers in worker threads and in this one, all at once, give what each gives alone', async () => {
  const [a, b] = [makeFrames(1), makeFrames(2)];
  const alone = [await here(a, 3), await here(b, 4), await here(a, 5)];
  expect(alone[0]).not.toEqual(alone[2]);
  const together = await Promise.all([inThread(a, 3), inThread(b, 4), here(a, 5)]);
  expect(together).toEqual(alone);
  // threads that came and went leave the others as they were
  expect(await here(b, 4)).toEqual(alone[1]);
});
