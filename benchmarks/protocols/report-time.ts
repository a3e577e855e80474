/**
 * How long the result files of two trackers on a whole data set take to be scored and reported. The files are made of the truth: boxes
 * drift away from it and come back, by sines, with confidences and times beside them.
 *
 *   npx tsx benchmarks/protocols/report-time.ts --truth DIR [--absent DIR] [--keep DIR]
 *
 * DIR holds SEQ.txt with x,y,w,h a frame, and SEQ.txt with a flag a frame, 1 = absent.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { Writable } from 'node:stream';
import { Command } from 'commander';
import { runCli } from '../../src/cli/program.js';
import { readTruthFolder, writeSequenceResult, type Annotated } from '../../src/evaluation/results.js';
import type { SequenceResult } from '../../src/evaluation/types.js';

const options = new Command()
  .requiredOption('--truth <dir>', 'annotations: SEQ.txt')
  .option('--absent <dir>', 'flags of absence: SEQ.txt')
  .option('--keep <dir>', 'leave the report here')
  .parse()
  .opts<{ truth: string; absent?: string; keep?: string }>();

/** Frames of one drift away from the truth and back. */
const PERIOD = 400;

/** @param reach of the drift, in widths of the box */
function drifting({ truth }: Annotated, reach: number): SequenceResult {
  const frames = truth.length / 4;
  const away = Float64Array.from({ length: frames }, (_, i) => Math.sin((Math.PI * i) / PERIOD) ** 2);
  return {
    boxes: truth.map((value, i) => {
      const moved = i % 4 === 0 ? value + reach * away[Math.floor(i / 4)]! * truth[i + 2]! : value;
      return Number.isNaN(moved) ? 0 : moved;
    }),
    confidence: away.map((share, i) => Math.max(0, 1 - share - ((7 * i) % 10) / 50)),
    seconds: new Float64Array(frames).fill(0.05),
  };
}

const truth = await readTruthFolder(options.truth, options.absent);
const folder = await mkdtemp(path.join(tmpdir(), 'report-time-'));
try {
  const trackers = [
    { folder: path.join(folder, 'near'), reach: 0.6 },
    { folder: path.join(folder, 'far'), reach: 1.5 },
  ];
  for (const tracker of trackers) {
    for (const one of truth) await writeSequenceResult(tracker.folder, one.name, drifting(one, tracker.reach));
  }
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const absent = options.absent === undefined ? [] : ['--absent', options.absent];
  const results = trackers.map((tracker) => tracker.folder);
  const report = options.keep ?? path.join(folder, 'report');
  const start = performance.now();
  const code = await runCli(
    [
      'evaluate',
      '--truth',
      options.truth,
      ...absent,
      '--protocol',
      'lasot',
      '--report',
      report,
      '--results',
      ...results,
    ],
    { stdout: silent, stderr: silent },
  );
  const seconds = (performance.now() - start) / 1000;
  const frames = truth.reduce((sum, one) => sum + one.truth.length / 4, 0);
  console.log(
    `${truth.length} sequences, ${frames} frames, ${trackers.length} trackers scored and reported in ${seconds.toFixed(1)} s on ${cpus().length} cores`,
  );
  process.exitCode = code;
} finally {
  await rm(folder, { recursive: true });
}
