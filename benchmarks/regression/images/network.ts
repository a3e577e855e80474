/**
 * A small residual network for images of 64 x 64 and the heads on it. The papers start from an ImageNet ResNet-18 (11 M parameters), which
 * cannot be had offline; this one has some 0.1 M and starts from nothing.
 *
 * No normalisation layers: over a batch of 32 they would tie the images together, and over one image they would take away its brightness,
 * which tells much of a count. The second convolution of a block starts small instead, so that each block starts as its shortcut.
 */
import type * as TF from '@tensorflow/tfjs-core';
import type { Weights } from '../../../src/ebm/head.js';
import type { MixtureTensors } from '../../../src/ebm/objectives/mixture-likelihood.js';
import type { Random } from '../../../src/random.js';
import type { ImageTask } from './data.js';
import type { Method } from './settings.js';

const STEM = 16;
const WIDTHS = [32, 64] as const;
/** Of the feature g(x), of the embedding of y, and of the layer over both. */
const FEATURES = WIDTHS[1];
const EMBEDDING = [16, 32, 64] as const;
const HIDDEN = 64;

export type Tensors = Readonly<Record<string, TF.Tensor>>;

/** Which nets a method has: a backbone for each prefix, and the heads. */
export function partsOf(method: Method): { backbones: string[]; energy: boolean; proposal: boolean } {
  const { objective } = method;
  const energy = objective === 'nce' || objective === 'joint' || objective === 'teacher';
  const own = objective === 'mdn' || objective === 'teacher' ? ['proposal'] : [];
  const backbones = [...(energy ? ['energy'] : []), ...own, ...(objective === 'l2' ? ['regression'] : [])];
  return { backbones, energy, proposal: objective !== 'nce' && objective !== 'l2' };
}

/** Normal weights of variance 2 / fan-in (He et al. 2015) and zero biases. */
export function initialise(method: Method, task: ImageTask, random: Random): Weights {
  const weights: Record<string, { shape: number[]; data: Float32Array }> = {};
  const layer = (name: string, shape: number[], scale = 1, bias: (i: number) => number = () => 0): void => {
    const outputs = shape.at(-1)!;
    const size = shape.reduce((a, b) => a * b, 1);
    const deviation = scale * Math.sqrt((2 * outputs) / size);
    weights[`${name}/w`] = { shape, data: Float32Array.from({ length: size }, () => deviation * random.normal()) };
    weights[`${name}/b`] = { shape: [outputs], data: Float32Array.from({ length: outputs }, (_, i) => bias(i)) };
  };
  const { backbones, energy, proposal } = partsOf(method);
  const dimensions = task.axes.length;
  for (const prefix of backbones) {
    layer(`${prefix}/stem`, [5, 5, task.channels, STEM]);
    for (const [i, width] of WIDTHS.entries()) {
      const from = i === 0 ? STEM : WIDTHS[i - 1]!;
      layer(`${prefix}/block${i}/short`, [1, 1, from, width]);
      layer(`${prefix}/block${i}/first`, [3, 3, from, width]);
      layer(`${prefix}/block${i}/second`, [3, 3, width, width], SMALL);
    }
  }
  if (energy) {
    for (const [i, width] of EMBEDDING.entries()) layer(`embed${i}`, [i === 0 ? dimensions : EMBEDDING[i - 1]!, width]);
    layer('join/x', [FEATURES, HIDDEN]);
    layer('join/y', [EMBEDDING.at(-1)!, HIDDEN]);
    layer('energy/out', [HIDDEN, 1], SMALL);
  }
  if (proposal && 'components' in method) {
    const { components } = method;
    const spread = (i: number): number => 2 * ((Math.floor(i / dimensions) + 0.5) / components) - 1;
    const heads = { logits: [components], means: [components * dimensions, spread], sigmas: [components * dimensions] };
    for (const [head, [outputs, bias]] of Object.entries(heads) as [string, [number, ((i: number) => number)?]][]) {
      layer(`mdn/${head}/hidden`, [FEATURES, FEATURES]);
      layer(`mdn/${head}/out`, [FEATURES, outputs], SMALL, bias);
    }
  }
  if (method.objective === 'l2') {
    layer('regression/hidden', [FEATURES, FEATURES]);
    layer('regression/out', [FEATURES, dimensions], SMALL);
  }
  return weights;
}

const SMALL = 0.1;

