/**
 * Success of the tracker over a folder of sequences, as `ebm-tracker evaluate folder` runs and scores them: one pass from the first box, 21
 * thresholds, strict >, frames without truth left out.
 *
 *   npm run bench -- val --root DIR [--split val] [--seeds 11,12,13] [--config JSON] [--oracle NAME] [--boxes DIR] [--out FILE.json]
 *
 * An oracle tells the tracker a part of the truth after each frame: what the score gains is what that part costs (oracles.ts).
 *
 * DIR holds SPLIT/NAME/video.mp4 and groundtruth.txt. Sequences run in child processes of one thread each.
 */
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Command, Option } from 'commander';
import { paceText } from '../../src/cli/progress.js';
import { DEFAULT_SEED, type TrackerOptions } from '../../src/config.js';
import { trackerName } from '../../src/evaluation/evaluate.js';
import { readSequenceResult } from '../../src/evaluation/results.js';
import { runEvaluation, type EvaluationProgress } from '../../src/evaluation/runner.js';
import { runFolder } from '../../src/evaluation/run-plan.js';
import { originOf } from '../record.js';
import { ORACLES, type Oracle } from './oracles.js';
import {
  DATASET,
  metricsOf,
  msPerFrame,
  readValSequence,
  scoreRun,
  withSeen,
  type SequenceScore,
  type ValSequence,
} from './scores.js';
import type { Watch } from './worker.js';

interface Options {
  root: string;
  split: string;
  seeds: string;
  config: string;
  oracle: Oracle;
  boxes?: string;
  only?: string;
  every: number;
  workers: number;
  figures?: true;
  out?: string;
}

/** A run's scores, and the protocol's figures of the whole set, one a seed. */
interface Scored {
  readonly seeds: readonly number[];
  readonly scores: readonly SequenceScore[];
  readonly metrics: readonly Figures[];
}

type Figures = Readonly<Record<(typeof FIGURES)[number], number>>;
const FIGURES = ['auc', 'op50', 'op75'] as const;

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

function readOptions(): Options {
  return new Command()
    .requiredOption('--root <dir>', 'folder of the splits')
    .option('--split <name>', 'val or train', 'val')
    .option('--seeds <list>', 'tracker seeds', String(DEFAULT_SEED))
    .option('--config <json>', 'tracker options', '{}')
    .addOption(
      new Option('--oracle <name>', 'part of the truth that is told').choices(Object.keys(ORACLES)).default('none'),
    )
    .option('--boxes <dir>', "NAME.txt of another tracker's boxes, x,y,w,h a line, which are scored in place of ours")
    .option('--only <list>', 'names of sequences')
    .option('--every <n>', 'only each n-th sequence', Number, 1)
    .option('--workers <n>', 'child processes', Number, 2)
    .option('--figures', 'keeps the figures of each frame in the result file')
    .option('--out <file>', 'result file (JSON)')
    .parse()
    .opts<Options>();
}

/** The sequences that are asked for, in order of name. */
async function readAsked({ root, split, only, every }: Options): Promise<ValSequence[]> {
  const folder = path.join(root, split);
  const names = only?.split(',');
  const asked = (await DATASET.list(folder)).filter(
    (name, index) => index % every === 0 && (!names || names.includes(name)),
  );
  return Promise.all(asked.map((name) => readValSequence(folder, name)));
}

