/**
 * Resident memory over a long video: the demo clip, looped and scaled to 1280 x 720, tracked as the command line does it.
 *
 *   npm run bench:memory [-- --frames 3000]
 */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Command } from 'commander';
import type { Frame } from '../../src/image/frame.js';
import { resample } from '../../src/image/crop.js';
import { createTracker } from '../../src/tracker/tracker.js';
import { openVideo } from '../../src/video/read.js';
import { openVideoWriter } from '../../src/video/write.js';

const { frames: wanted, threads } = new Command()
  .option('--frames <n>', 'frames', Number, 3000)
  .option('--threads <n>', 'threads', Number, 2)
  .parse()
  .opts<{ frames: number; threads: number }>();
const folder = new URL('../../models/demo/', import.meta.url).pathname;
const demo = JSON.parse(readFileSync(path.join(folder, 'demo.json'), 'utf8')) as {
  video: string;
  box: { x: number; y: number; w: number; h: number };
};
const WIDTH = 1280;
const HEIGHT = 720;

/** The picture in the middle of a 1280 x 720 one, 720 high. */
function enlarge(frame: Frame): { data: Uint8Array; width: number; height: number } {
  const { width, height } = frame;
  const rgb = resample(frame, { cx: width / 2, cy: height / 2, width: height, height, out: HEIGHT });
  const data = new Uint8Array(3 * WIDTH * HEIGHT);
  const left = (WIDTH - HEIGHT) / 2;
  for (let row = 0; row < HEIGHT; row++) {
    for (let i = 0; i < 3 * HEIGHT; i++) data[3 * (row * WIDTH + left) + i] = rgb[3 * row * HEIGHT + i]!;
  }
  return { data, width: WIDTH, height: HEIGHT };
}

const work = await mkdtemp(path.join(tmpdir(), 'memory-'));
try {
  const long = path.join(work, 'long.mp4');
  const source = await openVideo(path.join(folder, demo.video));
  const writer = await openVideoWriter(long, { width: WIDTH, height: HEIGHT, fps: source.fps });
  const clip: ReturnType<typeof enlarge>[] = [];
  for await (const frame of source.frames()) if (clip.length < 60) clip.push(enlarge(frame));
  // forth and back, so that the object never jumps
  const loop = [...clip, ...clip.toReversed()];
  for (let i = 0; i < wanted; i++) await writer.write(loop[i % loop.length]!);
  await writer.close();
  clip.length = 0;
  loop.length = 0;

  const scale = HEIGHT / source.height;
  const left = (WIDTH - HEIGHT) / 2 - ((source.width - source.height) / 2) * scale;
  const { x, y, w, h } = demo.box;
  const box = { x: x * scale + left, y: y * scale, w: w * scale, h: h * scale };
  const tracker = await createTracker({ threads });
  let at300 = 0;
  let top = 0;
  let last = 0;
  for await (const frame of (await openVideo(long)).frames()) {
    await (frame.index === 0 ? tracker.init(frame, box) : tracker.update(frame));
    const megabytes = process.memoryUsage.rss() / 1e6;
    top = Math.max(top, megabytes);
    if (frame.index === 300) at300 = megabytes;
    last = megabytes;
    if (frame.index % 300 === 0) console.log(`frame ${frame.index}: ${megabytes.toFixed(0)} MB`);
  }
  await tracker.release();
  console.log(
    `at frame 300: ${at300.toFixed(0)} MB, at the end: ${last.toFixed(0)} MB (${((100 * last) / at300 - 100).toFixed(1)} %), most: ${top.toFixed(0)} MB`,
  );
} finally {
  await rm(work, { recursive: true, force: true });
}
