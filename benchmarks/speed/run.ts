/**
 * What each stage takes, for each size, preset and number of threads: median and 95th percentile in milliseconds, beside the bare
 * session.run of the backbone in the same process, in turn, so that figures are ratios. Presets run in turn too: one run compares them.
 * Last, what four objects cost against one, with lanes (the default) and in one thread.
 *
 *   npm run build && npm run bench -- speed [--sizes 360p,720p --presets default,fast --threads 1,2 --frames N --out FILE.json]
 *   npm run bench -- speed --video FILE --box x,y,w,h      a video of one's own instead
 *   npm run bench -- speed --length 1800                   whole runs over a minute of video
 *   npm run bench -- speed --config JSON                   tracker options over each preset
 *   npm run bench -- speed --head FILE                     another head; of an imported tracker the bare run is that of its graph `look`
 *   npm run bench -- speed --no-process                    leaves out start and memory of `track` (these need dist/)
 *   npm run bench -- speed --no-objects                    leaves out the four objects
 */
import { writeFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Command } from 'commander';
import type { TrackerOptions } from '../../src/config.js';
import { parseBox } from '../../src/geometry.js';
import {
  createTracker,
  findBackbone,
  loadManifest,
  openHead,
  parseConfig,
  publishedFileOf,
} from '../../src/node/open.js';
import { PRESET_NAMES, type PresetName } from '../../src/presets.js';
import { FILTER_SIDE } from '../../src/published/architecture.js';
import { parsePublished } from '../../src/published/file.js';
import { compileLook } from '../../src/published/look-graph.js';
import { collectLess } from '../../src/runtime/collector.js';
import { openOnnxModel } from '../../src/runtime/onnx.js';
import { markdownTable } from '../table.js';
import { CLIP_SIZES, makeClip, type Clip, type ClipSize } from './clips.js';
import { measureObjects, type ObjectsCost } from './objects.js';
import { measureProcess, type ProcessCost } from './process.js';
import { measureDecode, measureStages, quantile, type Contender, type StageTimes } from './stages.js';

interface Options {
  readonly sizes: string;
  readonly presets: string;
  readonly threads: string;
  readonly frames: number;
  readonly length?: number;
  readonly video?: string;
  readonly box?: string;
  readonly head?: string;
  readonly config: string;
  readonly process: boolean;
  readonly objects: boolean;
  readonly out?: string;
}

collectLess(); // as the command line does

const options = new Command()
  .option('--sizes <list>', 'of the demo clip', Object.keys(CLIP_SIZES).join(','))
  .option('--presets <list>', 'what is compared', PRESET_NAMES.join(','))
  .option('--threads <list>', 'threads of the networks', '1,2')
  .option('--frames <n>', 'frames of each clip', Number, 120)
  .option('--length <n>', 'frames of each clip for the whole run, forth and back; left out: 210, once', Number)
  .option('--video <file>', 'another video')
  .option('--box <x,y,w,h>', 'its first box')
  .option('--head <file>', 'a file of finetune, train or import')
  .option('--config <json>', 'tracker options', '{}')
  .option('--no-process', 'no start and memory of track')
  .option('--no-objects', 'no four objects')
  .option('--out <file>', 'JSON')
  .parse()
  .opts<Options>();

/** Median and 95th percentile of one stage, and the median over that of the bare backbone of the same preset. */
interface StageFigures {
  readonly stage: string;
  readonly median: number;
  readonly p95: number;
  readonly ratio: number;
}

interface Cell {
  readonly clip: string;
  readonly threads: number;
  readonly preset: string;
  readonly stages: readonly StageFigures[];
  readonly process?: ProcessCost;
}

const SIDE = 288;

async function openContender(preset: PresetName, threads: number): Promise<Contender> {
  const { head: file } = options;
  const named = file === undefined ? {} : { head: file };
  const given = { ...(JSON.parse(options.config) as TrackerOptions), ...named };
  const own: TrackerOptions = { ...given, preset, threads, provider: 'cpu' };
  const imported = await publishedFileOf(own);
  if (imported !== undefined) return openImported(imported, preset, own);
  const { precision, manifest: list, head } = parseConfig(own);
  const manifest = await loadManifest(list);
  const entry = await findBackbone(manifest, (await openHead(manifest, head)).backbone, precision);
  const dims = entry.input.layout === 'NCHW' ? [1, 3, SIDE, SIDE] : [1, SIDE, SIDE, 3];
  const data = new Float32Array(3 * SIDE * SIDE).map((_, i) => (i % 251) - 120);
  return {
    name: preset,
    tracker: await createTracker(own),
    bare: await openOnnxModel(entry.file, { threads, provider: 'cpu' }),
    input: { [entry.input.name]: { data, dims } },
  };
}

