/**
 * The pictures of README.md and models/README.md: the demo clip, tracked and drawn by our own code.
 *
 *   npx tsx tools/pictures.ts      writes docs/demo.jpg and docs/failure.jpg
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import type { FrameBox } from '../src/geometry.js';
import { drawResult } from '../src/image/draw.js';
import { createTracker } from '../src/node/open.js';
import { openVideo } from '../src/video/read.js';

const ROOT = path.join(import.meta.dirname, '..');
const DEMO = path.join(ROOT, 'models/demo');
const { video, box } = JSON.parse(readFileSync(path.join(DEMO, 'demo.json'), 'utf8')) as {
  video: string;
  box: FrameBox;
};
/** The end face of the printed box, measured by eye on frame 0: it turns out of sight. */
const END_FACE: FrameBox = { x: 465, y: 122, w: 80, h: 140 };
/** Pixels of one picture of a strip, and between two. */
const [WIDTH, HEIGHT, GAP] = [320, 240, 4];
const COLUMNS = 3;

/** Tracks an object of the clip. @returns the chosen frames with their results drawn in */
async function track(box: FrameBox, chosen: readonly number[]): Promise<Buffer[]> {
  const tracker = await createTracker({ threads: 1 });
  const pictures: Buffer[] = [];
  for await (const frame of (await openVideo(path.join(DEMO, video))).frames()) {
    const { index, width, height } = frame;
    const result = index === 0 ? await tracker.init(frame, box) : await tracker.update(frame);
    if (chosen.includes(index)) {
      console.error(`frame ${index}: ${result.state} ${result.confidence.toFixed(2)}`);
      const raw = { width, height, channels: 3 } as const;
      pictures.push(await sharp(drawResult(frame, result), { raw }).resize(WIDTH, HEIGHT).png().toBuffer());
    }
    if (index >= Math.max(...chosen)) break;
  }
  await tracker.release();
  return pictures;
}

async function writeStrip(file: string, pictures: readonly Buffer[]): Promise<void> {
  const rows = Math.ceil(pictures.length / COLUMNS);
  const [width, height] = [COLUMNS * (WIDTH + GAP) - GAP, rows * (HEIGHT + GAP) - GAP];
  const placed = pictures.map((input, i) => ({
    input,
    left: (i % COLUMNS) * (WIDTH + GAP),
    top: Math.floor(i / COLUMNS) * (HEIGHT + GAP),
  }));
  await sharp({ create: { width, height, channels: 3, background: '#ffffff' } })
    .composite(placed)
    .jpeg({ quality: 80 })
    .toFile(path.join(ROOT, 'docs', file));
}

await writeStrip('demo.jpg', await track(box, [0, 40, 80, 120, 160, 209]));
await writeStrip('failure.jpg', await track(END_FACE, [0, 40, 60, 110, 125, 160]));
