/**
 * Image -> number tasks without boxes: trains every row of settings.ts and compares densities and errors on test images.
 *
 *   npm run bench -- cells --quick                     generated cell images, a few minutes, nothing is kept
 *   npm run bench -- cells --work DIR [--out DIR]      the table of the README; the same command goes on after a kill
 *   npm run bench -- cells --report --work DIR --out DIR           only gathers what is finished
 *   npm run bench -- cells --task age --data DIR --work DIR        also steering, head-pose, cells from a folder
 *
 * A net is a checkpoint, then a result file, in the work folder.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Command, Option } from 'commander';
import { createEstimate, paceText } from '../../../src/cli/progress.js';
import { TrackerError } from '../../../src/errors.js';
import { openTensorflow, type TensorflowBackend } from '../../../src/runtime/tensorflow.js';
import { generateCells } from './cells.js';
import { TASKS, type ImageSet, type ImageTask, type TaskName } from './data.js';
import { evaluate } from './evaluate.js';
import { loadTask, type Parts } from './loaders/load.js';
import { markdown, type NetResult, type Report } from './report.js';
import { FULL, QUICK, ROWS, type Row, type RunSettings } from './settings.js';
import { train } from './train.js';

interface Options {
  quick?: true;
  report?: true;
  task: TaskName;
  data?: string;
  rows?: string[];
  seeds?: number;
  steps?: number;
  train?: number;
  samples?: number;
  backend: TensorflowBackend | 'auto';
  work?: string;
  out?: string;
}

const FOLDERS = new Set(['--work', '--data', '--out']);

const options = new Command()
  .option('--quick', 'few images, few steps, one net a row')
  .option('--report', 'train nothing, gather the finished nets of the work folder')
  .addOption(new Option('--task <name>', 'which task').choices(Object.keys(TASKS)).default('cells'))
  .option('--data <dir>', 'folder of images in the public layout; without it cell images are generated')
  .option('--rows <names>', 'rows of settings.ts', (text) => text.split(','))
  .option('--seeds <n>', 'nets a row', Number)
  .option('--steps <n>', 'training steps', Number)
  .option('--train <n>', 'generated training images', Number)
  .option('--samples <n>', 'M', Number)
  .option('--backend <name>', 'of TensorFlow.js', 'auto')
  .option('--work <dir>', 'checkpoints and results of nets; without it nothing is kept')
  .option('--out <dir>', 'where result.md and result.json are written')
  .parse()
  .opts<Options>();

const settings = chooseSettings(options);
const rows = chooseRows(options.rows);
const task: ImageTask = TASKS[options.task];
if (options.work !== undefined) mkdirSync(options.work, { recursive: true });
const tensorflow = await openTensorflow({ backend: options.backend, threads: 1 });
console.error(`${tensorflow.version}; ${rows.length} rows, ${settings.seeds} seeds, ${settings.steps} steps`);
const parts = await loadParts();
const results: NetResult[] = [];
// seeds outside: a stopped run has some net of each row
for (let seed = 1; seed <= settings.seeds; seed++) {
  for (const row of rows) {
    const known = readResult(row, seed);
    if (known) results.push(known);
    else if (!options.report) results.push(await runNet(row, seed));
  }
  writeReport(results);
}
console.log(markdown(reportOf(results)));

function chooseSettings({ quick, seeds, steps, train: images, samples }: Options): RunSettings {
  const given = Object.entries({ seeds, steps, train: images, samples }).filter(([, value]) => value !== undefined);
  for (const [name, value] of given) {
    if (Number.isInteger(value) && value! > 0) continue;
    throw new TrackerError('OPTION_INVALID', `--${name}: found ${value}, expected a whole number above 0`, {
      hint: `leave --${name} out for the default`,
    });
  }
  return { ...(quick ? QUICK : FULL), ...Object.fromEntries(given) };
}

function chooseRows(names: readonly string[] | undefined): readonly Row[] {
  return (names ?? ROWS.map(({ name }) => name)).map((name) => {
    const row = ROWS.find((row) => row.name === name);
    if (row) return row;
    throw new TrackerError('OPTION_INVALID', `--rows: found "${name}"`, {
      hint: `one of ${ROWS.map((row) => row.name).join(', ')}`,
    });
  });
}

async function loadParts(): Promise<Parts> {
  if (options.data !== undefined) return loadTask(options.task, options.data, settings);
  if (options.task !== 'cells') {
    throw new TrackerError('OPTION_INVALID', `--task ${options.task}: no images`, {
      hint: 'give their folder: --data DIR',
    });
  }
  const { dataSeed } = settings;
  const part = (count: number, number: number): ImageSet => generateCells(count, 3 * dataSeed + number);
  return { train: part(settings.train, 0), validation: part(settings.validation, 1), test: part(settings.test, 2) };
}

/** Of all that decides a net: settings that only say how many nets or when to save are left out. */
function hashOf(row: Row): string {
  const { seeds: _, checkpointEvery: _c, reportEvery: _r, ...deciding } = settings;
  const data = createHash('sha256').update(parts.train.images).update(parts.test.images).digest('hex');
  const all = JSON.stringify([deciding, row.method, task, data, tensorflow.version]);
  return createHash('sha256').update(all).digest('hex').slice(0, 12);
}

