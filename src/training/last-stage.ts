/**
 * The backbone's last stage, learned together with the head (as DiMP does; Bhat et al., ICCV 2019): what lies between the fine and the coarse
 * map, in TensorFlow.js. The bank holds the fine map, so everything before it stays frozen and is not computed again.
 */
import type * as TF from '@tensorflow/tfjs-core';
import { relu } from '../ebm/engines/tfjs.js';
import type { Weight, Weights } from '../ebm/head.js';
import { TrackerError } from '../errors.js';
import { MIN_DEVIATION } from '../features/backbone.js';
import type { BackboneEntry } from '../features/manifest.js';
import { readNodes, withConstants, type GraphNode } from '../io/onnx-graph.js';

/** Its weights are named so, beside those of the head. */
export const STAGE_PREFIX = 'backbone.';

export interface LastStage {
  readonly nodes: readonly GraphNode[];
  readonly input: string;
  readonly output: string;
  /** What the maps were divided by, a channel: the stage works on maps as the network has them. */
  readonly fineDeviation: Float32Array;
  readonly coarseDeviation: Float32Array;
  /** As the backbone has them now; kernels [height, width, in, out]. */
  readonly weights: Weights;
}

/** @throws TrackerError MODEL_INVALID where there is anything but convolutions, sums and ReLUs between both maps */
export function readLastStage(bytes: Uint8Array, entry: BackboneEntry): LastStage {
  const [input, output] = [entry.fine.output, entry.coarse.output];
  const { nodes, constants } = readNodes(bytes, input, output);
  for (const node of nodes) checkNode(node, entry);
  return {
    nodes,
    input,
    output,
    fineDeviation: deviationOf(entry.fine.deviation),
    coarseDeviation: deviationOf(entry.coarse.deviation),
    weights: Object.fromEntries(
      Object.entries(constants).map(([name, { data, dims }]) => [
        STAGE_PREFIX + name,
        dims.length === 4 ? channelsLast(data, dims) : { data, shape: dims },
      ]),
    ),
  };
}

const deviationOf = (values: readonly number[]): Float32Array =>
  Float32Array.from(values, (value) => Math.max(MIN_DEVIATION, value));

function checkNode({ type, output, integers }: GraphNode, { name }: BackboneEntry): void {
  const { strides = [1, 1], pads = [0, 0, 0, 0], kernel_shape: kernel = [], dilations = [1, 1] } = integers;
  const plain =
    strides[0] === strides[1] &&
    pads.every((pad) => pad === (kernel[0]! - 1) / 2) &&
    dilations.every((step) => step === 1) &&
    kernel.length === 2;
  if (type === 'Relu' || type === 'Add' || (type === 'Conv' && plain)) return;
  throw new TrackerError(
    'MODEL_INVALID',
    `backbone ${name}: ${type} at "${output}" between both maps, expected Relu, Add, and Conv of a square kernel, padded to its half`,
    { hint: 'fold batch normalisation into the convolutions, or train without --learn-backbone' },
  );
}

/** Names of a record that are the stage's, and the others. */
export function splitWeights(weights: Weights): { stage: Weights; head: Weights } {
  const part = (own: boolean): Weights =>
    Object.fromEntries(Object.entries(weights).filter(([name]) => name.startsWith(STAGE_PREFIX) === own));
  return { stage: part(true), head: part(false) };
}

/**
 * Fine maps -> coarse maps, both divided by their deviations.
 * @param fine [B, H, W, C], stride 8
 * @returns [B, H / 2, W / 2, C], stride 16
 */
