/**
 * The head in TensorFlow.js: the functions that training differentiates, and an engine over them for any backend.
 * Maps are NHWC here. `W` is a record of tensors named as in head.ts.
 */
import type * as TF from '@tensorflow/tfjs-core';
import { poolingMatrices, type MapAxis } from '../../features/roi-pool.js';
import type { Tensorflow } from '../../runtime/tensorflow.js';
import {
  BINS,
  contextBoxes,
  correlationKernel,
  MATCH_RATIO,
  NORM_EPSILON,
  NORM_GROUPS,
  type HeadEngine,
  type HeadModel,
  type View,
  type Weights,
} from '../head.js';

type Tf = typeof TF;
export type TensorWeights = Readonly<Record<string, TF.Tensor>>;

/** Pooling matrices as tensors: x [B, N * P, 1 or W...] see pool(). */
export interface PoolingTensors {
  /** [B, N * P, H] */
  readonly y: TF.Tensor3D;
  /** [B, N, P, W] */
  readonly x: TF.Tensor4D;
}

/** ReLU with a lean gradient: tfjs's own asks three more questions of each number. */
export function relu<T extends TF.Tensor>(tf: Tf, x: T): T {
  const operation = tf.customGrad((input, save) => {
    const value = tf.relu(input as TF.Tensor);
    (save as TF.GradSaveFunc)([value]);
    const gradFunc = (dy: TF.Tensor, [y]: TF.Tensor[]): TF.Tensor => tf.mul(dy, tf.cast(tf.greater(y!, 0), 'float32'));
    return { value, gradFunc };
  });
  return operation(x) as T;
}

/**
 * Group norm over NORM_GROUPS groups of channels, then ReLU; [B, H, W, C]. (Wu and He 2018.)
 * Channel sums come first and groups are joined afterwards: reducing over split channel axes is several times slower.
 */
export function groupNormRelu(tf: Tf, x: TF.Tensor4D, gamma: TF.Tensor, beta: TF.Tensor): TF.Tensor4D {
  const [batch, height, width, channels] = x.shape;
  const flat = tf.reshape(x, [batch, height * width, channels]);
  const grouped = (sums: TF.Tensor): TF.Tensor => {
    const perGroup = tf.mean(tf.reshape(sums, [batch, NORM_GROUPS, channels / NORM_GROUPS]), 2, true);
    return tf.reshape(tf.tile(perGroup, [1, 1, channels / NORM_GROUPS]), [batch, 1, channels]);
  };
  const mean = grouped(tf.mean(flat, 1));
  const square = grouped(tf.mean(tf.square(flat), 1));
  // of a crop of one colour the difference is rounding, and may be below zero
  const variance = relu(tf, tf.sub(square, tf.square(mean)));
  const deviation = tf.sqrt(tf.add(variance, NORM_EPSILON));
  const scale = tf.div(tf.reshape(gamma, [1, 1, channels]), deviation);
  const shift = tf.sub(tf.reshape(beta, [1, 1, channels]), tf.mul(mean, scale));
  return tf.reshape(relu(tf, tf.add(tf.mul(flat, scale), shift)), [batch, height, width, channels]);
}

function convolution(tf: Tf, x: TF.Tensor4D, weights: TensorWeights, name: string): TF.Tensor4D {
  const kernel = weights[`${name}.kernel`] as TF.Tensor4D;
  const y = tf.conv2d(x, kernel, 1, 'same');
  return groupNormRelu(tf, y, weights[`${name}.gamma`]!, weights[`${name}.beta`]!);
}

/** Both maps of B crops -> embedded maps. */
export function embed(
  tf: Tf,
  weights: TensorWeights,
  fine: TF.Tensor4D,
  coarse: TF.Tensor4D,
): { fine: TF.Tensor4D; coarse: TF.Tensor4D } {
  const branch = (x: TF.Tensor4D, name: string): TF.Tensor4D =>
    convolution(tf, convolution(tf, x, weights, `${name}.0`), weights, `${name}.1`);
  return { fine: branch(fine, 'embed.fine'), coarse: branch(coarse, 'embed.coarse') };
}

