/** A training run's whole state on disk: stopped at any moment, it goes on from its last checkpoint. */
import { access } from 'node:fs/promises';
import type { Weights } from '../ebm/head.js';
import { messageOf, TrackerError } from '../errors.js';
import { readSafetensors, writeSafetensors } from '../io/safetensors-file.js';
import type { StoredTensor } from '../io/safetensors.js';
import type { OptimiserState } from './optimiser.js';

export interface TrainingState {
  readonly weights: Weights;
  readonly optimiser: OptimiserState;
  /** Steps done and pairs seen. */
  readonly step: number;
  readonly pairs: number;
  readonly random: readonly number[];
  /** Hash of the settings the run was started with. */
  readonly settings: string;
  /** The best averaged weights so far, where a run is judged on held-out data. */
  readonly best?: Best | undefined;
}

export interface Best {
  /** 0: the weights it started from. */
  readonly step: number;
  /** Higher is better. */
  readonly score: number;
  readonly figures: Readonly<Record<string, number>>;
  /** Figures of the weights it started from. */
  readonly before: Readonly<Record<string, number>>;
  readonly weights: Weights;
}

const PARTS = ['first', 'second', 'averaged'] as const;

export async function writeCheckpoint(path: string, state: TrainingState): Promise<void> {
  const tensors: Record<string, StoredTensor> = {};
  for (const [name, weight] of Object.entries(state.weights)) {
    tensors[`weights/${name}`] = weight;
    for (const part of PARTS) tensors[`${part}/${name}`] = { shape: weight.shape, data: state.optimiser[part][name]! };
  }
  const { step, pairs, random, settings } = state;
  const { weights, ...best } = state.best ?? { weights: {} };
  for (const [name, weight] of Object.entries(weights)) tensors[`best/${name}`] = weight;
  const metadata = {
    state: JSON.stringify({ step, pairs, random, settings }),
    ...(state.best ? { best: JSON.stringify(best) } : {}),
  };
  await writeSafetensors(path, { tensors, metadata });
}

/**
 * The checkpoint at `path`, or undefined where there is none yet.
 * @throws TrackerError CHECKPOINT_INVALID for one of a run with other settings, or a damaged one
 */
export async function readCheckpoint(path: string, settings: string): Promise<TrainingState | undefined> {
  const exists = await access(path).then(
    () => true,
    () => false,
  );
  if (!exists) return undefined;
  const hint = 'remove the file to start anew, or give another --work';
  const invalid = (why: string, cause?: unknown): TrackerError =>
    new TrackerError('CHECKPOINT_INVALID', `checkpoint ${path}: ${why}`, { hint, cause });
  const file = await readSafetensors(path).catch((cause: unknown) => {
    throw invalid(messageOf(cause), cause);
  });
  const state = JSON.parse(file.metadata['state'] ?? 'null') as Omit<
    TrainingState,
    'weights' | 'optimiser' | 'best'
  > | null;
  if (!state) throw invalid('no training state in it');
  if (state.settings !== settings) throw invalid('it belongs to a run with other settings');
  const names = Object.keys(file.tensors).filter((name) => name.startsWith('weights/'));
  const part = (prefix: string): [string, StoredTensor][] =>
    names.map((name) => {
      const own = name.slice('weights/'.length);
      return [own, file.tensors[`${prefix}/${own}`]!];
    });
  const arrays = (prefix: string): Record<string, Float32Array> =>
    Object.fromEntries(part(prefix).map(([name, { data }]) => [name, data]));
  const best = JSON.parse(file.metadata['best'] ?? 'null') as Omit<Best, 'weights'> | null;
  return {
    ...state,
    best: best ? { ...best, weights: Object.fromEntries(part('best')) } : undefined,
    weights: Object.fromEntries(part('weights')),
    optimiser: { first: arrays('first'), second: arrays('second'), averaged: arrays('averaged') },
  };
}
