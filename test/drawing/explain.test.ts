/** What a run leaves behind that is explained. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { intersectionOverUnion, type FrameBox } from '../../src/geometry.js';
import type { Frame } from '../../src/image/frame.js';
import { createTracker } from '../../src/node/open.js';
import { createRandom } from '../../src/random.js';
import { createExplainer } from '../../src/drawing/explain.js';
import type { TrackerObserver } from '../../src/tracker/types.js';
import type { TrackResult } from '../../src/result.js';
import { temporaryFolder } from '../helpers/video.js';

const WIDTH = 160;
const HEIGHT = 120;
const BOX = { x: 40, y: 40, w: 32, h: 32 };

/** A grainy square, 2 pixels further to the right in each frame. */
function frameAt(index: number): Frame {
  const random = createRandom(5);
  const data = new Uint8Array(3 * WIDTH * HEIGHT).fill(110);
  for (let y = BOX.y; y < BOX.y + BOX.h; y++)
    for (let x = BOX.x; x < BOX.x + BOX.w; x++)
      data.fill(random.integer(256), 3 * (y * WIDTH + x + 2 * index), 3 * (y * WIDTH + x + 2 * index) + 3);
  return { data, width: WIDTH, height: HEIGHT, index, time: index / 25 };
}

async function run(frames: number, observer?: TrackerObserver): Promise<TrackResult[]> {
  const tracker = await createTracker({ threads: 1, provider: 'cpu' }, observer);
  const results = [await tracker.init(frameAt(0), BOX)];
  for (let index = 1; index <= frames; index++) results.push(await tracker.update(frameAt(index)));
  await tracker.release();
  return results;
}

interface Line {
  frame: number;
  state: string;
  confidence: number;
  box: FrameBox;
  estimated: FrameBox;
  evidence: Record<string, number>;
  peak: { response: number; x: number; y: number };
}

async function linesIn(folder: string): Promise<Line[]> {
  const text = await readFile(path.join(folder, 'frames.jsonl'), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
}

test('a line of numbers and four pictures a frame, and the results are those of a run that nobody looks at', async () => {
  const folder = path.join(await temporaryFolder(), 'new', 'debug');
  const explainer = createExplainer({ folder });
  const results = await run(13, explainer);
  await explainer.close();
  expect(results).toEqual(await run(13));

  const lines = await linesIn(folder);
  expect(lines.map(({ frame }) => frame)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
  for (const line of lines) {
    const { box, state, confidence } = results[line.frame]!;
    expect(line.state).toBe(state);
    expect(line.confidence).toBeCloseTo(confidence, 3);
    expect(intersectionOverUnion(line.box, box)).toBeGreaterThan(0.999);
    expect(Object.values(line.evidence).every(Number.isFinite)).toBe(true);
    // the response is highest on the object
    expect(Math.abs(line.peak.x - (BOX.x + BOX.w / 2 + 2 * line.frame))).toBeLessThan(BOX.w / 2);
  }
  // twelve frames on the first page, two side by side, one on the second
  expect((await readdir(folder)).toSorted()).toEqual(['frames.jsonl', 'page-0001.png', 'page-0002.png']);
  const [first, second] = await Promise.all(
    [1, 2].map((page) => sharp(path.join(folder, `page-000${page}.png`)).metadata()),
  );
  expect([first!.width, first!.height]).toEqual([8 * 224, 6 * 224]);
  expect([second!.width, second!.height]).toEqual([8 * 224, 224]);
});

test('only each n-th frame is written, and an earlier run in the folder is replaced', async () => {
  const folder = await temporaryFolder();
  await writeFile(path.join(folder, 'page-0009.png'), 'of an earlier run');
  await writeFile(path.join(folder, 'notes.txt'), 'of its owner');
  const explainer = createExplainer({ folder, every: 3 });
  await run(5, explainer);
  await explainer.close();
  expect((await linesIn(folder)).map(({ frame }) => frame)).toEqual([1, 4]);
  expect((await readdir(folder)).toSorted()).toEqual(['frames.jsonl', 'notes.txt', 'page-0001.png']);
});

test('where nothing was tracked nothing is written', async () => {
  const folder = path.join(await temporaryFolder(), 'debug');
  await createExplainer({ folder }).close();
  await expect(readdir(folder)).rejects.toThrow('ENOENT');
});

test('a folder that cannot be made is refused by name', async () => {
  const file = path.join(await temporaryFolder(), 'file');
  await writeFile(file, '');
  await expect(run(1, createExplainer({ folder: file }))).rejects.toMatchObject({
    code: 'OUTPUT_FAILED',
    message: expect.stringContaining(file),
  });
});
