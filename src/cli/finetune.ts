/** ebm-tracker finetune: the head on footage of one's own. */
import { access, constants } from 'node:fs/promises';
import path from 'node:path';
import type { Command } from 'commander';
import { messageOf, TrackerError } from '../errors.js';
import { DEFAULT_MANIFEST, findBackbone, loadManifest } from '../features/manifest.js';
import type { TensorflowBackend } from '../runtime/tensorflow.js';
import { openHead } from '../tracker/open-head.js';
import type { FinetuneResult } from '../training/finetune.js';
import type { TrainingWatch } from '../training/session.js';
import type { FootageFound } from './footage.js';
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
      'adapt the head to your own annotated footage; the result is one file for track --head and evaluate --head',
    )
    .requiredOption(
      '--data <dir>',
      'folder of sequences (NAME/video.mp4 or img/ and groundtruth.txt; LaSOT, GOT-10k, OTB and others), one sequence, or a video',
    )
    .requiredOption('--out <file>', 'the new weights, .safetensors')
    .option('--truth <file>', 'annotation of a single video: x,y,w,h a line (default: groundtruth.txt beside it)')
    .option('--from <head>', 'weights to start from (default: those that ship)')
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
  const manifest = await loadManifest();
  const out = await checkOut(options.out, options.from);
  const head = await openHead(manifest, options.from === undefined ? undefined : await resolveHead(options.from));
  // loaded here only: other commands do without TensorFlow.js
  const { finetune } = await import('../training/finetune.js');
  const { objectiveName } = await import('../training/objective.js');
  const objective = objectiveName(options.objective);
  const interrupt = listenForInterrupt();
  const watch = createTrainingWatch(terminal.stderr, options.quiet === true, interrupt.signal);
  try {
    const found = await readChecked(options, watch, terminal);
    const { backend } = options;
    const request = {
      ...numbers,
      ...found,
      head,
      backbone: await findBackbone(manifest, head.backbone),
      out,
      work: options.work ?? out.replace(/\.safetensors$/, '.work'),
      objective,
      backend,
      command: `ebm-tracker finetune --steps ${numbers.steps} --rate ${numbers.learningRate} --crops ${numbers.crops} --seed ${numbers.seed} --objective ${objective} --backend ${backend}`,
    };
    const result = await finetune(request, watch);
    terminal.stdout.write(report(result, out));
  } finally {
    interrupt.end();
  }
}

/** Sequences without fault; all faults are printed. @throws TrackerError DATA_INVALID, INPUT_NOT_FOUND, INTERRUPTED */
async function readChecked(
  { data, truth, skipBad }: FinetuneOptions,
  watch: TrainingWatch,
  { stderr }: Terminal,
): Promise<Pick<FootageFound, 'sequences' | 'heldOut'>> {
  const { readFootage } = await import('./footage.js');
  const { stopped } = await import('../training/session.js');
  const { layout, sequences, heldOut, faults } = await readFootage(data, truth, () => {
    if (watch.signal?.aborted) throw stopped('while the footage was checked');
  });
  for (const { sequence, message } of faults) stderr.write(`fault in ${sequence}: ${message}\n`);
  const bad = new Set(faults.map(({ sequence }) => sequence)).size;
  watch.say(`${data}: ${layout}, ${sequences.length + (heldOut?.length ?? 0)} sequences without fault, ${bad} with`);
  if (bad > 0 && (!skipBad || sequences.length === 0)) {
    throw new TrackerError('DATA_INVALID', `${data}: ${faults.length} faults in ${bad} sequences, listed above`, {
      hint: 'mend them, or go on without these sequences: --skip-bad',
    });
  }
  return { sequences, ...(heldOut ? { heldOut } : {}) };
}

/** The file with its ending. @throws TrackerError OPTION_INVALID where it would replace weights that ship or start; OUTPUT_FAILED */
async function checkOut(text: string, from: string | undefined): Promise<string> {
  const out = text.endsWith('.safetensors') ? text : `${text}.safetensors`;
  const file = path.resolve(out);
  const shipped = path.dirname(DEFAULT_MANIFEST);
  const refuse = (why: string): TrackerError =>
    new TrackerError('OPTION_INVALID', `--out ${out}: ${why}`, {
      hint: 'name another file, for example --out my-head',
    });
  if (file.startsWith(shipped + path.sep)) throw refuse(`lies in ${shipped}, whose weights are never replaced`);
  if (from !== undefined && (await resolveHead(from)) === file) throw refuse('is the head that --from starts from');
  await access(path.dirname(file), constants.W_OK).catch((cause: unknown) => {
    throw new TrackerError('OUTPUT_FAILED', `--out ${out}: ${messageOf(cause)}`, {
      hint: `mkdir -p ${path.dirname(out)}, or name a folder that you may write to`,
      cause,
    });
  });
  return out;
}

/** What changed on the held-out part. */
function report({ before, after, best, steps }: FinetuneResult, out: string): string {
  const row = (name: string, key: string): string =>
    `${name.padEnd(30)} ${before[key]!.toFixed(4).padStart(8)} ${after[key]!.toFixed(4).padStart(8)}`;
  const lines = [
    `${'held out'.padEnd(30)} ${'before'.padStart(8)} ${'after'.padStart(8)}`,
    row('IoU of the box', 'iou'),
    row('IoU of the last box', 'start'),
    row('NLL of the posterior', 'nll'),
    row('NLL of the proposal', 'proposal_nll'),
    `best after step ${best} of ${steps}; wrote ${out}`,
    `use it: ebm-tracker track VIDEO --box x,y,w,h --head ${out}`,
  ];
  return `${lines.join('\n')}\n`;
}
