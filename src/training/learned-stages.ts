/**
 * The backbone's last stages, learned together with the head (as DiMP does; Bhat et al., ICCV 2019), in TensorFlow.js: what lies between a
 * base map, which may be the fine one or an earlier value of the graph, and the coarse map. The bank holds the base map, so everything before
 * it stays frozen and is not computed again.
 */
import { readFile } from 'node:fs/promises';
import type * as TF from '@tensorflow/tfjs-core';
import { relu } from '../ebm/engines/tfjs.js';
import type { Weight, Weights } from '../ebm/head.js';
import { TrackerError } from '../errors.js';
import { MIN_DEVIATION } from '../features/backbone.js';
import type { BackboneEntry } from '../features/manifest.js';
import { readNodes, withConstants, withOutputs, type GraphNode } from '../io/onnx-graph.js';
import { openBackbone } from '../node/open.js';
import { openOnnxModel } from '../runtime/onnx.js';
import type { BankBackbone } from './bank.js';

/** Their weights are named so, beside those of the head. */
export const STAGE_PREFIX = 'backbone.';

export interface LearnedStages {
  readonly nodes: readonly GraphNode[];
  /** Names of the base map and of what comes out; the base map may be the fine one. */
  readonly base: string;
  readonly fine: string;
  readonly coarse: string;
  readonly baseChannels: number;
  /** Divisor of each channel of the bank's maps: the stages work on maps as the network has them. */
  readonly fineDeviation: Float32Array;
  readonly coarseDeviation: Float32Array;
  /** As the backbone has them now; kernels [height, width, in, out]. */
  readonly weights: Weights;
}

/** Both maps of some crops, [B, H, W, C]. */
export interface StageMaps {
  readonly fine: TF.Tensor4D;
  readonly coarse: TF.Tensor4D;
}

/**
 * @param from name of the base map in the graph; left out: the fine map, so that the last stage alone is learned
 * @throws TrackerError MODEL_INVALID where there is no such value, or anything but convolutions, sums and ReLUs behind it
 */
export function readLearnedStages(bytes: Uint8Array, entry: BackboneEntry, from = entry.fine.output): LearnedStages {
  const { nodes, constants } = readNodes(bytes, from, entry.coarse.output);
  for (const node of nodes) checkNode(node, entry);
  const made = new Set([from, ...nodes.map(({ output }) => output)]);
  const first = nodes.find(({ type, inputs }) => type === 'Conv' && inputs[0] === from);
  if (!first || !made.has(entry.fine.output))
    throw new TrackerError('MODEL_INVALID', `backbone ${entry.name}: no value "${from}" before both maps`, {
      hint: `name one that the fine map is computed from, or leave --learn-from out`,
    });
  return {
    nodes,
    base: from,
    fine: entry.fine.output,
    coarse: entry.coarse.output,
    baseChannels: constants[first.inputs[1]!]!.dims[1]!,
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

/** The base map's name where it is not the fine one. */
export const earlierBase = (stages: LearnedStages | undefined): string | undefined =>
  stages?.base === stages?.fine ? undefined : stages?.base;

/** The backbone as the bank wants it where stages are learned: the base map in the place of the fine one. */
export async function openBase(
  entry: BackboneEntry,
  { base, fine, coarse }: LearnedStages,
  threads: number,
): Promise<BankBackbone & { release(): Promise<void> }> {
  if (base === fine) return openBackbone(entry, { threads, provider: 'cpu' });
  const bytes = withOutputs(await readFile(entry.file), [base]);
  const model = await openOnnxModel(bytes, { threads, provider: 'cpu' });
  return {
    entry,
    async extract(input) {
      const maps = await model.run({ [entry.input.name]: input });
      const map = (name: string) => {
        const { data, dims } = maps[name]!;
        const [batch, channels, height, width] = dims as [number, number, number, number];
        return { data, batch, channels, height, width };
      };
      return { fine: map(base), coarse: map(coarse) };
    },
    release: () => model.release(),
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
    `backbone ${name}: ${type} at "${output}" behind the base map, expected Relu, Add, and Conv of a square kernel, padded to its half`,
    { hint: 'fold batch normalisation into the convolutions, or train without --learn-backbone' },
  );
}

/** Names of a record that are the stages', and the others. */
export function splitWeights(weights: Weights): { stage: Weights; head: Weights } {
  const part = (own: boolean): Weights =>
    Object.fromEntries(Object.entries(weights).filter(([name]) => name.startsWith(STAGE_PREFIX) === own));
  return { stage: part(true), head: part(false) };
}

/**
 * Base maps -> fine and coarse maps, these divided by their deviations.
 * @param base [B, H, W, C] as the bank has it: where it is the fine map, it is divided by its deviation already
 */
export function runLearnedStages(
  tf: typeof TF,
  weights: Readonly<Record<string, TF.Tensor>>,
  stages: LearnedStages,
  base: TF.Tensor4D,
): StageMaps {
  const values = new Map<string, TF.Tensor4D>();
  const rowOf = (data: Float32Array): TF.Tensor4D => tf.tensor4d(data, [1, 1, 1, data.length]);
  const fineDeviation = rowOf(stages.fineDeviation);
  const begins = stages.base === stages.fine;
  values.set(stages.base, begins ? tf.mul(base, fineDeviation) : base);
  for (const { type, inputs, output, integers } of stages.nodes) {
    const [x, y] = inputs.map((name) => values.get(name));
    if (type === 'Relu') values.set(output, relu(tf, x!));
    else if (type === 'Add') values.set(output, tf.add(x!, y!));
    else {
      const kernel = weights[STAGE_PREFIX + inputs[1]!] as TF.Tensor4D;
      const bias = weights[STAGE_PREFIX + inputs[2]!]!;
      values.set(output, tf.add(convolve(tf, x!, kernel, integers['strides']?.[0] ?? 1), bias));
    }
  }
  return {
    fine: begins ? base : tf.div(values.get(stages.fine)!, fineDeviation),
    coarse: tf.div(values.get(stages.coarse)!, rowOf(stages.coarseDeviation)),
  };
}

/** Both maps of one crop from its base map, for where no gradient is wanted: [H, W, C] each. */
export function mapsFromBase(
  tf: typeof TF,
  weights: Weights,
  stages: LearnedStages,
): (base: Float32Array) => { fine: Float32Array; coarse: Float32Array } {
  return (data) => {
    let found: { fine: Float32Array; coarse: Float32Array } | undefined;
    tf.tidy(() => {
      const tensors = Object.fromEntries(
        Object.entries(weights).map(([name, { data, shape }]) => [name, tf.tensor(data, [...shape])]),
      );
      const { baseChannels: channels } = stages;
      const cells = Math.sqrt(data.length / channels);
      const maps = runLearnedStages(tf, tensors, stages, tf.tensor4d(data, [1, cells, cells, channels]));
      found = { fine: maps.fine.dataSync() as Float32Array, coarse: maps.coarse.dataSync() as Float32Array };
    });
    return found!;
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

/** The backbone's file with learned weights in its last stages. */
export function withLearnedStages(bytes: Uint8Array, learned: Weights): Uint8Array {
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
