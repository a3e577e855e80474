/**
 * Fine-tunes the box head of an imported tracker by this project's objectives, all else frozen: the way from footage to a tracker that was
 * trained by NCE+. Judged on held-out crops as finetune.ts judges; the file that comes out is an imported tracker like the one that went in.
 */
import { mkdir, readFile } from 'node:fs/promises';
import type { Weights } from '../ebm/head.js';
import { copyWeights } from '../ebm/head.js';
import { messageOf, TrackerError } from '../errors.js';
import { sha256Of } from '../hash.js';
import { writeSafetensors } from '../io/safetensors-file.js';
import { openWith } from '../node/open.js';
import { BOX_HEAD } from '../published/architecture.js';
import { formatPublished, parsePublished, type PublishedModel } from '../published/file.js';
import { compileTaps } from '../published/look-graph.js';
import { TRACKERS, type Rules } from '../published/trackers.js';
import { createRandom } from '../random.js';
import { openTensorflow, type Tensorflow } from '../runtime/tensorflow.js';
import { drawCurve } from './curve.js';
import { hashFootage } from './data-hash.js';
import {
  cropsPerSequence,
  describeSplit,
  hashHeldOut,
  notImproved,
  PATIENCE,
  settingsOf,
  splitFootage,
  type Choice,
  type FinetuneRequest,
  type Split,
} from './finetune.js';
import type { FinetuneResult } from './finetune-options.js';
import { formatRecord } from './head-file.js';
import { train, type TrainingResult } from './loop.js';
import {
  heldOutPlan,
  learnedPlan,
  prepareCrops,
  type CropPlan,
  type CropSet,
  type CropStore,
} from './published-crops.js';
import { scorePublished } from './published-judge.js';
import { publishedStep, type PublishedSettings } from './published-step.js';
import { describeBackend, drawing, stopped, workFiles, type TrainingWatch } from './session.js';
import { DEFAULT_TRAINING } from './settings.js';

export interface FinetunePublishedRequest extends Omit<FinetuneRequest, 'head' | 'backbone'> {
  /** The imported tracker that it starts from. */
  readonly from: string;
}

/** All that is not asked for; boxes are drawn as widely as for the head of this project. */
export const PUBLISHED_TUNING: Omit<PublishedSettings, keyof Choice> = {
  objects: 3,
  searches: 3,
  samples: 64,
  sigmas: DEFAULT_TRAINING.fixedSigmas,
  brightness: 0.2,
  warmup: 20,
  weightDecay: 0,
  maxNorm: 10,
  averageDecay: 0.98,
  logEvery: 5,
  checkpointEvery: 10,
  validateEvery: 20,
};
/** Smaller batches where a step takes longer. */
const SLOW_BATCH: Partial<typeof PUBLISHED_TUNING> = { objects: 2, searches: 2 };

/**
 * @throws TrackerError NOT_IMPROVED where nothing was written; INTERRUPTED where the signal was aborted; MODEL_MISSING, MODEL_INVALID, DATA_INVALID
 *   (too little footage), CHECKPOINT_INVALID, TENSORFLOW_UNAVAILABLE, OPTION_INVALID
 */
export async function finetunePublished(
  request: FinetunePublishedRequest,
  watch: TrainingWatch,
): Promise<FinetuneResult> {
  const start = await readTracker(request.from);
  const split = splitFootage(request.sequences, request.heldOut, request.seed);
  watch.say(describeTask(request, start.model));
  watch.say(describeSplit(split));
  await mkdir(request.work, { recursive: true });
  const tensorflow = await openTensorflow({ backend: request.backend, threads: request.threads });
  watch.say(describeBackend(tensorflow));
  const settings = settingsOf(PUBLISHED_TUNING, SLOW_BATCH, request, tensorflow.backend);
  const data = await hashFootage(split.learned);
  const crops = await bothCrops(request, split, data, start.model.recipe.rules, watch);
  try {
    const { state, finished } = await run(request, start, crops, { tensorflow, settings, data, watch });
    if (!finished) throw stopped(`after step ${state.step} of ${request.steps}`);
    const { best } = state;
    if (!best || best.step === 0) throw notImproved(request, best?.before ?? {});
    const record = await formatRecord({
      objective: request.objective,
      settings,
      data: { sha256: data, sequences: split.learned.length, crops: crops.learned.entries.length },
      command: request.command,
      tensorflow: tensorflow.version,
      step: best.step,
      pairs: state.pairs,
      from: start.sha256,
      before: best.before,
      after: best.figures,
    });
    const { tensors, metadata } = formatPublished(withBoxHead(start.model, best.weights, best.figures['step_length']));
    await writeSafetensors(request.out, { tensors, metadata: { ...record, ...metadata } });
    return { before: best.before, after: best.figures, best: best.step, steps: state.step };
  } finally {
    crops.learned.close();
    crops.heldOut.close();
  }
}

