/**
 * Resident memory over a long video: the demo clip, forth and back, scaled to some size, tracked as the command line does it.
 *
 *   npm run bench -- memory [--frames 3000 --size 1280x720 --preset default]
 *   npm run bench -- memory --frames 100000 --size 128x96 --preset fast --threads 1
 *
 * Exit code 1 where the end needs over 5 % more than frame 1,000.
 */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Command, Option } from 'commander';
import type { Frame } from '../../src/image/frame.js';
import { resample } from '../../src/image/crop.js';
import { createTracker } from '../../src/node/open.js';
import { PRESET_NAMES, type PresetName } from '../../src/presets.js';
import { collectLess } from '../../src/runtime/collector.js';
import { openVideo } from '../../src/video/read.js';
import { openVideoWriter } from '../../src/video/write.js';

collectLess(); // as the command line does

const options = new Command()
  .option('--frames <n>', 'frames', Number, 3000)
  .option('--threads <n>', 'threads', Number, 2)
  .option('--size <size>', 'of the picture', '1280x720')
  .addOption(new Option('--preset <name>').choices(PRESET_NAMES).default('default'))
  .parse()
  .opts<{ frames: number; threads: number; size: string; preset: PresetName }>();
const { frames: wanted, threads, preset } = options;
const [WIDTH = 0, HEIGHT = 0] = options.size.split('x').map(Number);
const folder = new URL('../../models/demo/', import.meta.url).pathname;
const demo = JSON.parse(readFileSync(path.join(folder, 'demo.json'), 'utf8')) as {
  video: string;
  box: { x: number; y: number; w: number; h: number };
};
/** The frame from which on memory is compared: until then buffers and caches fill. */
const SETTLED = 1000;
const MOST_GROWTH = 0.05;
/** Garbage is collected now and then: memory at a frame is the median over so many before it. */
const WINDOW = 500;

function about(memory: readonly number[], count: number): number {
  const window = memory.slice(Math.max(0, count - WINDOW), count).toSorted((a, b) => a - b);
  return window[Math.floor(window.length / 2)] ?? Number.NaN;
}

/** The picture in the middle of one of the wanted size, as high as that. */
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
  const tracker = await createTracker({ threads, preset });
  const every = Math.max(1, Math.round(wanted / 2000)) * 100;
  const [began, cpu] = [performance.now(), process.cpuUsage()];
  const states = new Map<string, number>();
  const memory: number[] = [];
  for await (const frame of (await openVideo(long)).frames()) {
    const { state } = await (frame.index === 0 ? tracker.init(frame, box) : tracker.update(frame));
    states.set(state, (states.get(state) ?? 0) + 1);
    memory.push(process.memoryUsage.rss() / 1e6);
    const count = memory.length;
    if (count % every === 0 || count === SETTLED) console.log(`frame ${count}: ${about(memory, count).toFixed(0)} MB`);
  }
  await tracker.release();
  const { user, system } = process.cpuUsage(cpu);
  const minutes = (performance.now() - began) / 60_000;
  const processor = ((user + system) / 60e6).toFixed(1);
  console.log(`${memory.length} frames in ${minutes.toFixed(1)} min, ${processor} min of the processor`);
  console.log([...states].map(([state, count]) => `${state} ${count}`).join(', '));
  const [settled, last] = [about(memory, Math.min(SETTLED, memory.length)), about(memory, memory.length)];
  const growth = last / settled - 1;
  const most = memory.reduce((top, value) => Math.max(top, value), 0);
  console.log(
    `at frame ${SETTLED}: ${settled.toFixed(0)} MB, at the end: ${last.toFixed(0)} MB (${(100 * growth).toFixed(1)} %), most: ${most.toFixed(0)} MB`,
  );
  if (growth > MOST_GROWTH) process.exitCode = 1;
} finally {
  await rm(work, { recursive: true, force: true });
}
