/** Training of one row with one seed: plain, seeded, resumable from its checkpoint. */
import type * as TF from '@tensorflow/tfjs-core';
import type { Weights } from '../../../src/ebm/head.js';
import { joint } from '../../../src/ebm/objectives/joint.js';
import { detach } from '../../../src/ebm/objectives/log-domain.js';
import { mixtureLikelihood, mixtureLogDensity } from '../../../src/ebm/objectives/mixture-likelihood.js';
import type { MixtureTensors } from '../../../src/ebm/objectives/mixture-likelihood.js';
import { nce } from '../../../src/ebm/objectives/nce.js';
import { teacher } from '../../../src/ebm/objectives/teacher.js';
import { createRandom, type Random } from '../../../src/random.js';
import { readCheckpoint, writeCheckpoint, type TrainingState } from '../../../src/training/checkpoint.js';
import { adamStep, cosineRate, createOptimiserState } from '../../../src/training/optimiser.js';
import { augment } from './augment.js';
import { takeRows, type ImageSet, type ImageTask } from './data.js';
import { backbone, embedTargets, energies, initialise, mixture, regress, type Tensors } from './network.js';
import { aboutTruth, prepend, sampleMixtures, scaleOf, toScaled, type MixtureValues, type Scale } from './proposals.js';
import type { Method, RunSettings } from './settings.js';

export interface Training {
  readonly tf: typeof TF;
  readonly task: ImageTask;
  readonly method: Method;
  readonly settings: RunSettings;
  readonly seed: number;
  readonly data: ImageSet;
  /** Where its state is kept; without it a stopped run is lost. */
  readonly checkpoint?: string;
  /** Of all that decides the result: a checkpoint of other settings is refused. */
  readonly settingsHash: string;
  readonly onProgress?: (step: number, loss: number) => void;
}

/** Trains to the last step, from the checkpoint where there is one. @returns the averaged weights */
export async function train(training: Training): Promise<Weights> {
  const { settings, checkpoint, data } = training;
  const state = (checkpoint && (await readCheckpoint(checkpoint, training.settingsHash))) || start(training);
  const random = createRandom(state.random);
  const images = data.targets.length / training.task.axes.length;
  let losses: number[] = [];
  for (let step = state.step + 1; step <= settings.steps; step++) {
    const rows = Array.from({ length: settings.batch }, () => random.integer(images));
    const { gradients, loss } = trainingStep(
      training,
      state.weights,
      augment(training.task, takeRows(training.task, data, rows), random),
      random,
    );
    const rate = cosineRate(step, settings.steps, settings.learningRate, settings.warmup);
    adamStep(state.weights, gradients, state.optimiser, step, rate, settings);
    losses.push(loss);
    if (step % settings.reportEvery === 0) {
      training.onProgress?.(step, losses.reduce((a, b) => a + b, 0) / losses.length);
      losses = [];
    }
    if (checkpoint && (step % settings.checkpointEvery === 0 || step === settings.steps)) {
      await writeCheckpoint(checkpoint, { ...state, step, pairs: step * settings.batch, random: random.state() });
    }
  }
  return Object.fromEntries(
    Object.entries(state.weights).map(([name, { shape }]) => [name, { shape, data: state.optimiser.averaged[name]! }]),
  );
}

function start({ method, task, seed, settingsHash }: Training): TrainingState {
  const random = createRandom(seed);
  const weights = initialise(method, task, random);
  const optimiser = createOptimiserState(weights);
  return { weights, optimiser, step: 0, pairs: 0, random: random.state(), settings: settingsHash };
}

type StepInput = Pick<Training, 'tf' | 'task' | 'method' | 'settings'>;