/** Matrices of B crops with N boxes each, boxes [B, N, 4] flat in crop pixels. */
export function poolingTensors(
  tf: Tf,
  boxes: Float32Array,
  batch: number,
  bins: number,
  axis: MapAxis,
): PoolingTensors {
  const matrices = poolingMatrices(boxes, bins, axis);
  const count = boxes.length / 4 / batch;
  return {
    y: tf.tensor3d(matrices.y, [batch, count * bins, axis.cells]),
    x: tf.tensor4d(matrices.x, [batch, count, bins, axis.cells]),
  };
}

/** Y F X^T of every box: map [B, H, W, C] -> bins [B, N, P * P * C], bin by bin, channel last. */
export function pool(tf: Tf, map: TF.Tensor4D, matrices: PoolingTensors): TF.Tensor3D {
  const [batch, height, width, channels] = map.shape;
  const [, count, bins] = matrices.x.shape;
  const rows = tf.matMul(matrices.y, tf.reshape(map, [batch, height, width * channels])); // [B, N P, W C]
  const perBin = tf.reshape(rows, [batch * count, bins, width, channels]); // a box's rows of bins
  const x = tf.reshape(matrices.x, [batch * count, 1, bins, width]);
  const pooled = tf.matMul(tf.broadcastTo(x, [batch * count, bins, bins, width]), perBin); // [B N, P, P, C]
  return tf.reshape(pooled, [batch, count, bins * bins * channels]);
}

/** Bins of R views, see View. */
export interface ViewTensors {
  readonly fineBins: TF.Tensor2D; // [R, P * P * C]
  readonly coarseBins: TF.Tensor2D;
}

/** Tensors of R templates, see Template. */
export interface TemplateTensors extends ViewTensors {
  readonly modulation: TF.Tensor2D; // [R, fine + coarse]
  readonly recent: ViewTensors;
}

/** Pooled bins of N candidates each of R templates: [R, N, P * P * C]. */
export interface CandidateTensors {
  readonly fine: TF.Tensor3D;
  readonly coarse: TF.Tensor3D;
  /** The surroundings; undefined where the head does not look at them. */
  readonly context: TF.Tensor3D | undefined;
}

/** Bins of candidates. @param boxes of B crops, N each: [B, N, 4] flat in crop pixels; @param maps embedded, of B crops */
export function poolCandidates(
  tf: Tf,
  weights: TensorWeights,
  maps: { fine: TF.Tensor4D; coarse: TF.Tensor4D },
  boxes: Float32Array,
  { fine, coarse }: Pick<HeadModel['geometry'], 'fine' | 'coarse'>,
): CandidateTensors {
  const crops = maps.fine.shape[0];
  const bins = (map: TF.Tensor4D, of: Float32Array, count: number, axis: MapAxis): TF.Tensor3D =>
    pool(tf, map, poolingTensors(tf, of, crops, count, axis));
  return {
    fine: bins(maps.fine, boxes, BINS.fine, fine),
    coarse: bins(maps.coarse, boxes, BINS.coarse, coarse),
    context:
      'energy.context.kernel' in weights ? bins(maps.coarse, contextBoxes(boxes), BINS.context, coarse) : undefined,
  };
}

function dense(tf: Tf, x: TF.Tensor, weights: TensorWeights, name: string): TF.Tensor2D {
  return tf.add(tf.matMul(x as TF.Tensor2D, weights[`${name}.kernel`] as TF.Tensor2D), weights[`${name}.bias`]!);
}

/** Pooled bins of R boxes that templates are made from. */
export interface AppearanceTensors extends ViewTensors {
  /** The fine map's, as many a side as the coarse one's. */
  readonly middleBins: TF.Tensor2D;
}

/** Bins of one box a crop. @param boxes [B, 4], crop pixels; @param maps embedded, of B crops */
export function poolAppearance(
  tf: Tf,
  maps: { fine: TF.Tensor4D; coarse: TF.Tensor4D },
  boxes: Float32Array,
  { fine, coarse }: Pick<HeadModel['geometry'], 'fine' | 'coarse'>,
): AppearanceTensors {
  const crops = boxes.length / 4;
  const bins = (map: TF.Tensor4D, count: number, axis: MapAxis): TF.Tensor2D =>
    tf.squeeze(pool(tf, map, poolingTensors(tf, boxes, crops, count, axis)), [1]);
  return {
    fineBins: bins(maps.fine, BINS.fine, fine),
    coarseBins: bins(maps.coarse, BINS.coarse, coarse),
    middleBins: bins(maps.fine, BINS.coarse, fine),
  };
}

