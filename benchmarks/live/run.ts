/**
 * Live tracking over loopback: milliseconds from a frame's being sent (handed to the encoder) to its box being written, and seconds until the
 * first box after the sender was silent.
 *
 *   npm run bench -- live [--frames 250 --silent 5 --format rtsp|mpegts|flv --threads 2 --box x,y,w,h --video FILE --out FILE.json]
 */
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Command } from 'commander';
import { parseBox } from '../../src/geometry.js';
import { formatRow } from '../../src/io/boxes.js';
import { createTracker } from '../../src/node/open.js';
import { trackVideo } from '../../src/tracker/track-video.js';
import { findBinaries } from '../../src/video/binaries.js';
import { capture } from '../../src/video/command.js';
import { openLive } from '../../src/video/live.js';
import { FPS, HEIGHT, now, readStamp, WIDTH } from './stamp.js';
import type { FromSender, ToSender } from './sender.js';

const demo = new URL('../../models/demo/demo.mp4', import.meta.url).pathname;
const options = new Command()
  .option('--video <file>', 'what is sent', demo)
  .option('--box <x,y,w,h>', 'the object in its first frame, pixels of 640 x 360', '280,80,160,100')
  .option('--frames <n>', 'frames tracked', Number, 250)
  .option('--silent <seconds>', 'how long the sender is silent', Number, 5)
  .option('--format <name>', 'rtsp, mpegts or flv', 'rtsp')
  .option('--threads <n>', 'threads', Number, 2)
  .option('--out <file>', 'JSON')
  .parse()
  .opts<{
    video: string;
    box: string;
    frames: number;
    silent: number;
    format: string;
    threads: number;
    out?: string;
  }>();

/** Frames at the start, in which programs are still being loaded. */
const WARM_UP = 25;

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

const folder = mkdtempSync(path.join(os.tmpdir(), 'ebm-tracker-live-'));
const clip = path.join(folder, 'clip.mp4');
const { ffmpeg } = await findBinaries();
const made = await capture(ffmpeg.path, [
  '-v',
  'error',
  '-i',
  options.video,
  '-vf',
  `scale=${WIDTH}:${HEIGHT}`,
  '-frames:v',
  '150',
  clip,
]);
if (made.failure !== undefined) throw new Error(made.stderr);
const sender = fork(new URL('./sender.ts', import.meta.url), [clip, options.format], { execArgv: ['--import', 'tsx'] });
const sentAt = new Map<number, number>();
const url = await new Promise<string>((resolve) => {
  sender.on('message', (message: FromSender) => {
    if ('url' in message) resolve(message.url);
    else sentAt.set(message.sent, message.at);
  });
});

const tracker = await createTracker({ threads: options.threads, provider: 'cpu' });
const source = await openLive(url, { onEvent: (event) => console.error(JSON.stringify(event)) });
const latencies: number[] = [];
const inside: number[] = [];
const lines: string[] = [];
const written: { number: number; at: number }[] = [];
let told: number | undefined;
let back: number | undefined;
for await (const tracked of trackVideo(tracker, source, parseBox(options.box))) {
  lines.push(formatRow(tracked, 'jsonl'));
  const at = now();
  const number = readStamp(tracked.image.data);
  written.push({ number, at });
  if (told !== undefined && at - told > 1000 * options.silent) {
    back = at;
    if (written.length > options.frames + 25) break;
    continue;
  }
  if (written.length > WARM_UP) inside.push(source.age());
  if (written.length === options.frames) {
    const message: ToSender = { silentSeconds: options.silent };
    sender.send(message);
    told = now();
  }
}
const firstAfter = written.find(({ number }) => (sentAt.get(number) ?? 0) > told! + 1000 * options.silent);
// messages of the sender are taken late while this process computes; by now they are all here
await new Promise((resolve) => setTimeout(resolve, 100));
for (const { number, at } of written.slice(WARM_UP, options.frames))
  latencies.push(at - (sentAt.get(number) ?? Number.NaN));
const { received, dropped } = source.counts();
sender.kill();
await tracker.release();
rmSync(folder, { recursive: true });

const frameTime = 1000 / FPS;
const median = quantile(latencies, 0.5);
const afterSilence = ((firstAfter?.at ?? back ?? Number.NaN) - told! - 1000 * options.silent) / 1000;
const ms = (value: number): string => `${value.toFixed(0)} ms`;
const load = os.loadavg().map((value) => value.toFixed(1));
console.log(
  `${options.format}, ${WIDTH} x ${HEIGHT}, ${FPS} fps, ${options.threads} threads, load ${load.join(' ')}, ${os.cpus().length} cores`,
);
console.log(
  `frame sent to box written: median ${ms(median)} (${(median / frameTime).toFixed(2)} frame times), 95 % ${ms(quantile(latencies, 0.95))}, least ${ms(Math.min(...latencies))}`,
);
console.log(
  `of that, from its arrival: median ${ms(quantile(inside, 0.5))}; ${received} frames came, ${dropped} dropped`,
);
console.log(`after ${options.silent} s of silence: first box after ${afterSilence.toFixed(2)} s`);
if (options.out !== undefined) {
  const result = {
    ...options,
    video: path.basename(options.video),
    out: undefined,
    load,
    cores: os.cpus().length,
    cpu: os.cpus()[0]?.model,
    latencies: {
      median,
      p95: quantile(latencies, 0.95),
      least: Math.min(...latencies),
      insideMedian: quantile(inside, 0.5),
    },
    received,
    dropped,
    afterSilence,
  };
  writeFileSync(options.out, `${JSON.stringify(result, undefined, 2)}\n`);
}
