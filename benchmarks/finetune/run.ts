/**
 * Does fine-tuning help on footage that the head had trouble with? Fine-tunes on the first half of a sequence's frames, then tracks the
 * second half, from its first box, with the head that ships and with the tuned one.
 *
 *   npm run bench -- finetune --root DIR [--only Tiger1,Diving] [--rate 0.0001] [--steps 300] [--backend auto] [--seeds 11,12,13] [--out FILE.json]
 *
 * DIR holds NAME/video.mp4 and NAME/groundtruth.txt.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Command } from 'commander';
import { runSequence } from '../../src/evaluation/evaluated-tracker.js';
import { createTracker, findBackbone, loadManifest, openHead } from '../../src/node/open.js';
import type { TensorflowBackend } from '../../src/runtime/tensorflow.js';
import { readSequences, type Sequence } from '../../src/datasets/footage.js';
import type { Figures } from '../../src/training/finetune-options.js';
import { finetune } from '../../src/training/finetune.js';
import { createTrainingWatch } from '../../src/cli/training-progress.js';
import { metricsOf } from '../val/scores.js';

const options = new Command()
  .requiredOption('--root <dir>', 'folder of the sequences')
  .option('--only <list>', 'sequences', 'Tiger1,Diving,FaceOcc1,uav_truck2')
  .option('--rate <number>', 'learning rate', Number, 1e-4)
  .option('--steps <n>', 'steps at most', Number, 300)
  .option('--crops <n>', 'crops in the bank', Number, 2400)
  .option('--backend <name>', 'TensorFlow.js backend', 'auto')
  .option('--seeds <list>', 'seeds of the tracker', '11,12,13')
  .option('--out <file>', 'result file (JSON)')
  .parse()
  .opts<{
    root: string;
    only: string;
    rate: number;
    steps: number;
    crops: number;
    backend: TensorflowBackend | 'auto';
    seeds: string;
    out?: string;
  }>();

const THREADS = 2;
const seeds = options.seeds.split(',').map(Number);
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** Success AUC, frames without truth left out; mean over the seeds. */
async function trackHalf({ name, video, boxes }: Sequence, from: number, head: string | undefined): Promise<number> {
  const rows = boxes.slice(from);
  const truth = Float64Array.from(rows.flatMap((b) => (b ? [b.x, b.y, b.w, b.h] : Array<number>(4).fill(Number.NaN))));
  const scores: number[] = [];
  for (const seed of seeds) {
    const half = { name, source: video, start: from, truth };
    const result = await runSequence(createTracker, { seed, threads: THREADS, head }, half);
    scores.push(metricsOf({ ...half, ...result })['auc']!);
  }
  return mean(scores);
}

interface Row {
  readonly sequence: string;
  readonly frames: number;
  readonly before: number;
  readonly after: number;
  readonly seconds: number;
  readonly steps: number;
  readonly best: number;
  readonly heldOut: { readonly before: Figures; readonly after: Figures };
}

const manifest = await loadManifest();
const head = await openHead(manifest);
const backbone = await findBackbone(manifest, head.backbone);
const names = options.only.split(',');
const rows: Row[] = [];
for (const sequence of (await readSequences(options.root)).filter(({ name }) => names.includes(name))) {
  const half = sequence.boxes.findIndex((box, row) => row >= sequence.boxes.length / 2 && box !== undefined);
  const work = await mkdtemp(path.join(tmpdir(), 'ebm-finetune-'));
  const out = path.join(work, 'head.safetensors');
  const started = performance.now();
  const tuned = await finetune(
    {
      sequences: [{ ...sequence, boxes: sequence.boxes.slice(0, half) }],
      head,
      backbone,
      out,
      work,
      steps: options.steps,
      learningRate: options.rate,
      crops: options.crops,
      seed: 1,
      threads: THREADS,
      objective: 'nce+',
      backend: options.backend,
      command: 'benchmarks/finetune/run.ts',
    },
    createTrainingWatch(process.stderr, false, new AbortController().signal),
  ).catch((error: unknown) => console.error(`${sequence.name}: ${String(error)}`));
  const seconds = (performance.now() - started) / 1000;
  if (tuned) {
    const before = await trackHalf(sequence, half, undefined);
    const after = await trackHalf(sequence, half, out);
    const { steps, best } = tuned;
    const heldOut = { before: tuned.before, after: tuned.after };
    rows.push({
      sequence: sequence.name,
      frames: sequence.boxes.length - half,
      before,
      after,
      seconds,
      steps,
      best,
      heldOut,
    });
    console.log(
      `${sequence.name.padEnd(16)} second half (${sequence.boxes.length - half} frames) AUC ${before.toFixed(3)} -> ${after.toFixed(3)}; held-out IoU ${tuned.before['iou']!.toFixed(3)} -> ${tuned.after['iou']!.toFixed(3)}, step ${best} of ${steps}, ${seconds.toFixed(0)} s`,
    );
  }
  await rm(work, { recursive: true });
}
console.log(
  `mean AUC ${mean(rows.map((row) => row.before)).toFixed(3)} -> ${mean(rows.map((row) => row.after)).toFixed(3)}`,
);
if (options.out !== undefined) {
  const { rate, steps, crops, backend } = options;
  const command = `npm run bench -- finetune --only ${options.only} --rate ${rate} --steps ${steps} --crops ${crops} --backend ${backend} --seeds ${options.seeds}`;
  const record = { command, weights: head.sha256, versions: { node: process.version }, rows };
  await writeFile(options.out, `${JSON.stringify(record, undefined, 1)}\n`);
}