/** Templates from pooled bins of first views and of recent ones. */
export function makeTemplates(
  tf: Tf,
  weights: TensorWeights,
  { fineBins, coarseBins, middleBins }: AppearanceTensors,
  recent: ViewTensors,
): TemplateTensors {
  const hidden = relu(tf, dense(tf, tf.concat([middleBins, coarseBins], 1), weights, 'modulation.0'));
  return { fineBins, coarseBins, modulation: tf.add(dense(tf, hidden, weights, 'modulation.1'), 1), recent };
}

/** Energies of R templates with N candidates each: [R, N]. */
export function energy(
  tf: Tf,
  weights: TensorWeights,
  template: TemplateTensors,
  candidates: CandidateTensors,
): TF.Tensor2D {
  const [templates, count] = candidates.fine.shape;
  const fineChannels = weights['embed.fine.1.gamma']!.size;
  const coarseChannels = weights['embed.coarse.1.gamma']!.size;
  const modulationOf = (from: number, channels: number): TF.Tensor =>
    tf.reshape(tf.slice(template.modulation, [0, from], [templates, channels]), [templates, 1, 1, channels]);
  const fineModulation = modulationOf(0, fineChannels);
  const coarseModulation = modulationOf(fineChannels, coarseChannels);
  const layer = (x: TF.Tensor, name: string): TF.Tensor2D => relu(tf, dense(tf, x, weights, `energy.${name}`));
  const modulated = (bins: TF.Tensor3D, modulation: TF.Tensor, name: string): TF.Tensor2D => {
    const shaped = tf.reshape(bins, [templates, count, -1, modulation.shape[3]!]);
    return layer(tf.reshape(tf.mul(shaped, modulation), [templates * count, bins.shape[2]]), name);
  };
  const matchOf = (bins: TF.Tensor3D, own: TF.Tensor2D, channels: number): TF.Tensor => {
    const groups = channels / MATCH_RATIO;
    const compared = tf.reshape(tf.mul(bins, tf.expandDims(own, 1)), [-1, MATCH_RATIO, groups]);
    return tf.reshape(tf.sum(compared, 1), [templates * count, bins.shape[2] / MATCH_RATIO]);
  };
  const compared = (view: ViewTensors, name: string): TF.Tensor2D => {
    const fine = matchOf(candidates.fine, view.fineBins, fineChannels);
    return layer(tf.concat([fine, matchOf(candidates.coarse, view.coarseBins, coarseChannels)], 1), name);
  };
  const branches = [
    modulated(candidates.fine, fineModulation, 'fine'),
    modulated(candidates.coarse, coarseModulation, 'coarse'),
    compared(template, 'match'),
  ];
  if ('energy.recent.kernel' in weights) branches.push(compared(template.recent, 'recent'));
  if (candidates.context) branches.push(modulated(candidates.context, coarseModulation, 'context'));
  const hidden = layer(tf.concat(branches, 1), 'hidden');
  return tf.reshape(dense(tf, hidden, weights, 'energy.output'), [templates, count]);
}

/**
 * Raw proposal of R (search crop, template) pairs.
 * @param coarse embedded coarse maps [R, H, W, C]
 * @param kernels correlation kernels [R, 3 * 3 * C], of unit root mean square over 3
 * @returns [R, H * W, PROPOSAL_OUTPUTS]
 */
export function propose(tf: Tf, weights: TensorWeights, coarse: TF.Tensor4D, kernels: TF.Tensor2D): TF.Tensor3D {
  const [pairs, height, width] = coarse.shape;
  const correlation = correlate(tf, coarse, kernels);
  let x = convolution(tf, tf.concat([correlation, coarse], 3), weights, 'proposal.0');
  x = convolution(tf, x, weights, 'proposal.1');
  const output = tf.conv2d(x, weights['proposal.output.kernel'] as TF.Tensor4D, 1, 'same');
  const raw = tf.add(output, weights['proposal.output.bias']!);
  return tf.reshape(raw, [pairs, height * width, raw.shape[3]!]);
}

