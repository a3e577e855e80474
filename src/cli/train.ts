/** ebm-tracker train: a head from scratch. */
import { basename } from 'node:path';
import type { Command } from 'commander';
import { TrackerError } from '../errors.js';
import { keepInputs } from '../files/keep-inputs.js';
import { createRandom, type Random } from '../random.js';
import { trainingSchema, trainRunSchema } from '../training/settings.js';
import { addFields, readFields, type FieldTable } from './field-options.js';
import { listenForInterrupt } from './interrupt.js';
import { resolveHead } from './options.js';
import type { Terminal } from './terminal.js';
import { createTrainingWatch } from './training-progress.js';

/** Options that are settings of the training: the values that the weight file's command records, in this order, and the machine. */
const SETTINGS = {
  steps: ['--steps <n>', trainingSchema.shape.steps],
  seed: ['--seed <n>', trainingSchema.shape.seed],
  objective: ['--objective <name>', trainingSchema.shape.objective],
  learnedShare: ['--learned-share <x>', trainingSchema.shape.learnedShare],
  proposalObjective: ['--proposal-objective <name>', trainingSchema.shape.proposalObjective],
  absentWeight: ['--absent <x>', trainingSchema.shape.absentWeight],
  learningRate: ['--rate <x>', trainingSchema.shape.learningRate],
  stageRate: ['--learn-backbone <x>', trainingSchema.shape.stageRate],
} as const satisfies FieldTable;
const BANK = {
  cropsPerSequence: ['--sequence-crops <n>', trainRunSchema.shape.cropsPerSequence],
  objectsPerPhoto: ['--photo-objects <n>', trainRunSchema.shape.objectsPerPhoto],
  cropsPerObject: ['--photo-crops <n>', trainRunSchema.shape.cropsPerObject],
} as const satisfies FieldTable;
const MACHINE = {
  threads: ['--threads <n>', trainRunSchema.shape.threads],
  backend: ['--backend <name>', trainRunSchema.shape.backend],
} as const satisfies FieldTable;

interface TrainOptions {
  data: string;
  more?: string[];
  work?: string;
  out?: string;
  from?: string;
  learnFrom?: string;
  manifest?: string;
  showBatch?: string;
  quiet?: true;
}

export function addTrainCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('train')
    .description('train a head from scratch (hours); to adapt the one that ships to your own footage use finetune')
    .requiredOption(
      '--data <dir>',
      'folder with sequences/train, sequences/val (NAME/video.mp4, groundtruth.txt) and images',
    )
    .option(
      '--more <dirs...>',
      'folders of public layouts to learn from too, each as DIR or DIR=WEIGHT: GOT-10k, LaSOT, TrackingNet, ImageNet VID, COCO, DAVIS or YouTube-VOS masks ...',
    )
    .option(
      '--work <dir>',
      'folder of the feature bank, the checkpoint and the curve; the same command goes on from there',
    )
    .option(
      '--out <file>',
      'weights written at the end; with --learn-backbone also OUT.backbone.onnx and OUT.manifest.json',
    );
  addFields(command, { ...SETTINGS, ...BANK, ...MACHINE })
    .option('--from <head>', 'head to start from (weight file, or name in the manifest); left out: random weights')
    .option(
      '--learn-from <value>',
      'with --learn-backbone: all behind this value of its graph, such as "max_pooling2d/MaxPool:0"; left out: behind the fine map',
    )
    .option(
      '--manifest <file>',
      'models manifest whose default backbone is used, such as one of your own (models/README.md)',
    )
    .option(
      '--show-batch <file>',
      'write a picture sheet of what would be learned from (augmented crops with their boxes), and end',
    )
    .option('--quiet', 'no progress')
    .action((options: TrainOptions) => runTrain(options, terminal));
}

async function runTrain(options: TrainOptions, terminal: Terminal): Promise<void> {
  const settings = readFields(SETTINGS, options);
  const bank = readFields(BANK, options);
  const machine = readFields(MACHINE, options);
  const { data, out, work, from, learnFrom, manifest, more } = options;
  if (options.showBatch !== undefined) {
    await showBatch(options.showBatch, data, createRandom(settings.seed), terminal);
    return;
  }
  checkStages(settings.stageRate, learnFrom);
  // loaded here only: other commands do without TensorFlow.js
  const { trainHead } = await import('../training/train-head.js');
  const { parseSource } = await import('../training/mixture.js');
  const interrupt = listenForInterrupt();
  const watch = createTrainingWatch(terminal.stderr, options.quiet === true, interrupt.signal);
  try {
    const request = {
      settings,
      ...bank,
      ...machine,
      data,
      work: needWork(work),
      out,
      from: await resolveHead(from),
      stagesFrom: learnFrom,
      manifest,
      more: more?.map(parseSource),
      command: commandOf({ ...settings, ...bank }, options),
    };
    await trainHead(request, watch);
  } finally {
    watch.end();
    interrupt.end();
  }
}

async function showBatch(file: string, data: string, random: Random, { stderr }: Terminal): Promise<void> {
  const { readTrainingFootage } = await import('../training/train-head.js');
  const { inputsOfFootage } = await import('../training/inputs.js');
  const { writeBatchSheet } = await import('../training/batch-sheet.js');
  const footage = await readTrainingFootage(data);
  await keepInputs([{ what: '--show-batch', path: file }], await inputsOfFootage(footage));
  await writeBatchSheet(file, footage.sequences, footage.photos, random);
  stderr.write(`wrote ${file}: rows of one object each; truth green, last box amber\n`);
}

/** The command that a weight file records, without paths. */
function commandOf(values: Readonly<Record<string, unknown>>, { learnFrom, from, more }: TrainOptions): string {
  const fields = Object.entries({ ...SETTINGS, ...BANK }).map(([name, [flags]]) => [flags.split(' ')[0], values[name]]);
  const flags = [
    ...fields,
    ['--learn-from', learnFrom],
    ['--from', from && basename(from)],
    ['--more', more?.map((source) => basename(source)).join(' ')],
  ];
  const given = flags.filter(([, value]) => value !== undefined);
  return ['ebm-tracker train', ...given.map(([name, value]) => `${name} ${value}`)].join(' ');
}

/** @throws TrackerError OPTION_INVALID where it is said from where the backbone learns, but not that it does */
function checkStages(stageRate: number | undefined, learnFrom: string | undefined): void {
  if (stageRate !== undefined || learnFrom === undefined) return;
  throw new TrackerError('OPTION_INVALID', `--learn-from ${learnFrom}: found no --learn-backbone, expected both`, {
    hint: 'add --learn-backbone 0.2, or leave --learn-from out to keep the backbone as it is',
  });
}

/** @throws TrackerError OPTION_INVALID */
function needWork(work: string | undefined): string {
  if (work !== undefined) return work;
  throw new TrackerError('OPTION_INVALID', 'train: expected --work DIR', {
    hint: 'name a folder with room for the feature bank: half a megabyte a crop',
  });
}