/** An imported tracker beside its own backbone, classifier features and box features. */
async function openImported(file: string, preset: string, own: TrackerOptions): Promise<Contender> {
  const model = parsePublished(await readFile(file), file);
  const { rules, widths } = model.recipe;
  const image = new Float32Array(3 * rules.size ** 2).map((_, i) => i % 251);
  const filter = new Float32Array(FILTER_SIDE ** 2 * widths.filter).fill(0.01);
  return {
    name: preset,
    tracker: await createTracker(own),
    bare: await openOnnxModel(compileLook(model), { threads: own.threads ?? 1, provider: 'cpu' }),
    input: {
      image: { data: image, dims: [1, 3, rules.size, rules.size] },
      filter: { data: filter, dims: [1, FILTER_SIDE ** 2, widths.filter] },
    },
  };
}

function figures(stages: readonly StageTimes[]): StageFigures[] {
  const base = quantile(stages[0]!.times, 0.5);
  return stages.map(({ stage, times }) => {
    const median = quantile(times, 0.5);
    return { stage, median, p95: quantile(times, 0.95), ratio: median / base };
  });
}

function print(clip: Clip, threads: number, decode: readonly number[], cells: readonly Cell[]): void {
  const fixed = (value: number | undefined, digits: number): string => value?.toFixed(digits) ?? '-';
  console.log(`\n${clip.name}, ${threads} thread(s); decoding alone ${fixed(quantile(decode, 0.5), 1)} ms a frame\n`);
  const stages = [...new Set(cells.flatMap((cell) => cell.stages.map(({ stage }) => stage)))];
  const head = ['stage, ms', ...cells.flatMap(({ preset }) => [preset, 'p95', '/ bare'])];
  const rows = stages.map((stage) => [
    stage.replaceAll('  ', '- '),
    ...cells.flatMap((cell) => {
      const found = cell.stages.find((figure) => figure.stage === stage);
      return [fixed(found?.median, 1), fixed(found?.p95, 1), fixed(found?.ratio, 2)];
    }),
  ]);
  const whole = ([title, of, digits]: [string, (cost: ProcessCost) => number, number]): string[] => [
    title,
    ...cells.flatMap(({ process }) => [fixed(process && of(process), digits), '', '']),
  ];
  if (options.process) {
    rows.push(
      whole(['first box, s', ({ firstBox }) => firstBox, 2]),
      whole(['frames a second, whole run', ({ rows, total }) => rows / total, 1]),
      whole(['frames a second, once begun', ({ rows, total, firstBox }) => (rows - 1) / (total - firstBox), 1]),
      whole(['memory, MB', ({ memory }) => memory, 0]),
    );
  }
  console.log(markdownTable(head, rows));
}

async function objectsOf(clip: Clip): Promise<ObjectsCost> {
  const threads = Number(options.threads.split(',').at(-1));
  const cost = await measureObjects(clip, { threads, provider: 'cpu' }, options.frames);
  const text = `four objects cost ${cost.lanes.toFixed(2)} times one object a frame`;
  console.log(`\n${clip.name}, ${threads} thread(s): ${text} (in one thread ${cost.oneThread.toFixed(2)})`);
  return cost;
}

async function clipsOf(folder: string): Promise<Clip[]> {
  if (options.video !== undefined)
    return [{ name: path.basename(options.video), file: options.video, box: parseBox(options.box ?? '') }];
  const clips: Clip[] = [];
  for (const size of options.sizes.split(','))
    clips.push(await makeClip(folder, size, CLIP_SIZES[size as ClipSize], options.length));
  return clips;
}

async function main(): Promise<void> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'speed-'));
  const presets = options.presets.split(',') as PresetName[];
  const cells: Cell[] = [];
  let weights = '';
  let fourObjects: ObjectsCost | undefined;
  console.log(
    `${os.cpus()[0]?.model.trim()}, ${os.cpus().length} cores, node ${process.version}, ${options.frames} frames`,
  );
  try {
    const clips = await clipsOf(folder);
    for (const threads of options.threads.split(',').map(Number)) {
      // sessions for life: one set for all sizes
      const contenders: Contender[] = [];
      for (const preset of presets) contenders.push(await openContender(preset, threads));
      weights = contenders[0]!.tracker.description.weights;
      for (const clip of clips) {
        const decode = await measureDecode(clip, options.frames);
        const measured = await measureStages(clip, contenders, options.frames);
        const own: Cell[] = [];
        for (const preset of presets) {
          const head = options.head === undefined ? [] : ['--head', path.resolve(options.head)];
          const flags = ['--preset', preset, '--threads', String(threads), ...head];
          own.push({
            clip: clip.name,
            threads,
            preset,
            stages: figures(measured.get(preset)!),
            ...(options.process ? { process: await measureProcess(clip, flags) } : {}),
          });
        }
        print(clip, threads, decode, own);
        cells.push(...own);
      }
      for (const { tracker, bare } of contenders) await Promise.all([tracker.release(), bare.release()]);
    }
    if (options.objects) fourObjects = await objectsOf(clips[0]!);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  if (options.out === undefined) return;
  const record = {
    command: 'npm run bench -- speed',
    machine: os.cpus()[0]?.model,
    cores: os.cpus().length,
    node: process.version,
    weights,
    frames: options.frames,
    cells,
    ...(fourObjects ? { fourObjects } : {}),
  };
  writeFileSync(options.out, `${JSON.stringify(record, undefined, 1)}\n`);
}

await main();
