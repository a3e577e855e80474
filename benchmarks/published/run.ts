/**
 * Published trackers at their published sizes: import, boxes beside those of the original code, time a frame, memory.
 *
 *   npm run bench -- published [--trackers super_dimp,prdimp50,dimp18 --threads 2 --frames 40 --out FILE.json]
 *
 * No published checkpoint can be part of the project. Weights come from a formula (tools/published/seeded.ts), with which the original code made
 * the fixtures that boxes are compared with; they take as long as learned ones. Each import and each run is a process of its own, whose memory
 * is told.
 */
import { fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import type { FrameBox } from '../../src/geometry.js';
import { writeSafetensors } from '../../src/io/safetensors-file.js';
import { createTracker } from '../../src/node/open.js';
import { architectureOf, formatPublished } from '../../src/published/file.js';
import { importCheckpoint } from '../../src/published/import.js';
import { TRACKERS, type TrackerId } from '../../src/published/trackers.js';
import { fixtureModel, fixtureRules, readFixture } from '../../tools/published/fixture.js';
import { seededCheckpoint, seededFrame, seededState } from '../../tools/published/seeded.js';
import { originOf } from '../record.js';
import { quantile } from '../speed/stages.js';
import { markdownTable } from '../table.js';

interface ImportFigures {
  readonly seconds: number;
  /** Most resident memory of the process, MB. */
  readonly memory: number;
}

interface TrackFigures extends ImportFigures {
  /** Seconds from the file to the first box. */
  readonly opened: number;
  readonly first: number;
  /** Greatest difference from the boxes of the original, pixels. */
  readonly boxes: number;
  /** Median milliseconds of a frame, and of its stages: a call each; learn: calls a frame are few. */
  readonly frame: number;
  readonly p95: number;
  readonly stages: Readonly<Record<string, number>>;
  /** Median milliseconds of a frame that updates the filter. */
  readonly update: number;
}

type Task =
  | { readonly role: 'import'; readonly checkpoint: string; readonly file: string }
  | {
      readonly role: 'track';
      readonly file: string;
      readonly tracker: TrackerId;
      readonly threads: number;
      readonly frames: number;
    };

const memory = (): number => process.resourceUsage().maxRSS / 1024;
const secondsSince = (start: number): number => (performance.now() - start) / 1000;

async function importOne(checkpoint: string, file: string): Promise<ImportFigures> {
  const start = performance.now();
  const { model } = await importCheckpoint(checkpoint);
  await writeSafetensors(file, formatPublished(model));
  return { seconds: secondsSince(start), memory: memory() };
}

async function track({ file, tracker: id, threads, frames }: Extract<Task, { role: 'track' }>): Promise<TrackFigures> {
  const fixture = await readFixture(id);
  const { notFound } = fixtureRules(fixture, fixtureModel(fixture));
  const start = performance.now();
  const tracker = await createTracker({
    head: file,
    threads,
    provider: 'cpu',
    seed: fixture.seed,
    published: { notFound },
  });
  const opened = secondsSince(start);
  const [x, y, w, h] = fixture.first;
  const began = performance.now();
  await tracker.init(seededFrame(0), { x, y, w, h });
  const first = secondsSince(began);
  const [times, updates]: [number[], number[]] = [[], []];
  let boxes = 0;
  for (let i = 1; i <= frames; i++) {
    const frame = seededFrame(i % PERIOD);
    const at = performance.now();
    const { box } = await tracker.update(frame);
    (i % UPDATES === 0 ? updates : times).push(performance.now() - at);
    const row = fixture.rows[i];
    if (row) boxes = Math.max(boxes, difference(box, row.box));
  }
  const stages = Object.fromEntries([...tracker.stopwatch.stages].map(([name, all]) => [name, quantile(all, 0.5)]));
  await tracker.release();
  const figures = { frame: quantile(times, 0.5), p95: quantile(times, 0.95), update: quantile(updates, 0.5) };
  return { seconds: secondsSince(start), memory: memory(), opened, first, boxes, ...figures, stages };
}

/** Frames of the seeded sequence before it is shown again: its object would leave the picture. */
const PERIOD = 40;
/** The filter is updated each so many frames. */
const UPDATES = 20;

const difference = ({ x, y, w, h }: FrameBox, row: readonly number[]): number =>
  Math.max(...[x, y, w, h].map((value, i) => Math.abs(value - row[i]!)));

function run<T>(task: Task): Promise<T> {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(import.meta.url), { env: { ...process.env, TASK: JSON.stringify(task) } });
    child.on('message', (result) => resolve(result as T));
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`${task.role} ended with ${code}`)));
  });
}

