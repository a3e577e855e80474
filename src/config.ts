/** Everything a user may set of the tracker: one schema with unit, default and range. */
import * as z from 'zod';
import { TrackerError } from './errors.js';
import { isObject } from './json.js';
import { PRESET_NAMES, PRESETS } from './presets.js';

/**
 * TensorFlow.js backends, in the order in which `auto` tries them. node-gpu and node: the packages @tensorflow/tfjs-node-gpu and
 * @tensorflow/tfjs-node, where their install could download TensorFlow; native: TensorFlow that a clone has unpacked by
 * `npm run native-tensorflow`; wasm and cpu: always there, slower.
 */
export const TENSORFLOW_BACKENDS = ['node-gpu', 'node', 'native', 'wasm', 'cpu'] as const;

/** Seed of the tracker, and of evaluations. */
export const DEFAULT_SEED = 11;

const share = z.number().min(0).max(1);
const positive = z.number().positive();
const count = z.number().int().min(1).max(10_000);

const searchSchema = z.strictObject({
  factor: z.number().min(2).max(12).default(4.4).describe('side of the search region over sqrt(w h) of the last box'),
});

const posteriorSchema = z.strictObject({
  candidates: count.default(64).describe('samples of the first round, from the proposal'),
  refined: count.default(32).describe('samples of the second round, about the dominant mode; in mirrored pairs'),
  settled: z.number().int().min(0).max(10_000).default(16).describe('samples of the third round, about the peak'),
  temperature: positive.default(0.5).describe('t in exp(t f): how much of the energy counts'),
  response: z
    .number()
    .min(0)
    .default(8)
    .describe("weight of the target model's response, in the posterior and the proposal"),
  colour: z.number().min(0).default(1).describe('weight of how much of its colours a box holds'),
  proposalLogit: z.number().min(0).default(0.7).describe("weight of the learned proposal's logits"),
  proposalMaxLogSigma: z.number().default(-0.7).describe("the learned proposal's Gaussians are no wider than this"),
  place: positive.default(0.35).describe('motion prior: deviation of the place, in units of sqrt(w h)'),
  tail: z.number().min(1).default(4).describe('motion prior: the tail is so many times wider'),
  size: positive.default(0.1).describe('size prior: deviation of the common log size a frame'),
  aspect: positive.default(0.07).describe('size prior: deviation of the log aspect a frame (half of log w/h)'),
  estimate: z
    .enum(['peak', 'mean', 'ascent'])
    .default('peak')
    .describe("the box: peak of a paraboloid fitted to the samples' densities, weighted mean, or ascended maximum"),
  starts: count.default(6).describe('ascent: samples it starts from'),
  averaged: count.default(3).describe('ascent: boxes averaged at its end'),
  ascentSteps: z.number().int().min(0).max(100).default(6).describe('ascent: steps'),
  ascentRate: positive.default(0.003).describe('ascent: y moves by rate times gradient'),
});

const targetSchema = z.strictObject({
  ridge: positive.default(0.05).describe('regularisation, in units of the mean diagonal of the normal equations'),
  labelSigma: positive.default(0.9).describe('deviation of the Gaussian label, cells'),
  rowFloor: share.default(0.2).describe('weight of a cell far from the target; 1 + this at its centre'),
  keep: share.default(0.3).describe('weight of the first frame beside what was learned since'),
  rate: share.default(0.17).describe('weight of a new frame'),
  decay: share.default(0.956).describe('share of older frames that stays at each new one'),
  learnEvery: count.default(6).describe('frames from one learned frame to the next; the work is spread over six'),
  learnAbove: z
    .number()
    .default(0.35)
    .describe('a frame in which it is tracked is learned above this response (first frame: 1)'),
  recentAbove: share.default(0.9).describe('a frame gives the recent view where it is tracked at this confidence'),
  holdBelow: z.number().default(0.25).describe('the box is held below this response (first frame: 1)'),
});

const redetectSchema = z.strictObject({
  after: count.default(20).describe('frames lost and unseen before it is looked for elsewhere'),
  every: count.default(2).describe('each so many frames it is looked for elsewhere, on the others at the last place'),
  spacing: positive.default(0.6).describe('from one place to the next, in sides of the search region'),
  place: positive.default(1.2).describe('prior there: deviation of the place, in units of sqrt(w h)'),
  foundAbove: share.default(0.8).describe('it is found elsewhere at this confidence'),
});