/** Mean and deviation of a natural image's pixels, 0 to 1 (ImageNet's, over the colours), as the authors take them for all tasks. */
const PIXEL_MEAN = 0.449;
const PIXEL_DEVIATION = 0.226;

function conv(tf: typeof TF, W: Tensors, name: string, x: TF.Tensor4D, stride: number): TF.Tensor4D {
  return tf.add(tf.conv2d(x, W[`${name}/w`] as TF.Tensor4D, stride, 'same'), W[`${name}/b`]!);
}

function dense(tf: typeof TF, W: Tensors, name: string, x: TF.Tensor2D): TF.Tensor2D {
  return tf.add(tf.matMul(x, W[`${name}/w`] as TF.Tensor2D), W[`${name}/b`]!);
}

function twoLayers(tf: typeof TF, W: Tensors, name: string, x: TF.Tensor2D): TF.Tensor2D {
  return dense(tf, W, `${name}/out`, tf.relu(dense(tf, W, `${name}/hidden`, x)));
}

/** The feature g(x). @param images [R, side, side, channels], 0 to 255 @returns [R, FEATURES] */
export function backbone(tf: typeof TF, W: Tensors, prefix: string, images: TF.Tensor4D): TF.Tensor2D {
  const scaled = tf.div(tf.sub(tf.div(images, 255), PIXEL_MEAN), PIXEL_DEVIATION) as TF.Tensor4D;
  let x: TF.Tensor4D = tf.relu(conv(tf, W, `${prefix}/stem`, scaled, 2)); // [R, 32, 32, STEM]
  for (const i of WIDTHS.keys()) {
    const name = `${prefix}/block${i}`;
    const inner = conv(tf, W, `${name}/second`, tf.relu(conv(tf, W, `${name}/first`, x, 2)), 1);
    x = tf.relu(tf.add<TF.Tensor4D>(inner, conv(tf, W, `${name}/short`, x, 2))); // [R, 16, 16, 32], [R, 8, 8, 64]
  }
  return tf.mean(x, [1, 2]);
}

/** [R, D] */
export function regress(tf: typeof TF, W: Tensors, features: TF.Tensor2D): TF.Tensor2D {
  return twoLayers(tf, W, 'regression', features);
}

/** No component narrower or wider than this, in scaled units: the authors have no bound, and lose nets to it. */
const LOG_SIGMA_RANGE = [-6, 2] as const;

/** The MDN's three heads (reference 2.1): two layers each. */
export function mixture(tf: typeof TF, W: Tensors, features: TF.Tensor2D, dimensions: number): MixtureTensors {
  const logits = twoLayers(tf, W, 'mdn/logits', features);
  const shape = [logits.shape[0], logits.shape[1], dimensions] as [number, number, number];
  const logVariances = twoLayers(tf, W, 'mdn/sigmas', features);
  return {
    logits,
    means: tf.reshape(twoLayers(tf, W, 'mdn/means', features), shape),
    logSigmas: tf.reshape(tf.clipByValue(tf.mul(logVariances, 0.5), ...LOG_SIGMA_RANGE), shape),
  };
}

/** What y gives to the last hidden layer, the same for every image. @param y [N, D], scaled @returns [N, HIDDEN] */
export function embedTargets(tf: typeof TF, W: Tensors, y: TF.Tensor2D): TF.Tensor2D {
  let x = y;
  for (const i of EMBEDDING.keys()) x = tf.relu(dense(tf, W, `embed${i}`, x));
  return dense(tf, W, 'join/y', x);
}

/**
 * f(x, y). The features are computed once for each image; only the embedding of y and one layer over both are evaluated for each y.
 * A layer over [g(x), e(y)] is the sum of a layer over each.
 * @param features [R, FEATURES]
 * @param embedded of embedTargets: [R, S, HIDDEN], or [1, S, HIDDEN] for the same y in every row
 * @returns [R, S]
 */
export function energies(tf: typeof TF, W: Tensors, features: TF.Tensor2D, embedded: TF.Tensor3D): TF.Tensor2D {
  const rows = features.shape[0];
  const hidden = tf.relu(tf.add(embedded, tf.expandDims(dense(tf, W, 'join/x', features), 1)));
  const flat = tf.reshape(hidden, [-1, HIDDEN]) as TF.Tensor2D;
  return tf.reshape(dense(tf, W, 'energy/out', flat), [rows, embedded.shape[1]]);
}
