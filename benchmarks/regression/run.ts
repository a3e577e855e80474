/**
 * The 1-D experiments of both papers: trains every row of settings.ts on both data sets and compares p(y | x) with the truth.
 *
 *   npm run bench -- regression [--quick] [--rows nce,nce+] [--sets 1,2] [--samples M] [--seeds N] [--epochs N] [--work DIR] [--out DIR]
 *   npm run bench -- regression --report --work DIR     only gathers what is finished
 *
 * Resumable: a group of nets is a checkpoint, then a result, in the work folder; the same command goes on.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Command } from 'commander';
import { createEstimate, paceText } from '../../src/cli/progress.js';
import { openTensorflow, type Tensorflow, type TensorflowBackend } from '../../src/runtime/tensorflow.js';
import { divergences, modelHeat, partsOf } from './divergence.js';
import { readResult, report, resultFile, type GroupResult } from './report.js';
import { DATA_SETS, FULL, QUICK, ROWS, type DataSetId, type Row, type RunSettings } from './settings.js';
import { trainGroup, type Group } from './train.js';

interface Options {
  quick?: true;
  report?: true;
  rows?: string[];
  sets?: string[];
  seeds?: number;
  samples?: number;
  epochs?: number;
  seed?: number;
  backend: TensorflowBackend | 'auto';
  threads: number;
  work?: string;
  out?: string;
}

const list = (text: string): string[] => text.split(',');
const options = new Command()
  .option('--quick', 'a few epochs of a few nets')
  .option('--report', 'train nothing, gather the finished rows')
  .option('--rows <names>', 'rows of settings.ts', list)
  .option('--sets <numbers>', 'data sets', list)
  .option('--seeds <n>', 'nets a row', Number)
  .option('--samples <n>', 'M', Number)
  .option('--epochs <n>', 'epochs', Number)
  .option('--seed <n>', 'seed of data and nets', Number)
  .option('--backend <name>', 'of TensorFlow.js', 'auto')
  .option('--threads <n>', 'threads', Number, 1)
  .option('--work <dir>', 'checkpoints and results of groups')
  .option('--out <dir>', 'table and pictures')
  .parse()
  .opts<Options>();

const mode = options.quick ? 'quick' : 'full';
const work = options.work ?? path.join('.cache', 'regression', mode);
const out = options.out ?? path.join(work, 'report');
const settings = chooseSettings(options);

if (!options.report) await runAll();
console.log(report(work, out));
console.error(`written to ${out}`);

async function runAll(): Promise<void> {
  mkdirSync(work, { recursive: true });
  const tensorflow = await openTensorflow({ backend: options.backend, threads: options.threads });
  console.error(`${tensorflow.version}: ${tensorflow.reason}`);
  for (const row of chooseRows(options))
    for (const set of chooseSets(options))
      for (let index = 0; index * settings.groupSize < settings.seeds; index++) {
        const seeds = Math.min(settings.groupSize, settings.seeds - index * settings.groupSize);
        await runGroup({ row, set, index, seeds }, tensorflow);
      }
}

async function runGroup(group: Group, { tf, version }: Tensorflow): Promise<void> {
  const { row, set, index, seeds } = group;
  const hash = createHash('sha256')
    .update(JSON.stringify([settings, row, set, index, seeds, version]))
    .digest('hex')
    .slice(0, 16);
  const file = resultFile(work, set, row.name, index);
  if (readResult(file, hash)) return;
  const checkpoint = file.replace(/json$/, 'checkpoint');
  const started = performance.now();
  const estimate = createEstimate();
  const weights = await trainGroup(group, {
    tf,
    settings,
    hash,
    checkpoint,
    onEpoch: (epoch, loss) => {
      const pace = paceText({ done: epoch, total: settings.epochs, secondsLeft: estimate(epoch, settings.epochs) });
      console.error(`set ${set} ${row.name}: epoch ${pace}, loss ${loss.toFixed(4)}`);
    },
  });
  const seconds = (performance.now() - started) / 1000;
  const kl: GroupResult['divergences'] = {};
  const heat: GroupResult['heat'] = {};
  for (const part of partsOf(row)) {
    const found = divergences(tf, weights, row, part, set, settings.grid);
    Object.assign(kl, { [part]: found });
    Object.assign(heat, { [part]: modelHeat(tf, weights, row, part, medianIndex(found)) });
    console.error(`set ${set} ${row.name}: KL of the ${part} ${found.map((value) => value.toFixed(4)).join(' ')}`);
  }
  const result: GroupResult = {
    row: row.name,
    set,
    group: index,
    hash,
    settings,
    backend: version,
    node: process.version,
    seconds,
    divergences: kl,
    heat,
  };
  writeFileSync(`${file}.partial`, JSON.stringify(result));
  renameSync(`${file}.partial`, file);
  rmSync(checkpoint, { force: true });
}

function medianIndex(values: readonly number[]): number {
  const order = values.map((_, i) => i).toSorted((a, b) => values[a]! - values[b]!);
  return order[Math.floor((order.length - 1) / 2)]!;
}

function chooseSettings({ quick, seeds, samples, epochs, seed }: Options): RunSettings {
  const base = quick ? QUICK : FULL;
  return {
    ...base,
    seeds: seeds ?? base.seeds,
    samples: samples ?? base.samples,
    epochs: epochs ?? base.epochs,
    seed: seed ?? base.seed,
  };
}

function chooseRows({ rows, quick }: Options): Row[] {
  if (!rows) return ROWS.filter((row) => !quick || row.quick);
  return rows.map((name) => {
    const row = ROWS.find((row) => row.name === name);
    if (!row) throw new Error(`no row "${name}": one of ${ROWS.map((r) => r.name).join(', ')}`);
    return row;
  });
}

function chooseSets({ sets }: Options): DataSetId[] {
  return (sets ?? DATA_SETS.map(String)).map((name) => {
    const set = DATA_SETS.find((id) => String(id) === name);
    if (!set) throw new Error(`no data set "${name}": one of ${DATA_SETS.join(', ')}`);
    return set;
  });
}
