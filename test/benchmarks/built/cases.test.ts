/** Built cases of small videos made for the test: their truth, and what the pictures show. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { boxesOf, clipFrames, drawClip, readFootage, type Footage } from '../../../benchmarks/built/footage.js';
import { KINDS, sizeOf, truthOf, type BuiltCase, type Kind } from '../../../benchmarks/built/case.js';
import { composeCase, type CaseFrame } from '../../../benchmarks/built/compose.js';
import { writeCaseVideo } from '../../../benchmarks/built/look.js';
import { planCases, TAIL, VANISHING } from '../../../benchmarks/built/plan.js';
import type { FrameBox } from '../../../src/geometry.js';
import { createRandom } from '../../../src/random.js';
import { openVideoWriter } from '../../../src/video/write.js';
import { readSequences } from '../../../src/datasets/footage.js';
import { temporaryFolder } from '../../helpers/video.js';

const WIDTH = 480;
const HEIGHT = 360;
const RED = [220, 30, 30] as const;
const GREY = [90, 100, 110] as const;
const BLUE = [20, 40, 200] as const;

const boxAt = (frame: number): FrameBox => ({ x: 200 + frame, y: 150, w: 40, h: 40 });

/** A red square that moves over grey ground; or blue ground alone. Frames of the blue one have a box too, of something else. */
async function makeSequence(root: string, name: string, ground: readonly number[], frames: number): Promise<void> {
  const folder = path.join(root, name);
  await mkdir(folder, { recursive: true });
  const writer = await openVideoWriter(path.join(folder, 'video.mp4'), { width: WIDTH, height: HEIGHT, fps: 25 });
  const lines: string[] = [];
  for (let frame = 0; frame < frames; frame++) {
    const { x, y, w, h } = boxAt(frame);
    const data = Uint8Array.from({ length: 3 * WIDTH * HEIGHT }, (_, i) => ground[i % 3]!);
    for (let row = y; row < y + h; row++)
      for (let column = x; column < x + w; column++) data.set(ground === GREY ? RED : BLUE, 3 * (row * WIDTH + column));
    await writer.write({ data, width: WIDTH, height: HEIGHT });
    lines.push([x, y, w, h].join());
  }
  await writer.close();
  await writeFile(path.join(folder, 'groundtruth.txt'), `${lines.join('\n')}\n`);
}

/** Car1 and vot_car are of one class, Couple is of another. */
let all: Footage[];
let cars: Footage[];
let root: string;
beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'built-cases-'));
  await makeSequence(root, 'Car1', GREY, 30);
  await makeSequence(root, 'vot_car', GREY, 12);
  await makeSequence(root, 'Couple', BLUE, 12);
  all = await readFootage(root);
  cars = all.filter(({ name }) => name !== 'Couple');
});
afterAll(() => rm(root, { recursive: true }));

const countsOf = (count: number): Record<Kind, number> =>
  Object.fromEntries(KINDS.map((kind) => [kind, count])) as Record<Kind, number>;

/** Share of red pixels in a part of the picture. */
function redness({ frame }: CaseFrame, box: FrameBox): number {
  let red = 0;
  let all = 0;
  for (let y = Math.ceil(box.y); y < box.y + box.h; y++) {
    for (let x = Math.ceil(box.x); x < box.x + box.w; x++) {
      const at = 3 * (y * frame.width + x);
      if (frame.data[at]! > 150 && frame.data[at + 1]! < 90) red++;
      all++;
    }
  }
  return red / all;
}

async function framesOf(built: BuiltCase): Promise<CaseFrame[]> {
  const frames: CaseFrame[] = [];
  for await (const frame of composeCase(built)) frames.push(frame);
  return frames;
}

test('a clip that is longer than its footage goes on backwards, and each frame is what its number says', async () => {
  const clip = drawClip(cars[0]!, 70, createRandom(1));
  expect(clip.order.slice(27, 33)).toEqual([27, 28, 29, 28, 27, 26]);
  const boxes = boxesOf(clip);
  let index = 0;
  for await (const frame of clipFrames(clip)) {
    expect(frame.index).toBe(clip.order[index]);
    const shown = { frame, truth: { is: 'absent' } } as const;
    expect(redness(shown, boxes[index]!)).toBeGreaterThan(0.9);
    index++;
  }
  expect(index).toBe(70);
});

