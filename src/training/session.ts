/** Steps that training from scratch and fine-tuning share: filling the bank, reporting, and resuming a run. */
import { join } from 'node:path';
import { TrackerError } from '../errors.js';
import type { BackboneEntry } from '../features/manifest.js';
import { openBackbone } from '../node/open.js';
import { NATIVE_TENSORFLOW_HINT } from '../runtime/native-binding.js';
import type { Tensorflow, TensorflowOptions } from '../runtime/tensorflow.js';
import { Bank, type BankBackbone } from './bank.js';
import { drawCurve } from './curve.js';
import { hashFootage } from './data-hash.js';
import type { Photo, Sequence } from '../datasets/footage.js';
import { fillBank, type FillPlan } from './fill-bank.js';
import { earlierBase, openBase, type LearnedStages } from './learned-stages.js';
import type { TrainingProgress } from './loop.js';
import type { ObjectiveName } from './objective.js';

/** Callbacks for progress, and the signal that stops the training. */
export interface TrainingWatch {
  /** One line about what is done or was chosen. */
  readonly say: (text: string) => void;
  readonly onBank: (done: number, total: number) => void;
  readonly onProgress: (progress: TrainingProgress) => void;
  readonly signal?: AbortSignal | undefined;
}

export interface TrainingCommon {
  /** Folder of the bank, the checkpoint and the curve. */
  readonly work: string;
  readonly steps: number;
  readonly seed: number;
  readonly threads: number;
  readonly objective: ObjectiveName;
  readonly backend: NonNullable<TensorflowOptions['backend']>;
  /** As it was typed, without what only says where things lie. */
  readonly command: string;
}

/** Milliseconds of one step of 12 pairs and 33 boxes: wasm 1,700, native TensorFlow 500, measured side by side (benchmarks/README.md). */
const WASM_SLOWER = 3.5;

export function describeBackend({ backend, version, reason }: Tensorflow): string {
  const text = `TensorFlow.js backend ${backend} (${version}): ${reason}`;
  if (backend !== 'wasm' && backend !== 'cpu') return text;
  const slower =
    backend === 'wasm' ? `about ${WASM_SLOWER} times as slow a step as native TensorFlow` : 'for tests only';
  return `${text}; ${slower}. Native: ${NATIVE_TENSORFLOW_HINT}`;
}

/** Opens the backbone for the time that it is needed; where stages of it are learned, with their base map in the fine one's place. */
export async function withBackbone<T>(
  entry: BackboneEntry,
  threads: number,
  work: (backbone: BankBackbone) => Promise<T>,
  stages?: LearnedStages,
): Promise<T> {
  const backbone = stages
    ? await openBase(entry, stages, threads)
    : await openBackbone(entry, { threads, provider: 'cpu' });
  try {
    return await work(backbone);
  } finally {
    await backbone.release();
  }
}

export interface Footage {
  readonly sequences: readonly Sequence[];
  readonly photos: readonly Photo[];
}

/** Fills the bank of a work folder where it is not there yet, and opens it. @returns it, and the footage's hash */
export async function prepareBank(
  { work, threads }: Pick<TrainingCommon, 'work' | 'threads'>,
  entry: BackboneEntry,
  { sequences, photos }: Footage,
  plan: FillPlan,
  watch: TrainingWatch,
  stages?: LearnedStages,
): Promise<{ bank: Bank; data: string }> {
  const data = await hashFootage(sequences, photos);
  const { cropsPerSequence, objectsPerPhoto, cropsPerObject, seed } = plan;
  const base = earlierBase(stages);
  const source = [
    data,
    cropsPerSequence,
    objectsPerPhoto,
    cropsPerObject,
    seed,
    ...(base === undefined ? [] : [base]),
  ].join(' ');
  const folder = join(work, 'bank');
  if (!(await Bank.isThere(folder, source))) {
    const { onBank: onProgress, signal } = watch;
    const options = { ...plan, source, onProgress, signal };
    const full = await withBackbone(
      entry,
      threads,
      (backbone) => fillBank(folder, backbone, sequences, photos, options),
      stages,
    );
    if (!full) throw stopped('while the feature bank was filled');
  }
  return { bank: await Bank.open(folder, entry.sha256), data };
}

/** Files of a work folder. */
export const workFiles = (work: string) => ({
  checkpoint: join(work, 'checkpoint.safetensors'),
  curve: join(work, 'curve.csv'),
  picture: join(work, 'curve.svg'),
});

/** A watch that draws the curve's picture whenever there are figures. */
export function drawing(watch: TrainingWatch, work: string): TrainingWatch['onProgress'] {
  const { curve, picture } = workFiles(work);
  return (progress) => {
    watch.onProgress(progress);
    // a picture that cannot be written must not end the training
    if (progress.validation) void drawCurve(curve, picture).catch(() => undefined);
  };
}

export function stopped(when: string): TrackerError {
  return new TrackerError('INTERRUPTED', `stopped ${when}; what was done is kept`, {
    hint: 'run the same command again: it goes on from there',
  });
}
