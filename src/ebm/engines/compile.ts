/**
 * The head as ONNX graphs.
 *
 * embed, propose     hold their weights
 * energy             takes the dense layers' weights as inputs, which the runtime prepares once, and the template
 */
import { GraphBuilder } from '../../io/onnx-graph.js';
import {
  BINS,
  DENSE_WEIGHTS,
  headShapes,
  MATCH_RATIO,
  NORM_EPSILON,
  NORM_GROUPS,
  PROPOSAL_OUTPUTS,
  type HeadModel,
} from '../head.js';

/** [h, w, in, out] -> the [out, in, h, w] of ONNX. */
function convolutionKernel(g: GraphBuilder, model: HeadModel, name: string): string {
  const { shape, data } = model.weights[name]!;
  const [h, w, from, to] = shape as [number, number, number, number];
  const result = new Float32Array(data.length);
  for (let i = 0; i < h * w; i++) {
    for (let c = 0; c < from; c++)
      for (let o = 0; o < to; o++) result[(o * from + c) * h * w + i] = data[(i * from + c) * to + o]!;
  }
  return g.constant({ data: result, dims: [to, from, h, w] });
}

/** Convolution, group norm, ReLU on [1, C, cells, cells]. */
function block(g: GraphBuilder, model: HeadModel, name: string, input: string, cells: number): string {
  const side = model.weights[`${name}.kernel`]!.shape[0]!;
  const channels = model.weights[`${name}.gamma`]!.data.length;
  const pad = (side - 1) / 2;
  const x = g.op('Conv', [input, convolutionKernel(g, model, `${name}.kernel`)], {
    kernel_shape: [side, side],
    pads: [pad, pad, pad, pad],
  });
  const grouped = g.op('Reshape', [x, g.integers([1, NORM_GROUPS, -1])]);
  const ones = g.constant({ data: new Float32Array(NORM_GROUPS).fill(1), dims: [NORM_GROUPS] });
  const zeros = g.constant({ data: new Float32Array(NORM_GROUPS), dims: [NORM_GROUPS] });
  const normed = g.op('InstanceNormalization', [grouped, ones, zeros], { epsilon: { float: NORM_EPSILON } });
  const shaped = g.op('Reshape', [normed, g.integers([1, channels, cells, cells])]);
  const perChannel = (part: string): string =>
    g.constant({ data: model.weights[`${name}.${part}`]!.data, dims: [1, channels, 1, 1] });
  return g.op('Relu', [g.op('Add', [g.op('Mul', [shaped, perChannel('gamma')]), perChannel('beta')])]);
}

function buildEmbed(model: HeadModel): Uint8Array {
  const g = new GraphBuilder();
  const { config, geometry } = model;
  for (const map of ['fine', 'coarse'] as const) {
    const { cells } = geometry[map];
    const input = g.input(map, [1, config[`${map}In`], cells, cells]);
    const embedded = block(g, model, `embed.${map}.1`, block(g, model, `embed.${map}.0`, input, cells), cells);
    const channelLast = g.op('Transpose', [embedded], { perm: [0, 2, 3, 1] });
    g.output(`${map}_map`, g.op('Reshape', [channelLast, g.integers([cells, cells, config[map]])]), [
      cells,
      cells,
      config[map],
    ]);
  }
  return g.toBytes();
}

function buildPropose(model: HeadModel): Uint8Array {
  const g = new GraphBuilder();
  const { config, geometry } = model;
  const { cells } = geometry.coarse;
  const channels = config.coarse;
  const map = g.input('coarse_map', [cells, cells, channels]);
  const kernel = g.input('kernel', [BINS.coarse * BINS.coarse, channels]);
  const x = g.op('Reshape', [g.op('Transpose', [map], { perm: [2, 0, 1] }), g.integers([1, channels, cells, cells])]);
  const taps = g.op('Reshape', [
    g.op('Transpose', [kernel], { perm: [1, 0] }),
    g.integers([channels, 1, BINS.coarse, BINS.coarse]),
  ]);
  const correlation = g.op('Conv', [x, taps], {
    group: channels,
    kernel_shape: [BINS.coarse, BINS.coarse],
    pads: [1, 1, 1, 1],
  });
  const joined = g.op('Concat', [correlation, x], { axis: 1 });
  const hidden = block(g, model, 'proposal.1', block(g, model, 'proposal.0', joined, cells), cells);
  const bias = g.constant({ data: model.weights['proposal.output.bias']!.data, dims: [PROPOSAL_OUTPUTS] });
  const output = g.op('Conv', [hidden, convolutionKernel(g, model, 'proposal.output.kernel'), bias], {
    kernel_shape: [1, 1],
  });
  const rows = g.op('Transpose', [g.op('Reshape', [output, g.integers([PROPOSAL_OUTPUTS, cells * cells])])], {
    perm: [1, 0],
  });
  g.output('raw', rows, [cells * cells, PROPOSAL_OUTPUTS]);
  return g.toBytes();
}