/** Path of a net's files in the work folder, without their ends. */
function baseOf(row: Row, seed: number): string | undefined {
  return options.work === undefined ? undefined : path.join(options.work, `${task.name}-${row.name}-${seed}`);
}

/** The finished net of these settings, if there is one. */
function readResult(row: Row, seed: number): NetResult | undefined {
  const base = baseOf(row, seed);
  if (base === undefined || !existsSync(`${base}.json`)) return undefined;
  const result = JSON.parse(readFileSync(`${base}.json`, 'utf8')) as NetResult;
  return result.hash === hashOf(row) ? result : undefined;
}

async function runNet(row: Row, seed: number): Promise<NetResult> {
  const { tf } = tensorflow;
  const hash = hashOf(row);
  const base = baseOf(row, seed);
  const checkpoint = base && `${base}-${hash}.safetensors`;
  const started = performance.now();
  const estimate = createEstimate();
  const weights = await train({
    tf,
    task,
    method: row.method,
    settings,
    seed,
    data: parts.train,
    settingsHash: `${hash}/${seed}`,
    ...(checkpoint === undefined ? {} : { checkpoint }),
    onProgress: (step, loss) => {
      const pace = paceText({ done: step, total: settings.steps, secondsLeft: estimate(step, settings.steps) });
      console.error(`${row.name} seed ${seed}: step ${pace}, loss ${loss.toFixed(4)}`);
    },
  });
  const figures = evaluate({ tf, task, method: row.method, settings, weights, ...parts });
  const seconds = Math.round((performance.now() - started) / 1000);
  const result: NetResult = { row: row.name, seed, hash, seconds, figures };
  console.error(JSON.stringify(result));
  if (base) {
    writeWhole(`${base}.json`, `${JSON.stringify(result)}\n`);
    rmSync(checkpoint!, { force: true });
  }
  return result;
}

/** The whole file or nothing. */
function writeWhole(file: string, text: string): void {
  writeFileSync(`${file}.partial`, text);
  renameSync(`${file}.partial`, file);
}

function reportOf(finished: readonly NetResult[]): Report {
  return {
    command: commandOf(),
    task: options.data === undefined ? 'generated cell images' : task.name,
    unit: task.unit,
    images: { train: countOf(parts.train), validation: countOf(parts.validation), test: countOf(parts.test) },
    settings,
    versions: { node: process.version, tensorflow: tensorflow.version },
    results: finished,
  };
}

function countOf({ targets }: ImageSet): number {
  return targets.length / task.axes.length;
}

/** As it was called, without folders of this machine. */
function commandOf(): string {
  const { argv } = process;
  const words = argv
    .slice(2)
    .filter((word, i, all) => word !== '--report' && !FOLDERS.has(word) && !FOLDERS.has(all[i - 1] ?? ''));
  const folders = [...FOLDERS].filter((word) => argv.includes(word)).map((word) => `${word} DIR`);
  return ['npm run bench -- cells', ...words, ...folders].join(' ');
}

function writeReport(finished: readonly NetResult[]): void {
  const out = options.out ?? options.work;
  if (out === undefined) return;
  mkdirSync(out, { recursive: true });
  const report = reportOf(finished);
  writeWhole(path.join(out, 'result.md'), markdown(report));
  writeWhole(path.join(out, 'result.json'), `${JSON.stringify(report, undefined, 1)}\n`);
}