test('clips keep to the longest annotated run', () => {
  const box = boxAt(0);
  const boxes = [box, box, undefined, box, box, box, undefined, box];
  const { order } = drawClip({ name: 'a', video: '', width: 9, height: 9, boxes }, 5, createRandom(1));
  expect(order).toEqual([3, 4, 5, 4, 3]);
});

test('the same seed gives the same cases, another seed others, and fewer kinds leave the others as they are', () => {
  const cases = planCases(all, countsOf(2), 1);
  expect(cases).toHaveLength(2 * KINDS.length);
  expect(planCases(all, countsOf(2), 1)).toEqual(cases);
  expect(planCases(all, countsOf(2), 2)).not.toEqual(cases);
  const some = planCases(all, { ...countsOf(0), leave: 2 }, 1);
  expect(some).toEqual(cases.filter(({ kind }) => kind === 'leave'));
});

test('the target is seen at first and at last, and gone for ten frames or more where it should be', () => {
  for (const built of planCases(all, countsOf(3), 1)) {
    const truth = truthOf(built).map(({ is }) => is);
    expect(truth).toHaveLength(built.base.order.length);
    expect(new Set([...truth.slice(0, 20), ...truth.slice(-TAIL)])).toEqual(new Set(['present']));
    const gone = truth.filter((is) => is === 'absent').length;
    if (VANISHING.includes(built.kind)) expect(gone).toBeGreaterThanOrEqual(10);
    else expect(gone).toBe(0);
  }
});

test.each(KINDS)('what the pictures of "%s" show is what the truth says', async (kind) => {
  const footage = kind === 'cut' ? all : cars;
  const [built] = planCases(footage, { ...countsOf(0), [kind]: 1 }, 3);
  const frames = await framesOf(built!);
  const { width, height } = sizeOf(built!);
  expect(frames).toHaveLength(built!.base.order.length);
  const other = built!.kind === 'cut' && built!.base.footage.name === 'Couple';
  for (const shown of frames) {
    expect([shown.frame.width, shown.frame.height]).toEqual([width, height]);
    const { truth } = shown;
    if (other) continue;
    // half of it may be covered and it is still present
    if (truth.is === 'present') expect(redness(shown, truth.box)).toBeGreaterThan(0.45);
    // and a twentieth of it may be seen where it is gone
    if (truth.is === 'absent') expect(redness(shown, { x: 0, y: 0, w: width, h: height })).toBeLessThan(0.005);
  }
});

test('a copy of the target crosses it: there are two of it, then one, then two', async () => {
  const [built] = planCases(cars, { ...countsOf(0), cross: 1 }, 1);
  const whole = { x: 0, y: 0, w: WIDTH, h: HEIGHT };
  const one = (40 * 40) / (WIDTH * HEIGHT);
  const counts = (await framesOf(built!)).map((shown) => redness(shown, whole) / one);
  expect(counts[0]).toBeGreaterThan(1.6);
  expect(Math.min(...counts)).toBeLessThan(1.3);
  expect(counts.at(-1)).toBeGreaterThan(1.6);
});

test('a case is written as a sequence folder, its truth NaN where there is none', async () => {
  const [built] = planCases(all, { ...countsOf(0), leave: 1 }, 1);
  const folder = await temporaryFolder();
  await writeCaseVideo(built!, folder);
  const [sequence] = await readSequences(folder);
  const truth = truthOf(built!);
  expect(sequence!.boxes.map((box) => box !== undefined)).toEqual(truth.map(({ is }) => is === 'present'));
  expect((await readFile(sequence!.video)).length).toBeGreaterThan(1000);
});

test('a kind that no footage allows is refused by name', () => {
  const footage = all.filter(({ name }) => name === 'Couple');
  expect(() => planCases(footage, { ...countsOf(0), rival: 1 }, 1)).toThrow(
    expect.objectContaining({ code: 'DATA_INVALID', message: expect.stringContaining('rival') }),
  );
});
