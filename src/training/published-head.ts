/**
 * The box head of the published trackers in TensorFlow.js: energies of boxes, differentiable in the head's weights. `W` is a record of tensors
 * under the checkpoint's names. Maps are NHWC. Batch norm has the statistics of the checkpoint, which stay as they are.
 */
import type * as TF from '@tensorflow/tfjs-core';
import { pool, poolingTensors, relu, type TensorWeights } from '../ebm/engines/tfjs.js';
import type { MapAxis } from '../features/roi-pool.js';
import { BOX_HEAD, COARSE_BINS, FINE_BINS } from '../published/architecture.js';
import { COARSE_STRIDE, FINE_STRIDE, REFERENCE_BINS } from '../published/box-graph.js';
import { NORM_EPSILON } from '../published/layers.js';

type Tf = typeof TF;

/** Maps of B crops: layer2 [B, 2n, 2n, C2] and layer3 [B, n, n, C3], or what the head makes of them. */
export interface MapPair {
  readonly fine: TF.Tensor4D;
  readonly coarse: TF.Tensor4D;
}

/** Factors of the channels that boxes are pooled from: [T, F] and [T, C]. */
export interface ModulationTensors {
  readonly fine: TF.Tensor2D;
  readonly coarse: TF.Tensor2D;
}

/** Cell i looks at crop pixel 8 i or 16 i. */
const axisOf = (map: TF.Tensor4D, stride: number): MapAxis => ({ cells: map.shape[1], stride, offset: 0 });

/**
 * Channel factors for T objects.
 * @param taps of the crops that show them
 * @param boxes of the objects: [T, 4], centre and size, crop pixels
 */
export function modulate(tf: Tf, W: TensorWeights, taps: MapPair, boxes: Float32Array): ModulationTensors {
  const count = boxes.length / 4;
  const pooled = (map: TF.Tensor4D, bins: number, stride: number): TF.Tensor2D =>
    tf.reshape(pool(tf, map, poolingTensors(tf, boxes, count, bins, axisOf(map, stride))), [count, -1]);
  const fine = pooled(convolution(tf, W, taps.fine, 'conv3_1r'), REFERENCE_BINS, FINE_STRIDE);
  const coarse = pooled(convolution(tf, W, taps.coarse, 'conv4_1r'), 1, COARSE_STRIDE);
  const joined = tf.concat([valid(tf, W, fine, 'fc3_1r'), coarse], 1);
  return { fine: valid(tf, W, joined, 'fc34_3r'), coarse: valid(tf, W, joined, 'fc34_4r') };
}

/** The maps that boxes are pooled from. */
export function searchMaps(tf: Tf, W: TensorWeights, { fine, coarse }: MapPair): MapPair {
  const branch = (x: TF.Tensor4D, stage: 3 | 4): TF.Tensor4D =>
    convolution(tf, W, convolution(tf, W, x, `conv${stage}_1t`), `conv${stage}_2t`);
  return { fine: branch(fine, 3), coarse: branch(coarse, 4) };
}

/**
 * Energies of N boxes on each of R crops.
 * @param maps of the crops, see searchMaps
 * @param modulation of the object that each crop is searched for, R rows
 * @param boxes [R, N, 4], centre and size, crop pixels
 * @returns [R, N]
 */
export function boxEnergies(
  tf: Tf,
  W: TensorWeights,
  maps: MapPair,
  modulation: ModulationTensors,
  boxes: Float32Array,
): TF.Tensor2D {
  const crops = maps.fine.shape[0];
  const hidden = (name: 'fine' | 'coarse', bins: number, stride: number, layer: string): TF.Tensor2D => {
    const map = maps[name];
    const factors = tf.reshape(modulation[name], [crops, 1, 1, map.shape[3]]);
    const modulated: TF.Tensor4D = tf.mul(map, factors); // linear: before pooling or after is the same
    const pooled = pool(tf, modulated, poolingTensors(tf, boxes, crops, bins, axisOf(map, stride)));
    return dense(tf, W, tf.reshape(pooled, [boxes.length / 4, -1]), layer, bins ** 2);
  };
  const joined = tf.concat(
    [hidden('fine', FINE_BINS, FINE_STRIDE, 'fc3_rt'), hidden('coarse', COARSE_BINS, COARSE_STRIDE, 'fc4_rt')],
    1,
  );
  const predictor = `${BOX_HEAD}.iou_predictor`;
  const product = tf.matMul(joined, W[`${predictor}.weight`] as TF.Tensor2D, false, true);
  return tf.reshape(tf.add(product, W[`${predictor}.bias`]!), [crops, -1]);
}

/** A layer with the batch norm behind it as one: kernel [outputs, ...] and bias [outputs]. */
function folded(tf: Tf, W: TensorWeights, layer: string, norm: string): { kernel: TF.Tensor; bias: TF.Tensor } {
  const kernel = W[`${layer}.weight`]!;
  const deviation = tf.sqrt(tf.add(W[`${norm}.running_var`]!, NORM_EPSILON));
  const factor = tf.div(W[`${norm}.weight`]!, deviation);
  const [outputs, ...rest] = kernel.shape;
  return {
    kernel: tf.mul(kernel, tf.reshape(factor, [outputs!, ...rest.map(() => 1)])),
    bias: tf.add(tf.mul(tf.sub(W[`${layer}.bias`]!, W[`${norm}.running_mean`]!), factor), W[`${norm}.bias`]!),
  };
}

/** 3 x 3, the border padded. */
function convolution(tf: Tf, W: TensorWeights, x: TF.Tensor4D, name: string): TF.Tensor4D {
  const { kernel, bias } = folded(tf, W, `${BOX_HEAD}.${name}.0`, `${BOX_HEAD}.${name}.1`);
  const hwio = tf.transpose(kernel as TF.Tensor4D, [2, 3, 1, 0]);
  return relu(tf, tf.add(tf.conv2d(x, hwio, 1, 'same'), bias));
}

/** A convolution over all that there is: bins row by row, channels last, [B, P P C]. */
function valid(tf: Tf, W: TensorWeights, x: TF.Tensor2D, name: string): TF.Tensor2D {
  const { kernel, bias } = folded(tf, W, `${BOX_HEAD}.${name}.0`, `${BOX_HEAD}.${name}.1`);
  const matrix = tf.reshape(tf.transpose(kernel as TF.Tensor4D, [2, 3, 1, 0]), [-1, kernel.shape[0]!]);
  return relu(tf, tf.add(tf.matMul(x, matrix as TF.Tensor2D), bias));
}

/** Behind the pooling. The checkpoint has channels first. @param bins of a box */
function dense(tf: Tf, W: TensorWeights, x: TF.Tensor2D, name: string, bins: number): TF.Tensor2D {
  const { kernel, bias } = folded(tf, W, `${BOX_HEAD}.${name}.linear`, `${BOX_HEAD}.${name}.bn`);
  const [outputs, inputs] = kernel.shape as [number, number];
  const split = tf.reshape(kernel, [outputs, inputs / bins, bins]);
  const matrix = tf.reshape(tf.transpose(split, [2, 1, 0]), [inputs, outputs]) as TF.Tensor2D;
  return relu(tf, tf.add(tf.matMul(x, matrix), bias));
}
