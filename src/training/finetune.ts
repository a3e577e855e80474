/**
 * Fine-tunes a head on footage of one's own: a small rate, the backbone frozen, judged on held-out pairs. The best weights by those are
 * kept; where none is better than what it started from, nothing is written.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256Of } from '../hash.js';
import { copyWeights, type HeadModel } from '../ebm/head.js';
import type { OpenHead } from '../tracker/open-head.js';
import { TrackerError } from '../errors.js';
import type { BackboneEntry } from '../features/manifest.js';
import { createRandom } from '../random.js';
import { openTensorflow, type TensorflowBackend } from '../runtime/tensorflow.js';
import { bankStep } from './bank-step.js';
import { drawCurve } from './curve.js';
import { hashFootage } from './data-hash.js';
import type { Sequence } from '../datasets/footage.js';
import { shuffled, spread, usableFrames } from './fill-bank.js';
import type { Figures, FinetuneResult } from './finetune-options.js';
import { writeHeadFile } from './head-file.js';
import { train, type LoopSettings } from './loop.js';
import {
  describeBackend,
  drawing,
  prepareBank,
  stopped,
  withBackbone,
  workFiles,
  type TrainingCommon,
  type TrainingWatch,
} from './session.js';
import { FINETUNING, type TrainingSettings } from './settings.js';
import { preparePairs, type HeldOut } from './validate.js';

export interface FinetuneRequest extends TrainingCommon {
  /** Checked: see check-frames.ts. */
  readonly sequences: readonly Sequence[];
  /** Held out instead of a part of `sequences`. */
  readonly heldOut?: readonly Sequence[] | undefined;
  readonly head: OpenHead;
  readonly backbone: BackboneEntry;
  readonly out: string;
  readonly learningRate: number;
  /** Crops in the feature bank, of all sequences together. */
  readonly crops: number;
}

/** Smaller batches where a step takes longer. */
const SLOW_BATCH: Partial<TrainingSettings> = { sequenceGroups: 2, samples: 16 };
/** Validations without a better one, after which it stops. */
export const PATIENCE = 5;
/** Share of sequences, or of one sequence's frames, that is held out. */
const HELD_OUT = 0.25;
/** Pairs that are held out, about, and of one sequence. */
const PAIRS = 60;
const PAIRS_A_SEQUENCE = [4, 40] as const;
/** Fewer frames with a box than this are nothing to learn from and to judge by. */
const FEWEST_FRAMES = 12;
const MOST_CROPS_A_SEQUENCE = 200;
const FEWEST_CROPS_A_SEQUENCE = 12;

/** @param crops of all sequences together */
export const cropsPerSequence = (crops: number, sequences: number): number =>
  Math.min(MOST_CROPS_A_SEQUENCE, Math.max(FEWEST_CROPS_A_SEQUENCE, Math.round(crops / sequences)));

/**
 * @throws TrackerError NOT_IMPROVED where nothing was written; INTERRUPTED where the signal was aborted; DATA_INVALID (too little footage),
 *   CHECKPOINT_INVALID, TENSORFLOW_UNAVAILABLE, OPTION_INVALID
 */
export async function finetune(request: FinetuneRequest, watch: TrainingWatch): Promise<FinetuneResult> {
  const { work, seed, threads, head, backbone: entry } = request;
  const split = splitFootage(request.sequences, request.heldOut, seed);
  watch.say(describeSplit(split));
  await mkdir(work, { recursive: true });
  const tensorflow = await openTensorflow({ backend: request.backend, threads });
  watch.say(describeBackend(tensorflow));
  const settings = settingsOf(FINETUNING, SLOW_BATCH, request, tensorflow.backend);
  const plan = {
    cropsPerSequence: cropsPerSequence(request.crops, split.learned.length),
    objectsPerPhoto: 0,
    cropsPerObject: 0,
    seed,
  };
  const { bank, data } = await prepareBank(request, entry, { sequences: split.learned, photos: [] }, plan, watch);
  const source = await hashHeldOut(split.heldOut);
  const validate = await withBackbone(entry, threads, (backbone) =>
    preparePairs(join(work, 'held-out-pairs'), split.heldOut, backbone, source, watch.signal),
  );
  if (!validate) throw stopped('while the held-out pairs were prepared');
  const { checkpoint, curve, picture } = workFiles(work);
  const { config, geometry, weights: start } = head.model;
  const withWeights = (weights: HeadModel['weights']): HeadModel => ({ config, geometry, weights });
  const { state, finished } = await train({
    settings,
    step: bankStep({ tf: tensorflow.tf, bank, geometry, settings }),
    settingsHash: sha256Of(
      JSON.stringify({ settings, data, source, plan, from: head.sha256, engine: tensorflow.version }),
    ),
    checkpoint,
    curve,
    initial: () => copyWeights(start),
    validate: (weights) => validate(withWeights(weights)),
    judge: { score: (figures) => figures['iou']!, patience: PATIENCE },
    onProgress: drawing(watch, work),
    signal: watch.signal,
  });
  bank.close();
  await drawCurve(curve, picture);
  if (!finished) throw stopped(`after step ${state.step} of ${settings.steps}`);
  const { best } = state;
  if (!best || best.step === 0) throw notImproved(request, best?.before ?? {});
  const result = { before: best.before, after: best.figures, best: best.step, steps: state.step };
  await writeHeadFile(
    request.out,
    { ...withWeights(best.weights), backbone: entry.sha256, confidence: head.confidence },
    {
      objective: request.objective,
      settings,
      data: { sha256: data, sequences: split.learned.length, crops: bank.entries.length },
      command: request.command,
      tensorflow: tensorflow.version,
      step: best.step,
      pairs: state.pairs,
      from: head.sha256,
      before: best.before,
      after: best.figures,
    },
  );
  return result;
}