interface Start {
  readonly model: PublishedModel;
  readonly sha256: string;
}

async function readTracker(file: string): Promise<Start> {
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new TrackerError('MODEL_MISSING', `tracker ${file}: cannot be read (${messageOf(cause)})`, {
      hint: 'check --from; ebm-tracker import CHECKPOINT --out FILE makes one',
      cause,
    });
  });
  return { model: parsePublished(bytes, file), sha256: sha256Of(bytes) };
}

function describeTask({ objective }: FinetunePublishedRequest, { recipe }: PublishedModel): string {
  const { title } = TRACKERS[recipe.tracker];
  return `the box head of ${title} (${recipe.source.file}) by ${objective}; all else stays as it is`;
}

interface BothCrops {
  readonly learned: CropStore;
  readonly heldOut: CropStore;
}

async function bothCrops(
  request: FinetunePublishedRequest,
  split: Split,
  data: string,
  { size, area, border }: Rules,
  { onBank, signal }: TrainingWatch,
): Promise<BothCrops> {
  const { seed, work } = request;
  const each = cropsPerSequence(request.crops, split.learned.length);
  const rules = { size, area, border };
  const prepare = async (name: CropSet, plans: CropPlan[], of: readonly unknown[], own: number): Promise<CropStore> => {
    const source = sha256Of(JSON.stringify([...of, rules]));
    const options = { rules, source, random: createRandom(own), onProgress: onBank, signal };
    const crops = await prepareCrops(work, name, plans, options);
    if (!crops) throw stopped('while crops were taken');
    return crops;
  };
  const learned = split.learned.map((sequence) => learnedPlan(sequence, each));
  const judged = split.heldOut.map(heldOutPlan);
  return {
    learned: await prepare('crops', learned, [data, each, seed], seed),
    heldOut: await prepare('held-out-crops', judged, [await hashHeldOut(split.heldOut)], HELD_OUT_SEED),
  };
}

/** Runs of different seeds are judged by the same crops. */
const HELD_OUT_SEED = 3;

interface Surroundings {
  readonly tensorflow: Tensorflow;
  readonly settings: PublishedSettings;
  readonly data: string;
  readonly watch: TrainingWatch;
}

async function run(
  request: FinetunePublishedRequest,
  { model, sha256 }: Start,
  { learned, heldOut }: BothCrops,
  { tensorflow, settings, data, watch }: Surroundings,
): Promise<TrainingResult> {
  const { work, threads } = request;
  const { checkpoint, curve, picture } = workFiles(work);
  const { learnt, frozen } = splitWeights(model);
  const onnx = { threads, provider: 'cpu' } as const;
  const taps = await openWith(onnx)(compileTaps(model));
  const figures = heldOut.entries.length;
  try {
    return await train({
      settings,
      step: publishedStep({ tf: tensorflow.tf, crops: learned, taps, frozen, settings }),
      settingsHash: sha256Of(
        JSON.stringify({ settings, data, crops: learned.entries.length, figures, sha256, engine: tensorflow.version }),
      ),
      checkpoint,
      curve,
      initial: () => copyWeights(learnt),
      // by the rules that it was published with
      before: () => scorePublished(model, heldOut, onnx),
      validate: (weights) => scorePublished(withBoxHead(model, weights), heldOut, onnx),
      judge: { score: ({ iou }) => iou!, patience: PATIENCE },
      onProgress: drawing(watch, work),
      signal: watch.signal,
    });
  } finally {
    await taps.release();
    await drawCurve(curve, picture).catch(() => undefined);
  }
}

const STATISTICS = /\.running_(mean|var)$/;

/** The box head's weights, and the statistics of its batch norms, which stay. */
export function splitWeights({ weights }: PublishedModel): { learnt: Weights; frozen: Weights } {
  const own = Object.entries(weights).filter(([name]) => name.startsWith(`${BOX_HEAD}.`));
  return {
    learnt: Object.fromEntries(own.filter(([name]) => !STATISTICS.test(name))),
    frozen: Object.fromEntries(own.filter(([name]) => STATISTICS.test(name))),
  };
}

/**
 * A tracker with another box head. The objectives make energies that are log-densities in units of the box: those of a head that predicted an IoU,
 * which is ascended in pixels, are ascended as such densities are.
 * @param step length of the ascent; left out: the published one
 */
export function withBoxHead({ recipe, weights }: PublishedModel, head: Weights, step?: number): PublishedModel {
  const { rules } = recipe;
  const ascent = rules.space === 'relative' ? rules : DENSITY_ASCENT;
  const own = { space: ascent.space, steps: ascent.steps, step: step ?? ascent.step };
  return { recipe: { ...recipe, rules: { ...rules, ...own } }, weights: { ...weights, ...head } };
}

const DENSITY_ASCENT = TRACKERS.super_dimp.rules;