async function writeSeeded(id: TrackerId, folder: string): Promise<string> {
  const fixture = await readFixture(id);
  const { recipe } = fixtureModel(fixture);
  const kwds = { ...KWDS[recipe.family], ...(id === 'super_dimp' ? { init_gauss_sigma: 0.9166666666666666 } : {}) };
  const bytes = seededCheckpoint(seededState(architectureOf(recipe), fixture.filterOptimizer), { kwds }, 'legacy');
  const file = path.join(folder, TRACKERS[id].file);
  await writeFile(file, bytes);
  return file;
}

const KWDS = {
  dimp: { filter_size: 4, num_dist_bins: 100, bin_displacement: 0.1 },
  prdimp: { filter_size: 4, optim_min_reg: 0.05, gauss_sigma: 0.9, alpha_eps: 0.05, normalize_label: true },
  simple: { filter_size: 4, hinge_threshold: 0.05, activation_leak: 0.1 },
} as const;

async function bench(): Promise<void> {
  const { trackers, threads, frames, out } = new Command()
    .option('--trackers <list>', 'those with fixtures of full size', 'super_dimp,prdimp50,dimp18')
    .option('--threads <n>', 'threads of the networks', Number, os.availableParallelism())
    .option('--frames <n>', 'frames that are timed', Number, 40)
    .option('--out <file>', 'JSON')
    .parse()
    .opts<{ trackers: string; threads: number; frames: number; out?: string }>();
  const folder = await mkdtemp(path.join(os.tmpdir(), 'published-'));
  const results: { tracker: TrackerId; import: ImportFigures; track: TrackFigures }[] = [];
  try {
    for (const tracker of trackers.split(',') as TrackerId[]) {
      const checkpoint = await writeSeeded(tracker, folder);
      const file = path.join(folder, `${tracker}.safetensors`);
      const imported = await run<ImportFigures>({ role: 'import', checkpoint, file });
      const tracked = await run<TrackFigures>({ role: 'track', file, tracker, threads, frames });
      results.push({ tracker, import: imported, track: tracked });
      print(results);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
  const machine = { processor: os.cpus()[0]?.model, threads };
  const { config: _, configHash: __, weights: ___, ...origin } = originOf('published', {});
  if (out !== undefined)
    writeFileSync(out, `${JSON.stringify({ ...origin, machine, frames, results }, undefined, 1)}\n`);
}

function print(results: readonly { tracker: TrackerId; import: ImportFigures; track: TrackFigures }[]): void {
  const head = [
    'tracker',
    'import, s',
    'MB',
    'open, s',
    'first box, s',
    'frame, ms',
    'p95',
    'update, ms',
    'MB',
    'boxes, px',
    'stages, ms',
  ];
  const rows = results.map(({ tracker, import: own, track: of }) => [
    TRACKERS[tracker].title,
    own.seconds.toFixed(2),
    own.memory.toFixed(0),
    of.opened.toFixed(1),
    of.first.toFixed(1),
    of.frame.toFixed(0),
    of.p95.toFixed(0),
    of.update.toFixed(0),
    of.memory.toFixed(0),
    of.boxes.toFixed(5),
    Object.entries(of.stages)
      .map(([name, median]) => `${name} ${median.toFixed(1)}`)
      .join(', '),
  ]);
  console.log(markdownTable(head, rows));
}

const task = process.env['TASK'];
if (task === undefined) await bench();
else {
  const asked = JSON.parse(task) as Task;
  const result = asked.role === 'import' ? await importOne(asked.checkpoint, asked.file) : await track(asked);
  process.send!(result);
  process.disconnect();
}
