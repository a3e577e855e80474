/**
 * What each stage of update() takes, beside the backbone's bare session.run in the same process, alternating, so that the figures are ratios;
 * and what four objects cost against one, with lanes (the default) and in one thread.
 *
 *   npm run bench:speed [-- --video FILE --box x,y,w,h --frames N --threads N --config JSON --out FILE.json]
 */
import { readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Command } from 'commander';
import { findBackbone, loadManifest } from '../../src/features/manifest.js';
import { parseBox, type FrameBox } from '../../src/geometry.js';
import { openOnnxModel } from '../../src/runtime/onnx.js';
import { createTracker } from '../../src/tracker/tracker.js';
import { openVideo } from '../../src/video/read.js';

const folder = new URL('../../models/demo/', import.meta.url).pathname;
const demo = JSON.parse(readFileSync(path.join(folder, 'demo.json'), 'utf8')) as {
  video: string;
  box: { x: number; y: number; w: number; h: number };
};
const { x, y, w, h } = demo.box;
const options = new Command()
  .option('--video <file>', 'video', path.join(folder, demo.video))
  .option('--box <x,y,w,h>', 'first box', `${x},${y},${w},${h}`)
  .option('--frames <n>', 'frames', Number, 120)
  .option('--threads <n>', 'threads', Number, 2)
  .option('--config <json>', 'tracker options', '{}')
  .option('--out <file>', 'JSON')
  .parse()
  .opts<{ video: string; box: string; frames: number; threads: number; config: string; out?: string }>();

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
}

const entry = await findBackbone(await loadManifest());
const bare = await openOnnxModel(entry.file, { threads: options.threads, provider: 'cpu' });
const side = 288;
const dims = entry.input.layout === 'NCHW' ? [1, 3, side, side] : [1, side, side, 3];
const input = { [entry.input.name]: { data: new Float32Array(3 * side * side).map((_, i) => (i % 251) - 120), dims } };
const settings = { ...JSON.parse(options.config), threads: options.threads, provider: 'cpu' };
const tracker = await createTracker(settings);
const inLanes = await createTracker(settings);
const inOneThread = await createTracker({ ...settings, lanes: 1 });
const bareTimes: number[] = [];
const updates: number[] = [];
const lanes: number[] = [];
const oneThread: number[] = [];

/** The first box, and three more of half its size about its corners. */
function fourBoxes({ x, y, w, h }: FrameBox): FrameBox[] {
  const small = (cx: number, cy: number): FrameBox => ({ x: cx - w / 4, y: cy - h / 4, w: w / 2, h: h / 2 });
  return [{ x, y, w, h }, small(x, y), small(x + w, y), small(x, y + h)];
}

for await (const frame of (await openVideo(options.video)).frames()) {
  if (updates.length === options.frames) break;
  if (updates.length === 0 && bareTimes.length === 0) {
    const box = parseBox(options.box);
    await tracker.init(frame, box);
    await inLanes.init(frame, fourBoxes(box));
    await inOneThread.init(frame, fourBoxes(box));
    for (let i = 0; i < 5; i++) await bare.run(input);
    tracker.stopwatch.reset();
  }
  const t0 = performance.now();
  await bare.run(input);
  const t1 = performance.now();
  await tracker.update(frame);
  const t2 = performance.now();
  await inLanes.updateAll(frame);
  const t3 = performance.now();
  await inOneThread.updateAll(frame);
  bareTimes.push(t1 - t0);
  updates.push(t2 - t1);
  lanes.push(t3 - t2);
  oneThread.push(performance.now() - t3);
}
const rows = [
  ['backbone, bare session.run', bareTimes],
  ['update()', updates],
  ['updateAll() of four objects', lanes],
  ['  the same in one thread', oneThread],
  ...[...tracker.stopwatch.stages].map(([stage, times]) => [`  ${stage}`, times] as const),
] as const;
const base = quantile(bareTimes, 0.5);
console.log(
  `${os.cpus()[0]?.model.trim()}, ${options.threads} threads, ${updates.length} frames of ${path.basename(options.video)}`,
);
console.log(`${'stage'.padEnd(28)} median ms  p95 ms  mean ms  median / backbone`);
const table = rows.map(([name, times]) => {
  const median = quantile(times, 0.5);
  const mean = times.reduce((a, b) => a + b, 0) / times.length;
  const p95 = quantile(times, 0.95);
  console.log(
    `${name.padEnd(28)} ${median.toFixed(1).padStart(9)} ${p95.toFixed(1).padStart(7)} ${mean.toFixed(1).padStart(8)} ${(median / base).toFixed(2).padStart(12)}`,
  );
  return { stage: name.trim(), median, p95, mean, ratio: median / base };
});
const times = (values: readonly number[]): number => quantile(values, 0.5) / quantile(updates, 0.5);
const fourObjects = { lanes: times(lanes), oneThread: times(oneThread) };
console.log(
  `four objects cost ${fourObjects.lanes.toFixed(2)} times one object a frame (in one thread ${fourObjects.oneThread.toFixed(2)})`,
);
if (options.out) {
  const record = {
    command: 'npm run bench:speed',
    machine: os.cpus()[0]?.model,
    threads: options.threads,
    node: process.version,
    weights: tracker.description.weights,
    table,
    fourObjects,
  };
  writeFileSync(options.out, `${JSON.stringify(record, undefined, 1)}\n`);
}
await Promise.all([tracker, inLanes, inOneThread, bare].map((each) => each.release()));