export function runLastStage(
  tf: typeof TF,
  weights: Readonly<Record<string, TF.Tensor>>,
  stage: LastStage,
  fine: TF.Tensor4D,
): TF.Tensor4D {
  const values = new Map<string, TF.Tensor4D>();
  const rowOf = (data: Float32Array): TF.Tensor4D => tf.tensor4d(data, [1, 1, 1, data.length]);
  values.set(stage.input, tf.mul(fine, rowOf(stage.fineDeviation)));
  for (const { type, inputs, output, integers } of stage.nodes) {
    const [x, y] = inputs.map((name) => values.get(name));
    if (type === 'Relu') values.set(output, relu(tf, x!));
    else if (type === 'Add') values.set(output, tf.add(x!, y!));
    else {
      const kernel = weights[STAGE_PREFIX + inputs[1]!] as TF.Tensor4D;
      const bias = weights[STAGE_PREFIX + inputs[2]!]!;
      values.set(output, tf.add(convolve(tf, x!, kernel, integers['strides']?.[0] ?? 1), bias));
    }
  }
  return tf.div(values.get(stage.output)!, rowOf(stage.coarseDeviation));
}

/** The coarse map of one crop, for where no gradient is wanted: fine [H, W, C] -> [H / 2, W / 2, C]. */
export function coarseMapper(tf: typeof TF, weights: Weights, stage: LastStage): (fine: Float32Array) => Float32Array {
  return (fine) => {
    let coarse: Float32Array | undefined;
    tf.tidy(() => {
      const tensors = Object.fromEntries(
        Object.entries(weights).map(([name, { data, shape }]) => [name, tf.tensor(data, [...shape])]),
      );
      const channels = stage.fineDeviation.length;
      const cells = Math.sqrt(fine.length / channels);
      coarse = runLastStage(
        tf,
        tensors,
        stage,
        tf.tensor4d(fine, [1, cells, cells, channels]),
      ).dataSync() as Float32Array;
    });
    return coarse!;
  };
}

/** A 1x1 convolution is a matrix product; a stride of 2 there only leaves out cells. */
function convolve(tf: typeof TF, x: TF.Tensor4D, kernel: TF.Tensor4D, stride: number): TF.Tensor4D {
  const [side, , channels, out] = kernel.shape;
  if (side !== 1) return tf.conv2d(x, kernel, stride, stride === 1 ? 'same' : (side - 1) / 2);
  const [batch, rows, columns] = x.shape;
  const [height2, width2] = [rows / stride, columns / stride];
  // every stride-th cell as a slice, since a strided slice has no gradient
  const folded = tf.reshape(x, [batch * height2, stride, width2, stride * channels]);
  const kept = stride === 1 ? x : tf.slice(folded, [0, 0, 0, 0], [batch * height2, 1, width2, channels]);
  const product = tf.matMul(tf.reshape(kept, [-1, channels]) as TF.Tensor2D, tf.reshape(kernel, [channels, out]));
  return tf.reshape(product, [batch, height2, width2, out]);
}

/** The backbone's file with learned weights in its last stage. */
export function withLastStage(bytes: Uint8Array, learned: Weights): Uint8Array {
  const values = Object.entries(learned).map(([name, weight]) => [
    name.slice(STAGE_PREFIX.length),
    weight.shape.length === 4 ? channelsFirst(weight) : weight.data,
  ]);
  return withConstants(bytes, Object.fromEntries(values) as Record<string, Float32Array>);
}

/** [out, in, height, width] -> [height, width, in, out]. */
function channelsLast(data: Float32Array, dims: readonly number[]): Weight {
  const [out, from, height, width] = dims as [number, number, number, number];
  const area = height * width;
  const result = new Float32Array(data.length);
  for (let o = 0, at = 0; o < out; o++)
    for (let i = 0; i < from; i++) for (let p = 0; p < area; p++) result[(p * from + i) * out + o] = data[at++]!;
  return { data: result, shape: [height, width, from, out] };
}

function channelsFirst({ data, shape }: Weight): Float32Array {
  const [height, width, from, out] = shape as [number, number, number, number];
  const area = height * width;
  const result = new Float32Array(data.length);
  for (let o = 0, at = 0; o < out; o++)
    for (let i = 0; i < from; i++) for (let p = 0; p < area; p++) result[at++] = data[(p * from + i) * out + o]!;
  return result;
}
