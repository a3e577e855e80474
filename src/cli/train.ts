/** ebm-tracker train: a head from scratch. */
import { basename } from 'node:path';
import type { Command } from 'commander';
import { TrackerError } from '../errors.js';
import { keepInputs } from '../files/keep-inputs.js';
import { createRandom, type Random } from '../random.js';
import { TENSORFLOW_BACKENDS, type TensorflowBackend } from '../runtime/tensorflow.js';
import { listenForInterrupt } from './interrupt.js';
import { parseRate, parseShare, parseWhole, resolveHead } from './options.js';
import type { Terminal } from './terminal.js';
import { createTrainingWatch } from './training-progress.js';

interface TrainOptions {
  data: string;
  more?: string[];
  work?: string;
  out?: string;
  steps: string;
  seed: string;
  threads: string;
  sequenceCrops: string;
  photoObjects: string;
  photoCrops: string;
  objective: string;
  learnedShare: string;
  proposalObjective: string;
  absent: string;
  rate?: string;
  from?: string;
  learnBackbone?: string;
  learnFrom?: string;
  manifest?: string;
  backend: TensorflowBackend | 'auto';
  showBatch?: string;
  quiet?: true;
}

export const OBJECTIVE_HELP = 'what the energy is trained by: nce+, nce, ml-is, kld-is, ml-mcmc, sm or dsm';
export const BACKEND_HELP = `TensorFlow.js backend: auto, ${TENSORFLOW_BACKENDS.join(', ')}`;

// oxlint-disable-next-line max-lines-per-function -- a table of options, one after the other
export function addTrainCommand(program: Command, terminal: Terminal): void {
  program
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
    .option('--out <file>', 'weights written at the end')
    .option('--steps <n>', 'training steps', '4000')
    .option('--seed <n>', 'seed of everything', '1')
    .option('--threads <n>', 'threads', '2')
    .option('--sequence-crops <n>', 'crops of each sequence', '110')
    .option('--photo-objects <n>', 'objects of each photograph', '1')
    .option('--photo-crops <n>', 'crops of each object of a photograph', '3')
    .option('--objective <name>', OBJECTIVE_HELP, 'nce+')
    .option(
      '--learned-share <0..1>',
      'share of the boxes that come from the learned proposal, the rest about the truth',
      '0.5',
    )
    .option(
      '--proposal-objective <name>',
      "what the proposal learns: likelihood of the truth, divergence from the energy's density, or both",
      'likelihood',
    )
    .option(
      '--absent <0..1>',
      'weight of what tells that an object is not there, learned from crops that are searched for others; 0: left out',
      '0.25',
    )
    .option('--rate <x>', 'learning rate at its peak; 0.001 when left out')
    .option('--from <head>', 'head to start from (weight file, or name in the manifest); left out: random weights')
    .option(
      '--learn-backbone <0..1>',
      "learn the backbone's last stage too, at this share of the rate; OUT.backbone.onnx and OUT.manifest.json are written beside OUT",
    )
    .option(
      '--learn-from <value>',
      'with --learn-backbone: all behind this value of its graph, such as "max_pooling2d/MaxPool:0"; left out: behind the fine map',
    )
    .option(
      '--manifest <file>',
      'models manifest whose default backbone is used, such as one of your own (models/README.md)',
    )
    .option('--backend <name>', BACKEND_HELP, 'auto')
    .option(
      '--show-batch <file>',
      'write a picture sheet of what would be learned from (augmented crops with their boxes), and end',
    )
    .option('--quiet', 'no progress')
    .action((options: TrainOptions) => runTrain(options, terminal));
}

async function runTrain(options: TrainOptions, terminal: Terminal): Promise<void> {
  const whole = (name: string, text: string): number => parseWhole(`--${name}`, text);
  const seed = whole('seed', options.seed);
  const numbers = {
    steps: whole('steps', options.steps),
    seed,
    threads: whole('threads', options.threads),
    cropsPerSequence: whole('sequence-crops', options.sequenceCrops),
    objectsPerPhoto: whole('photo-objects', options.photoObjects),
    cropsPerObject: whole('photo-crops', options.photoCrops),
  };
  // loaded here only: other commands do without TensorFlow.js
  const { trainHead } = await import('../training/train-head.js');
  const { parseSource } = await import('../training/mixture.js');
  // wrong names are told before the hours of work
  const { objectiveName, proposalObjectiveName } = await import('../training/objective.js');
  const objective = objectiveName(options.objective);
  const proposalObjective = proposalObjectiveName(options.proposalObjective);
  if (options.showBatch !== undefined) {
    await showBatch(options.showBatch, options.data, createRandom(seed), terminal);
    return;
  }
  const interrupt = listenForInterrupt();
  try {
    const { backend, data, out, work } = options;
    const learnedShare = parseShare('--learned-share', options.learnedShare);
    const absentWeight = parseShare('--absent', options.absent);
    const learningRate = options.rate === undefined ? {} : { learningRate: parseRate('--rate', options.rate) };
    const stages = stagesOf(options);
    const from = options.from === undefined ? {} : { from: await resolveHead(options.from) };
    const request = {
      ...(options.more === undefined ? {} : { more: options.more.map(parseSource) }),
      ...numbers,
      objective,
      learnedShare,
      proposalObjective,
      absentWeight,
      ...learningRate,
      ...stages,
      ...from,
      ...(options.manifest === undefined ? {} : { manifest: options.manifest }),
      backend,
      data,
      work: needWork(work),
      ...(out === undefined ? {} : { out }),
      command: commandOf(options),
    };
    await trainHead(request, createTrainingWatch(terminal.stderr, options.quiet === true, interrupt.signal));
  } finally {
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

/** The command that a weight file records: options that were given, without paths. */
function commandOf(options: TrainOptions): string {
  const flags = {
    steps: options.steps,
    seed: options.seed,
    objective: options.objective,
    'learned-share': options.learnedShare,
    'proposal-objective': options.proposalObjective,
    absent: options.absent,
    'sequence-crops': options.sequenceCrops,
    'photo-objects': options.photoObjects,
    'photo-crops': options.photoCrops,
    rate: options.rate,
    'learn-backbone': options.learnBackbone,
    'learn-from': options.learnFrom,
    from: options.from && basename(options.from),
    more: options.more?.map((source) => basename(source)).join(' '),
  };
  const given = Object.entries(flags).filter(([, value]) => value !== undefined);
  return ['ebm-tracker train', ...given.map(([name, value]) => `--${name} ${value}`)].join(' ');
}

/** Options for training the backbone's stages; none if it is kept. @throws TrackerError OPTION_INVALID */
function stagesOf({ learnBackbone, learnFrom }: TrainOptions): { stageRate?: number; stagesFrom?: string } {
  if (learnBackbone !== undefined) {
    const stageRate = parseShare('--learn-backbone', learnBackbone);
    return learnFrom === undefined ? { stageRate } : { stageRate, stagesFrom: learnFrom };
  }
  if (learnFrom === undefined) return {};
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