const publishedSchema = z.strictObject({
  steps: z.number().int().min(1).max(100).optional().describe('gradient ascent of the box: steps'),
  step: positive.optional().describe('gradient ascent of the box: length of a step'),
  starts: z.number().int().min(1).max(100).optional().describe('boxes that the ascent starts from'),
  notFound: positive.optional().describe('the object is not found below this score'),
});

export const configSchema = z.strictObject({
  preset: z.enum(PRESET_NAMES).default('default').describe('settings of src/presets.ts; fields that are set win'),
  seed: z.number().int().min(0).default(DEFAULT_SEED).describe('same seed, same input, same engine: same output'),
  threads: z
    .number()
    .int()
    .min(1)
    .max(127)
    .optional()
    .describe('threads of the networks; left out: one a processor core'),
  lanes: count
    .optional()
    .describe(
      'worker threads among which several objects, and the threads, are shared out, 200 MB each; left out: one a thread',
    ),
  engine: z.enum(['onnx', 'tfjs']).default('onnx').describe('engine of the head'),
  provider: z
    .enum(['auto', 'cpu', 'cuda', 'webgpu', 'dml', 'coreml'])
    .default('auto')
    .describe('onnxruntime execution provider'),
  backend: z
    .enum(['auto', ...TENSORFLOW_BACKENDS])
    .default('auto')
    .describe('TensorFlow.js backend of the engine tfjs'),
  precision: z.enum(['float', 'int8']).default('float').describe('how the backbone computes'),
  joined: z
    .boolean()
    .default(true)
    .describe(
      'backbone, head and target model in one graph, on the CPU; false: one after the other, each with its time',
    ),
  manifest: z.string().optional().describe('models manifest; left out: the one that ships'),
  head: z
    .string()
    .optional()
    .describe('weight file (.safetensors), or name of a head in the manifest; left out: its default'),
  search: searchSchema.default(() => searchSchema.parse({})).describe('region in which the object is searched for'),
  posterior: posteriorSchema.default(() => posteriorSchema.parse({})).describe('how boxes are drawn and weighed'),
  target: targetSchema.default(() => targetSchema.parse({})).describe('target model: its response and its memory'),
  redetect: redetectSchema.default(() => redetectSchema.parse({})).describe('search for a lost object'),
  published: publishedSchema
    .default(() => publishedSchema.parse({}))
    .describe('rules of an imported tracker that differ from the published ones'),
});

/** Every field, defaults filled in. */
export interface TrackerConfig extends z.output<typeof configSchema> {
  /** Threads of the networks. */
  threads: number;
}
/** Options as a user writes them; each may be left out. */
export interface TrackerOptions extends z.input<typeof configSchema> {}
export type TargetConfig = TrackerConfig['target'];
export type RedetectConfig = TrackerConfig['redetect'];
export type PosteriorConfig = TrackerConfig['posterior'];

/**
 * @param cores threads where the input has none
 * @throws TrackerError CONFIG_INVALID naming each field that is wrong
 */
export function parseConfig(input: unknown, cores: number): TrackerConfig {
  const parsed = configSchema.safeParse(withPreset(input ?? {}));
  if (parsed.success) return { ...parsed.data, threads: parsed.data.threads ?? cores };
  const faults = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'config'}: ${issue.message}`);
  throw new TrackerError('CONFIG_INVALID', `configuration: ${faults.join('; ')}`, {
    hint: 'see src/config.ts for every field with its range and default',
  });
}

/** The preset's settings under the fields that are set; what is no such object is left to the schema to refuse. */
function withPreset(input: unknown): unknown {
  const name = PRESET_NAMES.find((preset) => isObject(input) && input['preset'] === preset);
  return name === undefined ? input : overlay(PRESETS[name], input);
}

function overlay(under: unknown, over: unknown): unknown {
  if (over === undefined) return under;
  if (!isObject(under) || !isObject(over)) return over;
  const names = [...new Set([...Object.keys(under), ...Object.keys(over)])];
  return Object.fromEntries(names.map((name) => [name, overlay(under[name], over[name])]));
}
