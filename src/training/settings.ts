/**
 * Everything that may be set of a training: one schema with unit, default and range. The commands `train` and `finetune` have their options
 * from here. The order of the fields is part of a checkpoint's identity.
 */
import { z } from 'zod';
import { TENSORFLOW_BACKENDS } from '../config.js';
import { TrackerError } from '../errors.js';
import { DEFAULT_OBJECTIVE, OBJECTIVE_NAMES, PROPOSAL_OBJECTIVES } from './objective.js';

const share = z.number().min(0).max(1);
const positive = z.number().positive();
const whole = z.number().int().min(0);
const count = z.number().int().min(1);
const rate = z.number().positive().max(0.1);

/** Settings of the steps, and of the loop about them. The defaults are those of the head that ships. */
export const trainingSchema = z.strictObject({
  steps: whole.default(4000).describe('training steps'),
  learningRate: rate.default(1e-3).describe('learning rate at its peak'),
  warmup: whole.default(60).describe('steps in which the rate rises to its peak'),
  seed: whole.default(1).describe('same seed, data and engine: same weights'),
  groupSize: count
    .default(3)
    .describe('crops a group: K crops give K (K - 1) pairs, since template and search share one embedding'),
  sequenceGroups: whole.default(5).describe('groups a batch taken from sequences'),
  photoGroups: whole.default(2).describe('groups a batch taken from photographs'),
  maxGap: count.default(200).describe("largest gap between a group's first crop and the others, frames"),
  objective: z.enum(OBJECTIVE_NAMES).default(DEFAULT_OBJECTIVE).describe('what the energy is trained by'),
  samples: count.default(32).describe('half of the boxes that are drawn for a pair'),
  learnedShare: share
    .default(0.5)
    .describe('share of the boxes that come from the learned proposal, the rest about the truth'),
  fixedSigmas: z
    .array(positive)
    .readonly()
    .default([0.04, 0.15, 0.5])
    .describe('deviations of the boxes drawn about the truth, of y'),
  recentShare: share
    .default(0.75)
    .describe('share of pairs with a recent view; for the others the first view is the recent one too'),
  proposalObjective: z
    .enum(PROPOSAL_OBJECTIVES)
    .default('likelihood')
    .describe("what the proposal learns, the truth's likelihood or its divergence from the energy's density"),
  proposalWeight: z.number().min(0).default(0.5).describe("weight of the proposal's loss"),
  absentWeight: share
    .default(0.25)
    .describe(
      'weight of what tells that an object is not there, learned from crops that are searched for others; 0: left out',
    ),
  channelDropout: share.default(0.05).describe("share of the backbone's channels dropped, a crop"),
  weightDecay: z.number().min(0).default(1e-3).describe('decay of the weights, a step at rate 1'),
  maxNorm: positive.default(10).describe('gradients are scaled down to this norm, all together'),
  averageDecay: share.default(0.995).describe('decay of the averaged weights; the average warms up'),
  logEvery: count.default(20).describe('steps between lines of the curve'),
  checkpointEvery: count.default(200).describe('steps between checkpoints'),
  validateEvery: count.default(500).describe('steps between validations'),
  stageRate: share
    .optional()
    .describe("learn the backbone's last stages too, at this share of the rate; their weights do not decay"),
});

/** Settings of a training, defaults filled in. */
export interface TrainingSettings extends Readonly<z.output<typeof trainingSchema>> {}
/** The same as they are asked for. */
export interface TrainingOptions extends Readonly<z.input<typeof trainingSchema>> {}

export const DEFAULT_TRAINING: TrainingSettings = trainingSchema.parse({});

/** The same field with another default. */
const again = (field: z.ZodDefault<z.ZodNumber>, value: number): z.ZodDefault<z.ZodNumber> =>
  field.unwrap().default(value).describe(field.description!);

/** Fine-tuning has defaults of its own, found by trying; see the log of benchmarks/README.md. */
export const finetuningSchema = trainingSchema.extend({
  steps: whole.default(300).describe('steps at most; it stops before where held-out frames gain nothing'),
  learningRate: again(trainingSchema.shape.learningRate, 1e-4),
  warmup: again(trainingSchema.shape.warmup, 20),
  photoGroups: again(trainingSchema.shape.photoGroups, 0),
  averageDecay: again(trainingSchema.shape.averageDecay, 0.98),
  logEvery: again(trainingSchema.shape.logEvery, 5),
  checkpointEvery: again(trainingSchema.shape.checkpointEvery, 20),
  validateEvery: again(trainingSchema.shape.validateEvery, 20),
});

export const FINETUNING: TrainingSettings = finetuningSchema.parse({});

const machine = {
  threads: z.number().int().min(1).max(127).default(2).describe('threads'),
  backend: z
    .enum(['auto', ...TENSORFLOW_BACKENDS])
    .default('auto')
    .describe('TensorFlow.js backend'),
};

/** The feature bank of `train`, and the machine. */
export const trainRunSchema = z.strictObject({
  ...machine,
  cropsPerSequence: whole.default(110).describe('crops of each sequence'),
  objectsPerPhoto: whole.default(1).describe('objects of each photograph'),
  cropsPerObject: whole.default(3).describe('crops of each object of a photograph'),
});

/** The same of `finetune`. */
export const finetuneRunSchema = z.strictObject({
  ...machine,
  crops: count.default(2400).describe('crops to learn from, half a megabyte each'),
});

/** @throws TrackerError OPTION_INVALID naming each field that is wrong */
export function parseSettings<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new TrackerError('OPTION_INVALID', `training: ${faults.join('; ')}`, {
    hint: 'see src/training/settings.ts for every field with its range and default',
  });
}
