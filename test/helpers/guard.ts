/** Two clips whose tracks are kept in test/fixtures/guard.json: the demo, and one that is built of code alone, in which the target is covered for a while. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { composeCase } from '../../benchmarks/built/compose.js';
import type { BuiltCase, Cover, Offset } from '../../benchmarks/built/case.js';
import type { FrameBox } from '../../src/geometry.js';
import type { Frame } from '../../src/image/frame.js';
import type { TrackResult } from '../../src/result.js';
import { createTracker } from '../../src/node/open.js';
import { openVideo } from '../../src/video/read.js';
import { frameWith, HEIGHT, WIDTH } from './scene.js';

export const GUARD_FILE = path.join(import.meta.dirname, '../fixtures/guard.json');
const DEMO = path.join(import.meta.dirname, '../../models/demo');
const FRAMES = 60;

/** Name of a clip -> a line a frame: x,y,w,h,state. */
export type Guard = Readonly<Record<string, readonly string[]>>;

export async function readGuard(): Promise<Guard> {
  return JSON.parse(await readFile(GUARD_FILE, 'utf8')) as Guard;
}

export async function trackGuardClips(): Promise<Guard> {
  return { demo: await trackDemo(), built: await trackBuilt() };
}

async function trackDemo(): Promise<string[]> {
  const { box } = JSON.parse(await readFile(path.join(DEMO, 'demo.json'), 'utf8')) as { box: FrameBox };
  return track((await openVideo(path.join(DEMO, 'demo.mp4'))).frames(), box);
}

/** The first frames of a clip. */
async function track(frames: AsyncIterable<Frame>, box: FrameBox): Promise<string[]> {
  // the same on every machine: the kind of arithmetic is not chosen by what there is
  const tracker = await createTracker({ provider: 'cpu', threads: 1 });
  const lines: string[] = [];
  try {
    for await (const frame of frames) {
      lines.push(lineOf(lines.length === 0 ? await tracker.init(frame, box) : await tracker.update(frame)));
      if (lines.length === FRAMES) break;
    }
  } finally {
    await tracker.release();
  }
  return lines;
}

const lineOf = ({ box, state }: TrackResult): string =>
  [...[box.x, box.y, box.w, box.h].map((value) => value.toFixed(1)), state].join();

// --- the built clip ---

const SIDE = 40;
const targetAt = (frame: number): FrameBox => ({
  x: 40 + 1.5 * frame,
  y: 70 + Math.round(20 * Math.sin(frame / 9)),
  w: SIDE,
  h: SIDE,
});

async function trackBuilt(): Promise<string[]> {
  const folder = await mkdtemp(path.join(tmpdir(), 'ebm-tracker-guard-'));
  try {
    for (let frame = 0; frame < FRAMES; frame++) {
      const { data, width, height } = frameWith(frame, targetAt(frame));
      const raw = { width, height, channels: 3 } as const;
      await sharp(data, { raw })
        .png({ compressionLevel: 1 })
        .toFile(path.join(folder, `${frame}.png`));
    }
    return await track(framesOf(coveredCase(folder)), targetAt(0));
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function* framesOf(built: BuiltCase): AsyncGenerator<Frame, void, void> {
  for await (const { frame } of composeCase(built)) yield frame;
}

/** A patch of the ground comes down over the target after 14 frames, stays for 16, and goes up again. */
function coveredCase(video: string): BuiltCase {
  const boxes = Array.from({ length: FRAMES }, (_, frame) => targetAt(frame));
  const outside = 60;
  const steps = [...down(6), ...Array.from({ length: 16 }, () => 0), ...down(6).toReversed()];
  const event: Cover = {
    type: 'cover',
    at: 14,
    source: { x: 170, y: 5, w: 64, h: 64 },
    path: steps.map((step): Offset => ({ dx: 0, dy: -step * outside })),
  };
  const footage = { name: 'guard', video, boxes, width: WIDTH, height: HEIGHT };
  return { name: 'guard', kind: 'cover 10', base: { footage, order: boxes.map((_, frame) => frame) }, event };
}

/** From 1 to 0, both left out. */
const down = (count: number): number[] => Array.from({ length: count }, (_, i) => 1 - (i + 1) / (count + 1));
