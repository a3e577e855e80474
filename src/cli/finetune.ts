/** ebm-tracker finetune: the head on footage of one's own. */
import type { Command } from 'commander';
import type { FinetuneResult } from '../training/finetune-options.js';
import { finetuneRunSchema, finetuningSchema } from '../training/settings.js';
import { addFields, readFields, type FieldTable } from './field-options.js';
import { listenForInterrupt } from './interrupt.js';
import { resolveHead } from './options.js';
import type { Terminal } from './terminal.js';
import { createTrainingWatch } from './training-progress.js';

const SETTINGS = {
  steps: ['--steps <n>', finetuningSchema.shape.steps],
  learningRate: ['--rate <x>', finetuningSchema.shape.learningRate],
  crops: ['--crops <n>', finetuneRunSchema.shape.crops],
  seed: ['--seed <n>', finetuningSchema.shape.seed],
  threads: ['--threads <n>', finetuneRunSchema.shape.threads],
  objective: ['--objective <name>', finetuningSchema.shape.objective],
  backend: ['--backend <name>', finetuneRunSchema.shape.backend],
} as const satisfies FieldTable;

interface FinetuneOptions {
  data: string;
  truth?: string;
  from?: string;
  out: string;
  work?: string;
  skipBad?: true;
  quiet?: true;
}

export function addFinetuneCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('finetune')
    .description(
      'adapt the head, or the box head of an imported tracker, to your own annotated footage; the result is one file for track --head and evaluate --head',
    )
    .requiredOption(
      '--data <dir>',
      'folder of sequences (NAME/video.mp4 or img/ and groundtruth.txt; LaSOT, GOT-10k, OTB and others), one sequence, or a video',
    )
    .requiredOption('--out <file>', 'the new weights, .safetensors')
    .option('--truth <file>', 'annotation of a single video: x,y,w,h a line (default: groundtruth.txt beside it)')
    .option('--from <head>', 'weights to start from, or an imported tracker (default: the weights that ship)')
    .option(
      '--work <dir>',
      'feature bank, checkpoint and curve; the same command goes on from there (default: OUT.work)',
    );
  addFields(command, SETTINGS)
    .option('--skip-bad', 'go on without the sequences that have a fault')
    .option('--quiet', 'no progress')
    .action((options: FinetuneOptions) => runFinetune(options, terminal));
}

async function runFinetune(options: FinetuneOptions, terminal: Terminal): Promise<void> {
  const settings = readFields(SETTINGS, options);
  const { data, truth, from, work, skipBad = false } = options;
  const out = options.out.endsWith('.safetensors') ? options.out : `${options.out}.safetensors`;
  // loaded here only: other commands do without TensorFlow.js
  const { finetuneOnFootage } = await import('../training/finetune-footage.js');
  const interrupt = listenForInterrupt();
  const watch = createTrainingWatch(terminal.stderr, options.quiet === true, interrupt.signal);
  try {
    const result = await finetuneOnFootage({
      ...settings,
      data,
      out,
      skipBad,
      truth,
      from: await resolveHead(from),
      work,
      onFault: ({ sequence, message }) => terminal.stderr.write(`fault in ${sequence}: ${message}\n`),
      say: watch.say,
      onFeatures: watch.onBank,
      onProgress: watch.onProgress,
      signal: interrupt.signal,
    }).finally(watch.end);
    terminal.stdout.write(report(result, out));
  } finally {
    interrupt.end();
  }
}

/** Table of the scores on the held-out part, before and after. */
function report({ before, after, best, steps }: FinetuneResult, out: string): string {
  const row = (name: string, key: string): string[] =>
    key in before
      ? [`${name.padEnd(30)} ${before[key]!.toFixed(4).padStart(8)} ${after[key]!.toFixed(4).padStart(8)}`]
      : [];
  const lines = [
    `${'held out'.padEnd(30)} ${'before'.padStart(8)} ${'after'.padStart(8)}`,
    ...row('IoU of the box', 'iou'),
    ...row('IoU of the last box', 'start'),
    ...row('step length of refinement', 'step_length'),
    ...row('NLL of the posterior', 'nll'),
    ...row('NLL of the proposal', 'proposal_nll'),
    `best after step ${best} of ${steps}; wrote ${out}`,
    `use it: ebm-tracker track VIDEO --box x,y,w,h --head ${out}`,
  ];
  return `${lines.join('\n')}\n`;
}
