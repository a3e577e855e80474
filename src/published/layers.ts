/** Layers of the published networks as ONNX nodes. Batch norm, which has fixed statistics, is multiplied into the layer before it. */
import type { GraphBuilder } from '../io/onnx-graph.js';
import type { Block } from './architecture.js';
import type { PublishedWeights } from './file.js';

export const NORM_EPSILON = 1e-5;

/** A layer's weights, rows of outputs, and its bias. */
export interface Folded {
  readonly kernel: Float32Array;
  /** [outputs, ...] */
  readonly shape: readonly number[];
  readonly bias: Float32Array;
}

/**
 * A layer and the batch norm behind it as one layer.
 * @param layer its name without .weight and .bias; a bias that is not there is 0
 * @param norm left out: none
 */
export function foldNorm(weights: PublishedWeights, layer: string, norm?: string): Folded {
  const { shape, data } = weights[`${layer}.weight`]!;
  const outputs = shape[0]!;
  const own = weights[`${layer}.bias`]?.data ?? new Float32Array(outputs);
  if (norm === undefined) return { kernel: data, shape, bias: own };
  const [gamma, beta, mean, variance] = ['weight', 'bias', 'running_mean', 'running_var'].map(
    (part) => weights[`${norm}.${part}`]!.data,
  ) as [Float32Array, Float32Array, Float32Array, Float32Array];
  const kernel = new Float32Array(data.length);
  const bias = new Float32Array(outputs);
  const size = data.length / outputs;
  for (let o = 0; o < outputs; o++) {
    const factor = gamma[o]! / Math.sqrt(variance[o]! + NORM_EPSILON);
    for (let i = o * size; i < (o + 1) * size; i++) kernel[i] = data[i]! * factor;
    bias[o] = (own[o]! - mean[o]!) * factor + beta[o]!;
  }
  return { kernel, shape, bias };
}

/** Builds layers of one network. Maps are [B, C, H, W]. */
export class Layers {
  constructor(
    readonly g: GraphBuilder,
    private readonly weights: PublishedWeights,
  ) {}

  convolution(input: string, { kernel, shape, bias }: Folded, stride = 1, pad = (shape[2]! - 1) / 2): string {
    const { g } = this;
    const constants = [g.constant({ data: kernel, dims: shape }), g.constant({ data: bias, dims: [shape[0]!] })];
    return g.op('Conv', [input, ...constants], {
      kernel_shape: [shape[2]!, shape[3]!],
      strides: [stride, stride],
      pads: [pad, pad, pad, pad],
    });
  }

  relu(input: string): string {
    return this.g.op('Relu', [input]);
  }

  /** Convolution and batch norm. */
  normed(input: string, layer: string, norm: string, stride = 1, pad?: number): string {
    return this.convolution(input, foldNorm(this.weights, layer, norm), stride, pad);
  }

  /** A convolution of the box head, named as its authors did. */
  boxBlock(input: string, name: string, pad?: number): string {
    return this.relu(this.normed(input, `${name}.0`, `${name}.1`, 1, pad));
  }

  /** A block of the ResNet: a 3 x 3 convolution between two of 1 x 1, or two of 3 x 3. */
  residual(input: string, { prefix, stride, shortcut }: Block): string {
    const bottleneck = `${prefix}.conv3.weight` in this.weights;
    const conv = (x: string, n: number, step: number): string =>
      this.normed(x, `${prefix}.conv${n}`, `${prefix}.bn${n}`, step);
    const first = this.relu(conv(input, 1, bottleneck ? 1 : stride));
    const last = bottleneck ? conv(this.relu(conv(first, 2, stride)), 3, 1) : conv(first, 2, 1);
    const past = shortcut ? this.normed(input, `${prefix}.downsample.0`, `${prefix}.downsample.1`, stride) : input;
    return this.relu(this.g.op('Add', [last, past]));
  }

  reshape(input: string, dims: readonly number[]): string {
    return this.g.op('Reshape', [input, this.g.integers(dims)]);
  }

  /** [B, C, H, W] -> [B, H, W, C] */
  channelLast(input: string): string {
    return this.g.op('Transpose', [input], { perm: [0, 2, 3, 1] });
  }
}
