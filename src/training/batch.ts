/** Batches of training: crops of some objects, out of the bank. */
import type { Random } from '../random.js';
import type { Bank } from './bank.js';
import type { LearnedStages } from './learned-stages.js';

/** Maps and boxes of B crops; crops of one object lie side by side, groupSize of them. */
export interface Batch {
  /** Maps of the crops; in training of the backbone's stages, `fine` is the base map that both are made from. */
  readonly fine: Float32Array;
  readonly coarse?: Float32Array;
  /** Factors of the maps' channels [B, C]: channel dropout. */
  readonly gains: { readonly fine: Float32Array; readonly coarse: Float32Array };
  /** True boxes [B, 4] and sizes of the last box [B, 2], crop pixels. */
  readonly boxes: Float32Array;
  readonly last: Float32Array;
  /** Which object each crop is of [B]. */
  readonly objects: readonly number[];
  /** Frame of each crop in its video [B]. */
  readonly frames: readonly number[];
}

/** @param stages of the backbone that are learned: they make the maps */
export function loadBatch(
  bank: Bank,
  indices: readonly number[],
  dropout: number,
  random: Random,
  stages: LearnedStages | undefined,
): Batch {
  const gains = (channels: number): Float32Array =>
    Float32Array.from({ length: indices.length * channels }, () =>
      random.uniform() < dropout ? 0 : 1 / (1 - dropout),
    );
  const entries = indices.map((index) => bank.entries[index]!);
  return {
    fine: bank.read('fine', indices),
    ...(stages ? {} : { coarse: bank.read('coarse', indices) }),
    gains: {
      fine: gains(stages?.fineDeviation.length ?? bank.header.fine.channels),
      coarse: gains(bank.header.coarse.channels),
    },
    boxes: Float32Array.from(entries.flatMap(({ box }) => [...box])),
    last: Float32Array.from(entries.flatMap(({ last }) => [...last])),
    objects: entries.map(({ object }) => object),
    frames: entries.map(({ frame }) => frame),
  };
}