/** Loss and gradients of a batch. */
export function trainingStep(
  { tf, task, method, settings }: StepInput,
  weights: Weights,
  batch: ImageSet,
  random: Random,
): { gradients: Record<string, Float32Array>; loss: number } {
  const scale = scaleOf(task);
  const rows = batch.targets.length / task.axes.length;
  const names = Object.keys(weights);
  const gradients: Record<string, Float32Array> = {};
  let loss = 0;
  // nothing leaves through tidy's result: it would walk through every number in search of tensors
  tf.tidy(() => {
    const images = imageTensor(tf, task, batch.images);
    const truth = toScaled(scale, batch.targets);
    const context: Context = { tf, task, scale, images, truth, rows, samples: settings.samples, random };
    const inputs = names.map((name) => tf.tensor(weights[name]!.data, [...weights[name]!.shape]));
    const { value, grads } = tf.valueAndGrads((...tensors: TF.Tensor[]) =>
      lossOf(context, method, Object.fromEntries(names.map((name, i) => [name, tensors[i]!]))),
    )(inputs);
    loss = value.dataSync()[0]!;
    names.forEach((name, i) => (gradients[name] = grads[i]!.dataSync() as Float32Array));
  });
  return { gradients, loss };
}

/** [R, side, side, channels], 0 to 255 */
export function imageTensor(tf: typeof TF, { side, channels }: ImageTask, images: Uint8Array): TF.Tensor4D {
  return tf.tensor4d(Float32Array.from(images), [images.length / (side * side * channels), side, side, channels]);
}

interface Context {
  readonly tf: typeof TF;
  readonly task: ImageTask;
  readonly scale: Scale;
  readonly images: TF.Tensor4D;
  /** [R, D] scaled */
  readonly truth: Float32Array;
  readonly rows: number;
  readonly samples: number;
  readonly random: Random;
}

function lossOf(context: Context, method: Method, W: Tensors): TF.Scalar {
  const { tf, images } = context;
  const dimensions = context.task.axes.length;
  const truth = (): TF.Tensor2D => tf.tensor2d(context.truth, [context.rows, dimensions]);
  switch (method.objective) {
    case 'l2':
      return tf.mean(tf.squaredDifference(regress(tf, W, backbone(tf, W, 'regression', images)), truth()));
    case 'mdn':
      return mixtureLikelihood(tf, mixture(tf, W, backbone(tf, W, 'proposal', images), dimensions), truth());
    case 'nce': {
      const { y, logProposal } = aboutTruth(
        context.task,
        context.scale,
        context.truth,
        context.samples,
        context.random,
      );
      const f = energiesOf(context, W, backbone(tf, W, 'energy', images), y);
      return nce(tf, f, tf.tensor2d(logProposal, f.shape));
    }
    case 'joint': {
      const features = backbone(tf, W, 'energy', images);
      // detached: the energy alone trains the backbone
      const { f, logProposal } = contrast(context, W, features, detach(tf, features));
      return joint(tf, f, logProposal);
    }
    case 'teacher': {
      const { f, logProposal } = contrast(
        context,
        W,
        backbone(tf, W, 'energy', images),
        backbone(tf, W, 'proposal', images),
      );
      return tf.add(nce(tf, f, detach(tf, logProposal)), teacher(tf, f, logProposal));
    }
  }
}

/** Energies and log q of the truth and of samples of the learned proposal, which are constants. */
function contrast(
  context: Context,
  W: Tensors,
  features: TF.Tensor2D,
  proposalFeatures: TF.Tensor2D,
): { f: TF.Tensor2D; logProposal: TF.Tensor2D } {
  const { tf, rows, samples } = context;
  const dimensions = context.task.axes.length;
  const q = mixture(tf, W, proposalFeatures, dimensions);
  const drawn = sampleMixtures(mixtureValues(q), rows, samples, context.random);
  const y = prepend(context.truth, drawn, rows);
  const f = energiesOf(context, W, features, y);
  return { f, logProposal: mixtureLogDensity(tf, q, tf.tensor3d(y, [rows, 1 + samples, dimensions])) };
}

export function mixtureValues({ logits, means, logSigmas }: MixtureTensors): MixtureValues {
  return {
    logits: logits.dataSync() as Float32Array,
    means: means.dataSync() as Float32Array,
    logSigmas: logSigmas.dataSync() as Float32Array,
  };
}

/** @param y [R, S, D] @returns [R, S] */
function energiesOf({ tf, rows, task }: Context, W: Tensors, features: TF.Tensor2D, y: Float32Array): TF.Tensor2D {
  const dimensions = task.axes.length;
  const embedded = embedTargets(tf, W, tf.tensor2d(y, [y.length / dimensions, dimensions]));
  return energies(tf, W, features, tf.reshape(embedded, [rows, y.length / dimensions / rows, embedded.shape[1]]));
}