/** All that is asked for of a run's settings. */
export type Choice = Pick<FinetuneRequest, 'objective' | 'steps' | 'seed' | 'learningRate'>;

/** Settings of a run. @param slowBatch smaller batches, for backends on which a step takes longer */
export function settingsOf<T extends Pace>(
  tuning: T,
  slowBatch: Partial<T>,
  { objective, steps, seed, learningRate }: Choice,
  backend: TensorflowBackend,
): T & Choice {
  const slow = backend === 'wasm' || backend === 'cpu';
  return {
    ...tuning,
    ...(slow ? slowBatch : {}),
    objective,
    steps,
    seed,
    learningRate,
    ...paceOf(tuning, steps),
  };
}

type Pace = Pick<LoopSettings, 'validateEvery' | 'checkpointEvery'>;

/** A short run is judged on its way too. */
const paceOf = ({ validateEvery, checkpointEvery }: Pace, steps: number): Pace => ({
  validateEvery: Math.min(validateEvery, Math.ceil(steps / 3)),
  checkpointEvery: Math.min(checkpointEvery, Math.ceil(steps / 6)),
});

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`;

export function describeSplit({ learned, heldOut }: Split): string {
  const judged = heldOut.map(({ sequence, search }) => `${sequence.name} (${search.length})`).join(', ');
  return `learns from ${count(learned.length, 'sequence')}, held out: ${judged}`;
}

export function notImproved(
  { out, learningRate }: Pick<FinetuneRequest, 'out' | 'learningRate'>,
  before: Figures,
): TrackerError {
  const iou = before['iou']?.toFixed(3) ?? 'unknown';
  return new TrackerError(
    'NOT_IMPROVED',
    `no step was better than the weights it started from (held-out IoU ${iou}): ${out} was not written`,
    { hint: `track with the weights you have, or try more footage, or --rate ${learningRate / 3} with another --work` },
  );
}

export interface Split {
  readonly learned: readonly Sequence[];
  readonly heldOut: readonly HeldOut[];
}

/**
 * Holds out whole sequences, a quarter of them; of a single one the last quarter of its frames, which are then not learned from.
 * @throws TrackerError DATA_INVALID where there is too little
 */
export function splitFootage(
  sequences: readonly Sequence[],
  heldOut: readonly Sequence[] | undefined,
  seed: number,
): Split {
  const usable = sequences.filter((sequence) => usableFrames(sequence).length >= FEWEST_FRAMES);
  if (usable.length === 0) {
    const most = Math.max(0, ...sequences.map((sequence) => usableFrames(sequence).length));
    throw new TrackerError(
      'DATA_INVALID',
      `footage: ${most} frames with a box in the longest sequence, expected ${FEWEST_FRAMES} at least`,
      { hint: 'annotate more frames; boxes of less than 6 pixels do not count' },
    );
  }
  if (heldOut && heldOut.length > 0) return { learned: usable, heldOut: searched(heldOut, 0) };
  if (usable.length === 1) return splitFrames(usable[0]!);
  const order = shuffled(usable, createRandom(seed));
  const held = new Set(order.slice(0, Math.max(1, Math.round(HELD_OUT * usable.length))));
  return {
    learned: usable.filter((sequence) => !held.has(sequence)),
    heldOut: searched(
      usable.filter((sequence) => held.has(sequence)),
      0,
    ),
  };
}

/** Identifies the held-out pairs. */
export async function hashHeldOut(heldOut: readonly HeldOut[]): Promise<string> {
  const footage = await hashFootage(heldOut.map(({ sequence }) => sequence));
  return sha256Of(JSON.stringify([footage, heldOut.map(({ search }) => search)]));
}

function splitFrames(sequence: Sequence): Split {
  const frames = usableFrames(sequence);
  const kept = Math.ceil((1 - HELD_OUT) * frames.length);
  const boxes = sequence.boxes.map((box, row) => (row < frames[kept]! ? box : undefined));
  return { learned: [{ ...sequence, boxes }], heldOut: searched([sequence], kept) };
}

/** @param from of the usable frames, the first that is searched */
function searched(sequences: readonly Sequence[], from: number): HeldOut[] {
  const [fewest, most] = PAIRS_A_SEQUENCE;
  const each = Math.min(most, Math.max(fewest, Math.round(PAIRS / sequences.length)));
  return sequences.map((sequence) => {
    const frames = usableFrames(sequence).slice(Math.max(1, from));
    return { sequence, search: [...new Set(spread(frames, Math.min(each, frames.length)))] };
  });
}