/** One map's way from pooling matrices to its dense layer and its share of the match branch. */
function pooledBranch(
  g: GraphBuilder,
  model: HeadModel,
  map: 'fine' | 'coarse',
  modulation: string,
  weights: Record<string, string>,
): { dense: string; match: string } {
  const channels = model.config[map];
  const bins = BINS[map];
  const groups = channels / MATCH_RATIO;
  const shape = (value: string, dims: number[]): string => g.op('Reshape', [value, g.integers(dims)]);
  // H and W are those of the window that the boxes touch; an extent of 0 is the input's own
  const [height, width] = [`${map}_height`, `${map}_width`];
  const matrix = shape(g.input(`${map}_map`, [height, width, channels]), [0, -1]);
  const x = g.op('Unsqueeze', [g.input(`${map}_x`, ['n', bins, width]), g.integers([1])]);
  const y = g.input(`${map}_y`, ['n', bins, height]);
  const own = g.input(`template_${map}`, [bins * bins * channels]);
  const rows = shape(g.op('MatMul', [y, matrix]), [0, bins, -1, channels]); // Y F: [N, P, W, C]
  const pooled = shape(g.op('MatMul', [x, rows]), [-1, bins * bins, channels]); // Y F X^T: [N, P P, C]
  const modulated = shape(g.op('Mul', [pooled, modulation]), [-1, bins * bins * channels]);
  const dense = g.op('Relu', [
    g.op('Gemm', [modulated, weights[`energy.${map}.kernel`]!, weights[`energy.${map}.bias`]!]),
  ]);
  const template = shape(own, [bins * bins, channels]);
  const compared = shape(g.op('Mul', [pooled, template]), [-1, bins * bins, MATCH_RATIO, groups]);
  const sums = g.op('ReduceSum', [compared, g.integers([2])], { keepdims: 0 });
  const match = shape(sums, [-1, bins * bins * groups]);
  return { dense, match };
}

function buildEnergy(model: HeadModel): Uint8Array {
  const g = new GraphBuilder();
  const { config } = model;
  const shapes = headShapes(config);
  const both = g.input('modulation', [config.fine + config.coarse]);
  const weights = Object.fromEntries(DENSE_WEIGHTS.map((name) => [name, g.input(name, shapes[name]!)]));
  const modulation = (from: number, to: number): string =>
    g.op('Slice', [both, g.integers([from]), g.integers([to]), g.integers([0])]);
  const fineModulation = modulation(0, config.fine);
  const coarseModulation = modulation(config.fine, config.fine + config.coarse);
  const fine = pooledBranch(g, model, 'fine', fineModulation, weights);
  const coarse = pooledBranch(g, model, 'coarse', coarseModulation, weights);
  const layer = (input: string, name: string): string =>
    g.op('Gemm', [input, weights[`energy.${name}.kernel`]!, weights[`energy.${name}.bias`]!]);
  const match = g.op('Relu', [layer(g.op('Concat', [fine.match, coarse.match], { axis: 1 }), 'match')]);
  const hidden = g.op('Relu', [layer(g.op('Concat', [fine.dense, coarse.dense, match], { axis: 1 }), 'hidden')]);
  g.output('energy', g.op('Reshape', [layer(hidden, 'output'), g.integers([-1])]), ['n']);
  return g.toBytes();
}

export type HeadGraphName = 'embed' | 'propose' | 'energy';

/** The bytes of one graph. They are made each time a head is opened, in a tenth of a second; nothing is kept on disk. */
export function compileHead(model: HeadModel, name: HeadGraphName): Uint8Array {
  return HEAD_GRAPHS[name](model);
}

const HEAD_GRAPHS: Readonly<Record<HeadGraphName, (model: HeadModel) => Uint8Array>> = {
  embed: buildEmbed,
  propose: buildPropose,
  energy: buildEnergy,
};