/** Runs the tracker in a folder that is removed again, and scores the results. */
async function track(sequences: readonly ValSequence[], options: Options): Promise<Scored> {
  const { root, split, oracle, figures = false, workers } = options;
  const { seed: _, threads: __, ...config } = JSON.parse(options.config) as TrackerOptions;
  const seeds = options.seeds.split(',').map(Number);
  const out = await mkdtemp(path.join(tmpdir(), 'ebm-tracker-val-'));
  const isWatched = figures || oracle !== 'none';
  const told: Promise<void>[] = [];
  try {
    const { folders, failed } = await runEvaluation({
      dataset: DATASET.name,
      root: path.join(root, split),
      out,
      tracker: trackerName(undefined),
      config,
      seeds,
      only: sequences.map(({ name }) => name),
      workers,
      threads: 1,
      script: isWatched ? new URL('./worker.ts', import.meta.url) : undefined,
      extra: { oracle } satisfies Watch,
      command: originOf('val', config).command,
      onProgress: (progress) => told.push(tell(progress, sequences, out)),
    });
    await Promise.all(told);
    for (const { sequence, seed, message } of failed) console.error(`failed ${sequence} seed ${seed}: ${message}`);
    if (failed.length > 0) process.exitCode = 1;
    const runs = await Promise.all(folders.map((folder, i) => scoreRun(sequences, folder, seeds[i]!)));
    const scores = runs.flatMap((run, i) =>
      run.scores.map(async (score) => (isWatched ? withSeen(score, folders[i]!, figures) : score)),
    );
    return { seeds, scores: await Promise.all(scores), metrics: runs.map(({ metrics }) => metrics as Figures) };
  } finally {
    await rm(out, { recursive: true });
  }
}

/** A line a sequence, as it ends. */
async function tell(
  { ended, done, total, secondsLeft }: EvaluationProgress,
  sequences: readonly ValSequence[],
  out: string,
): Promise<void> {
  if (!ended) return;
  const { sequence: name, seed } = ended;
  const truth = sequences.find((sequence) => sequence.name === name)!;
  const result = await readSequenceResult(runFolder(out, trackerName(undefined), DATASET.name, seed), name);
  const auc = metricsOf({ ...truth, ...result })['auc']!.toFixed(3);
  const ms = msPerFrame(result.seconds!).toFixed(0);
  console.error(`${name.padEnd(26)} seed ${seed} AUC ${auc}  ${ms} ms  ${paceText({ done, total, secondsLeft })}`);
}

/** Scores of another tracker's boxes: NAME.txt of a folder, one x,y,w,h a frame. */
async function scoreBoxes(sequences: readonly ValSequence[], folder: string): Promise<Scored> {
  const { metrics, scores } = await scoreRun(sequences, folder, 0);
  return { seeds: [0], scores, metrics: [metrics as Figures] };
}

const options = readOptions();
const sequences = await readAsked(options);
const { seeds, scores, metrics } = await (options.boxes === undefined
  ? track(sequences, options)
  : scoreBoxes(sequences, options.boxes));
report();

function report(): void {
  console.log(`${'sequence'.padEnd(26)} frames   AUC  OP50  OP75`);
  for (const { name } of sequences) {
    const own = scores.filter((score) => score.sequence === name);
    const row = FIGURES.map((key) => mean(own.map((score) => score[key])).toFixed(3));
    console.log(`${name.padEnd(26)} ${String(own[0]?.frames ?? '-').padStart(6)} ${row.join(' ')}`);
  }
  const total = FIGURES.map((key) => mean(metrics.map((figures) => figures[key])).toFixed(4));
  const perSeed = metrics.map(({ auc }) => auc.toFixed(4)).join(' ');
  console.log(
    `MEAN over ${sequences.length} ${options.split} sequences, seeds ${options.seeds}: AUC ${total[0]} OP50 ${total[1]} OP75 ${total[2]}; by seed ${perSeed}`,
  );
  if (options.oracle !== 'none') {
    const moved = scores.reduce((sum, score) => sum + score.moved, 0);
    console.log(`oracle ${options.oracle}: moved the box on ${moved} frames`);
  }
  console.log(`${mean(scores.map((score) => score.msPerFrame)).toFixed(1)} ms a frame on one thread`);
  if (options.out === undefined) return;
  const record = {
    ...originOf('val', JSON.parse(options.config) as TrackerOptions),
    split: options.split,
    seeds,
    oracle: options.oracle,
    mean: { auc: Number(total[0]), op50: Number(total[1]), op75: Number(total[2]) },
    scores: scores.toSorted((a, b) => a.sequence.localeCompare(b.sequence) || a.seed - b.seed),
  };
  writeFileSync(options.out, `${JSON.stringify(record, undefined, 1)}\n`);
}
