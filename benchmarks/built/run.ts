/**
 * Test cases that the data lacks, built from real footage with exact truth: the target cut out by a change of scene, covered by a moving patch
 * of background, out of the picture and back at another edge, crossed by a copy of itself, beside another object of its class.
 *
 *   npm run bench -- built --root DIR [--split val] [--out benchmarks/built]        the table: OUT/result-SPLIT.md and .json
 *   npm run bench -- built --root DIR --split train --figures train.json            figures of each frame, for benchmarks/confidence/fit.ts
 *   npm run bench -- built --root DIR --sheets DIR2 | --write DIR2                  builds the cases to look at, tracks nothing
 *
 * DIR holds SPLIT/NAME/video.mp4 and groundtruth.txt. Cases of a split are made of its footage alone. Nothing of it is written but what
 * --sheets and --write are asked for.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Command } from 'commander';
import { createEstimate, paceText } from '../../src/cli/progress.js';
import { DEFAULT_SEED, type TrackerOptions } from '../../src/config.js';
import { TrackerError } from '../../src/errors.js';
import { runJobs } from '../../src/evaluation/run-pool.js';
import { originOf } from '../record.js';
import { KINDS, type BuiltCase, type Kind } from './case.js';
import { readFootage } from './footage.js';
import { writeCaseSheet, writeCaseVideo } from './look.js';
import { FULL_COUNTS, planCases } from './plan.js';
import { casesOf, markdownOf, scoresByKind, type BuiltResult } from './report.js';
import { successOf } from './score.js';
import type { Job, JobResult } from './worker.js';

interface Options {
  root: string;
  split: string;
  seeds: string;
  caseSeed: number;
  kinds?: string;
  scale: number;
  config: string;
  workers: number;
  out?: string;
  figures?: string;
  sheets?: string;
  write?: string;
}

function readOptions(): Options {
  return new Command()
    .requiredOption('--root <dir>', 'folder of the splits')
    .option('--split <name>', 'val or train', 'val')
    .option('--seeds <list>', 'tracker seeds', String(DEFAULT_SEED))
    .option('--case-seed <n>', 'other cases of the same kinds', Number, 1)
    .option('--kinds <list>', `of: ${KINDS.join(', ')}`)
    .option('--scale <n>', 'so many times as many cases; less than 1: fewer', Number, 1)
    .option('--config <json>', 'tracker options', '{}')
    .option('--workers <n>', 'child processes', Number, 2)
    .option('--out <dir>', 'folder of result-SPLIT.md and result-SPLIT.json')
    .option('--figures <file>', 'figures of each frame (JSON), for benchmarks/confidence/fit.ts')
    .option('--sheets <dir>', 'writes a sheet of pictures of each case, and tracks nothing')
    .option('--write <dir>', 'writes each case as a sequence folder, and tracks nothing')
    .parse()
    .opts<Options>();
}

/** How many cases of each kind are asked for. */
function countsOf({ kinds, scale }: Options): Record<Kind, number> {
  const asked = kinds?.split(',').map((name) => name.trim());
  const wrong = asked?.find((name) => !KINDS.some((kind) => kind === name));
  if (wrong !== undefined) {
    throw new TrackerError('OPTION_INVALID', `--kinds: found "${wrong}", expected some of ${KINDS.join(', ')}`, {
      hint: 'for example --kinds "cut,cover 30"',
    });
  }
  const count = (kind: Kind): number => (asked && !asked.includes(kind) ? 0 : Math.ceil(scale * FULL_COUNTS[kind]));
  return Object.fromEntries(KINDS.map((kind) => [kind, count(kind)])) as Record<Kind, number>;
}

async function trackAll(cases: readonly BuiltCase[], options: Options): Promise<void> {
  const config = JSON.parse(options.config) as TrackerOptions;
  const seeds = options.seeds.split(',').map(Number);
  const jobs = cases
    .flatMap((built) => seeds.map((seed): Job => ({ built, seed, config })))
    .toSorted((a, b) => b.built.base.order.length - a.built.base.order.length);
  const traces: JobResult[] = [];
  const estimate = createEstimate();
  estimate(0, jobs.length);
  const script = new URL('./worker.ts', import.meta.url);
  await runJobs(script, jobs, options.workers, (trace: JobResult) => {
    traces.push(trace);
    const pace = { done: traces.length, total: jobs.length, secondsLeft: estimate(traces.length, jobs.length) };
    const auc = successOf(trace.moments).toFixed(3);
    const ms = trace.msPerFrame.toFixed(0);
    console.error(`${trace.name.padEnd(36)} seed ${trace.seed} AUC ${auc}  ${ms} ms  ${paceText(pace)}`);
  });
  const result: BuiltResult = {
    ...originOf('built', config),
    split: options.split,
    caseSeed: options.caseSeed,
    seeds,
    scores: scoresByKind(traces),
    cases: casesOf(traces),
  };
  const text = markdownOf(result);
  console.log(text);
  if (options.out !== undefined) {
    await mkdir(options.out, { recursive: true });
    await writeFile(path.join(options.out, `result-${options.split}.md`), text);
    await writeFile(
      path.join(options.out, `result-${options.split}.json`),
      `${JSON.stringify(result, undefined, 1)}\n`,
    );
  }
  if (options.figures !== undefined) {
    const scores = traces.map(({ name, seed, figures }) => ({ sequence: name, seed, figures }));
    await writeFile(options.figures, `${JSON.stringify({ ...result, scores })}\n`);
  }
}

const options = readOptions();
const footage = await readFootage(path.join(options.root, options.split));
const cases = planCases(footage, countsOf(options), options.caseSeed);
for (const built of cases) {
  if (options.sheets !== undefined) await writeCaseSheet(built, options.sheets);
  if (options.write !== undefined) await writeCaseVideo(built, options.write);
}
if (options.sheets === undefined && options.write === undefined) await trackAll(cases, options);