/** Depth-wise correlation, each map with its own 3 x 3 kernel. */
function correlate(tf: Tf, maps: TF.Tensor4D, kernels: TF.Tensor2D): TF.Tensor4D {
  const [pairs, height, width, channels] = maps.shape;
  const side = BINS.coarse;
  const padded = tf.pad(maps, [
    [0, 0],
    [1, 1],
    [1, 1],
    [0, 0],
  ]);
  const taps = tf.reshape(kernels, [pairs, side * side, channels]);
  let sum: TF.Tensor | undefined;
  for (let dy = 0; dy < side; dy++) {
    for (let dx = 0; dx < side; dx++) {
      const shifted = tf.slice(padded, [0, dy, dx, 0], [pairs, height, width, channels]);
      const tap = tf.reshape(tf.slice(taps, [0, dy * side + dx, 0], [pairs, 1, channels]), [pairs, 1, 1, channels]);
      const product = tf.mul(shifted, tap);
      sum = sum ? tf.add(sum, product) : product;
    }
  }
  return sum as TF.Tensor4D;
}

/** Kernels of R templates for propose(): unit root mean square, divided by the kernel's side. */
export function correlationKernels(tf: Tf, coarseBins: TF.Tensor2D): TF.Tensor2D {
  const rms = tf.sqrt(tf.mean(tf.square(coarseBins), 1, true));
  return tf.div(coarseBins, tf.mul(tf.add(rms, 1e-3), BINS.coarse));
}

/** The head on a TensorFlow.js backend: for scoring where weights change, and to check the compiled head against. */
// oxlint-disable-next-line max-lines-per-function -- the four computations of one head, which share its tensors
export function createTfjsEngine(tensorflow: Pick<Tensorflow, 'tf' | 'backend'>, model: HeadModel): HeadEngine {
  const { tf } = tensorflow;
  const { config, geometry } = model;
  const weights = toTensors(tf, model.weights);
  const { fine: f, coarse: c } = geometry;

  return {
    model,
    name: `tfjs (${tensorflow.backend})`,

    async embed(fine, coarse) {
      const [a, b] = tf.tidy(() => {
        const nhwc = (data: Float32Array, channels: number, cells: number): TF.Tensor4D =>
          tf.transpose(tf.tensor4d(data, [1, channels, cells, cells]), [0, 2, 3, 1]);
        const maps = embed(tf, weights, nhwc(fine, config.fineIn, f.cells), nhwc(coarse, config.coarseIn, c.cells));
        return [maps.fine, maps.coarse];
      });
      return { fine: await take(a), coarse: await take(b) };
    },

    async propose(embedding, template) {
      const raw = tf.tidy(() => {
        const map = tf.tensor4d(embedding.coarse, [1, c.cells, c.cells, config.coarse]);
        const kernel = correlationKernel(template);
        return propose(tf, weights, map, tf.tensor2d(kernel, [1, kernel.length]));
      });
      return take(raw);
    },

    async energy(embedding, template, boxes) {
      const energies = tf.tidy(() => {
        const fineMap = tf.tensor4d(embedding.fine, [1, f.cells, f.cells, config.fine]);
        const coarseMap = tf.tensor4d(embedding.coarse, [1, c.cells, c.cells, config.coarse]);
        const row = (data: Float32Array): TF.Tensor2D => tf.tensor2d(data, [1, data.length]);
        const view = ({ fineBins, coarseBins }: View): ViewTensors => ({
          fineBins: row(fineBins),
          coarseBins: row(coarseBins),
        });
        const modulation = row(template.modulation);
        const tensors: TemplateTensors = { ...view(template), modulation, recent: view(template.recent) };
        const candidates = poolCandidates(tf, weights, { fine: fineMap, coarse: coarseMap }, boxes, geometry);
        return tf.reshape(energy(tf, weights, tensors, candidates), [-1]);
      });
      return take(energies);
    },

    async release() {
      tf.dispose(weights);
    },
  };
}

function toTensors(tf: Tf, weights: Weights): Record<string, TF.Tensor> {
  return Object.fromEntries(
    Object.entries(weights).map(([name, { data, shape }]) => [name, tf.tensor(data, [...shape])]),
  );
}

/** The values of a tensor, which is disposed of. */
async function take(tensor: TF.Tensor): Promise<Float32Array> {
  const data = (await tensor.data()) as Float32Array;
  tensor.dispose();
  return data;
}
