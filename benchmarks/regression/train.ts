/** Trains the S nets of a group as one batched net, from its checkpoint where there is one. */
import type * as TF from '@tensorflow/tfjs-core';
import type { Weights } from '../../src/ebm/head.js';
import { createRandom, type Random } from '../../src/random.js';
import { readCheckpoint, writeCheckpoint } from '../../src/training/checkpoint.js';
import { adamStep, createOptimiserState } from '../../src/training/optimiser.js';
import { drawPairs, type Pairs } from './data.js';
import { architectureOf, batchLoss, type Batch, type LossContext } from './losses.js';
import { createWeights, type Parameters } from './network.js';
import type { DataSetId, Row, RunSettings } from './settings.js';

export interface Group {
  readonly row: Row;
  readonly set: DataSetId;
  readonly index: number;
  readonly seeds: number;
}

export interface GroupOptions {
  readonly tf: typeof TF;
  readonly settings: RunSettings;
  /** Identifies all that the result depends on. */
  readonly hash: string;
  readonly checkpoint: string;
  readonly onEpoch?: (epoch: number, loss: number) => void;
}

/** Plain Adam: no decay, no clipping, the last weights count. */
const ADAM = { weightDecay: 0, maxNorm: Infinity, averageDecay: 0 };
/** Epochs between checkpoints. */
const CHECKPOINT_EVERY = 5;

/** @returns the weights after the last epoch */
export async function trainGroup(group: Group, options: GroupOptions): Promise<Weights> {
  const { tf, settings, hash, checkpoint } = options;
  const { row, set, seeds } = group;
  const pairs = trainingPairs(set, settings);
  const state = (await readCheckpoint(checkpoint, hash)) ?? newState(group, settings, hash);
  const random = createRandom(state.random);
  const context: LossContext = { tf, row, set, settings, random };
  let { step } = state;
  const perEpoch = Math.ceil(settings.pairs / settings.batch);
  for (let epoch = Math.round(step / perEpoch) + 1; epoch <= settings.epochs; epoch++) {
    let loss = 0;
    for (const batch of epochBatches(pairs, seeds, settings.batch, random)) {
      const result = gradientsOf(context, state.weights, batch);
      step++;
      adamStep(state.weights, result.gradients, state.optimiser, step, settings.learningRate, ADAM);
      loss += result.loss / seeds / perEpoch;
    }
    const done = epoch === settings.epochs;
    if (done || epoch % CHECKPOINT_EVERY === 0)
      await writeCheckpoint(checkpoint, { ...state, step, pairs: step * settings.batch, random: random.state() });
    options.onEpoch?.(epoch, loss);
    await new Promise(setImmediate); // lets signals in
  }
  return state.weights;
}

/** One training set for all rows and nets: they differ by initial weights, order and noise. */
export function trainingPairs(set: DataSetId, settings: RunSettings): Pairs {
  return drawPairs(set, settings.pairs, createRandom(settings.seed * 1000 + set));
}

function newState({ row, index, seeds }: Group, settings: RunSettings, hash: string) {
  // Groups differ, rows do not: the nets of two methods start alike where they have the same layers.
  const random = createRandom(settings.seed * 1000 + 100 + index);
  const weights = createWeights(architectureOf(row), seeds, random);
  const optimiser = createOptimiserState(weights);
  return { weights, optimiser, step: 0, pairs: 0, random: random.state(), settings: hash };
}

/** Each net goes through the pairs in an order of its own. */
function* epochBatches(pairs: Pairs, seeds: number, batchSize: number, random: Random): Generator<Batch> {
  const count = pairs.x.length;
  const orders = Array.from({ length: seeds }, () => permutation(count, random));
  for (let from = 0; from < count; from += batchSize) {
    const chosen = orders.flatMap((order) => [...order.subarray(from, from + batchSize)]);
    yield {
      seeds,
      size: chosen.length / seeds,
      x: Float32Array.from(chosen, (i) => pairs.x[i]!),
      y: Float32Array.from(chosen, (i) => pairs.y[i]!),
    };
  }
}

function permutation(count: number, random: Random): Int32Array {
  const order = Int32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

interface Gradients {
  readonly loss: number;
  readonly gradients: Record<string, Float32Array>;
}

function gradientsOf(context: LossContext, weights: Weights, batch: Batch): Gradients {
  const { tf } = context;
  const names = Object.keys(weights);
  const gradients: Record<string, Float32Array> = {};
  let loss = 0;
  tf.tidy(() => {
    const inputs = names.map((name) => tf.tensor(weights[name]!.data, [...weights[name]!.shape]));
    const objective = (...tensors: TF.Tensor[]): TF.Scalar =>
      batchLoss(context, Object.fromEntries(names.map((name, i) => [name, tensors[i]!])) as Parameters, batch);
    const { value, grads } = tf.valueAndGrads(objective)(inputs);
    loss = value.dataSync()[0]!;
    names.forEach((name, i) => (gradients[name] = withoutFailures(grads[i]!.dataSync() as Float32Array)));
  });
  return { loss, gradients };
}

/** A net whose gradient is not finite stands still; the others of its group go on. */
function withoutFailures(gradient: Float32Array): Float32Array {
  return gradient.every(Number.isFinite) ? gradient : gradient.map((g) => (Number.isFinite(g) ? g : 0));
}
