/** ebm-tracker finetune: the head on footage of one's own. */
import type { Command } from 'commander';
import type { TensorflowBackend } from '../runtime/tensorflow.js';
import type { FinetuneResult } from '../training/finetune-options.js';
import { listenForInterrupt } from './interrupt.js';
import { parseRate, parseWhole, resolveHead } from './options.js';
import type { Terminal } from './terminal.js';
import { BACKEND_HELP, OBJECTIVE_HELP } from './train.js';
import { createTrainingWatch } from './training-progress.js';

interface FinetuneOptions {
  data: string;
  truth?: string;
  from?: string;
  out: string;
  work?: string;
  steps: string;
  rate: string;
  crops: string;
  seed: string;
  threads: string;
  objective: string;
  backend: TensorflowBackend | 'auto';
  skipBad?: true;
  quiet?: true;
}

export function addFinetuneCommand(program: Command, terminal: Terminal): void {
  program
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
    )
    .option('--steps <n>', 'steps at most; it stops before where held-out frames gain nothing', '300')
    .option('--rate <number>', 'learning rate', '0.0001')
    .option('--crops <n>', 'crops to learn from, half a megabyte each', '2400')
    .option('--seed <n>', 'same seed, data and engine: same weights', '1')
    .option('--threads <n>', 'threads', '2')
    .option('--objective <name>', OBJECTIVE_HELP, 'nce+')
    .option('--backend <name>', BACKEND_HELP, 'auto')
    .option('--skip-bad', 'go on without the sequences that have a fault')
    .option('--quiet', 'no progress')
    .action((options: FinetuneOptions) => runFinetune(options, terminal));
}

async function runFinetune(options: FinetuneOptions, terminal: Terminal): Promise<void> {
  const numbers = {
    steps: parseWhole('--steps', options.steps),
    crops: parseWhole('--crops', options.crops),
    seed: parseWhole('--seed', options.seed),
    threads: parseWhole('--threads', options.threads),
    learningRate: parseRate('--rate', options.rate),
  };
  const { data, truth, from, work, objective, backend, skipBad } = options;
  const out = options.out.endsWith('.safetensors') ? options.out : `${options.out}.safetensors`;
  // loaded here only: other commands do without TensorFlow.js
  const { finetuneOnFootage } = await import('../training/finetune-footage.js');
  const interrupt = listenForInterrupt();
  const { say, onBank, onProgress } = createTrainingWatch(terminal.stderr, options.quiet === true, interrupt.signal);
  try {
    const result = await finetuneOnFootage({
      ...numbers,
      data,
      out,
      objective,
      backend,
      skipBad: skipBad ?? false,
      ...(truth === undefined ? {} : { truth }),
      ...(from === undefined ? {} : { from: await resolveHead(from) }),
      ...(work === undefined ? {} : { work }),
      onFault: ({ sequence, message }) => terminal.stderr.write(`fault in ${sequence}: ${message}\n`),
      say,
      onFeatures: onBank,
      onProgress,
      signal: interrupt.signal,
    });
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
