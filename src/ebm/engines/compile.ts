/**
 * The head as ONNX graphs.
 *
 * embed, propose     hold their weights
 * energy             takes the dense layers' weights as inputs, which the runtime prepares once, and the template
 */
import { GraphBuilder } from '../../io/onnx-graph.js';
import {
  BINS,
  denseWeights,
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

/** A branch of the energy: which of the embedded maps it pools from, and how many bins a side. */
type Branch = keyof typeof BINS;
const MAP_OF = { fine: 'fine', coarse: 'coarse', context: 'coarse' } as const;

const reshape = (g: GraphBuilder, value: string, dims: number[]): string => g.op('Reshape', [value, g.integers(dims)]);

/** A branch's way from pooling matrices to bins: [N, P P, C]. */
function pooledBins(g: GraphBuilder, { config }: HeadModel, branch: Branch): string {
  const channels = config[MAP_OF[branch]];
  const bins = BINS[branch];
  // H and W are those of the window that the boxes touch; an extent of 0 is the input's own
  const [height, width] = [`${branch}_height`, `${branch}_width`];
  const matrix = reshape(g, g.input(`${branch}_map`, [height, width, channels]), [0, -1]);
  const x = g.op('Unsqueeze', [g.input(`${branch}_x`, ['n', bins, width]), g.integers([1])]);
  const y = g.input(`${branch}_y`, ['n', bins, height]);
  const rows = reshape(g, g.op('MatMul', [y, matrix]), [0, bins, -1, channels]); // Y F: [N, P, W, C]
  return reshape(g, g.op('MatMul', [x, rows]), [-1, bins * bins, channels]); // Y F X^T
}

/** The bins of a candidate times those of a view of the object, which is an input; sums over MATCH_RATIO channels each. */
function matchOf(
  g: GraphBuilder,
  { config }: HeadModel,
  map: 'fine' | 'coarse',
  pooled: string,
  view: 'template' | 'recent',
): string {
  const cells = BINS[map] * BINS[map];
  const groups = config[map] / MATCH_RATIO;
  const own = reshape(g, g.input(`${view}_${map}`, [cells * config[map]]), [cells, config[map]]);
  const compared = reshape(g, g.op('Mul', [pooled, own]), [-1, cells, MATCH_RATIO, groups]);
  return reshape(g, g.op('ReduceSum', [compared, g.integers([2])], { keepdims: 0 }), [-1, cells * groups]);
}

function buildEnergy(model: HeadModel): Uint8Array {
  const g = new GraphBuilder();
  const { config } = model;
  const shapes = headShapes(config);
  const both = g.input('modulation', [config.fine + config.coarse]);
  const weights = Object.fromEntries(denseWeights(config).map((name) => [name, g.input(name, shapes[name]!)]));
  const slice = (from: number, to: number): string =>
    g.op('Slice', [both, g.integers([from]), g.integers([to]), g.integers([0])]);
  const modulation = { fine: slice(0, config.fine), coarse: slice(config.fine, config.fine + config.coarse) };
  const linear = (input: string, name: string): string =>
    g.op('Gemm', [input, weights[`energy.${name}.kernel`]!, weights[`energy.${name}.bias`]!]);
  const layer = (inputs: string[], name: string): string =>
    g.op('Relu', [linear(inputs.length === 1 ? inputs[0]! : g.op('Concat', inputs, { axis: 1 }), name)]);
  const modulated = (branch: Branch, pooled: string): string => {
    const size = BINS[branch] * BINS[branch] * config[MAP_OF[branch]];
    return layer([reshape(g, g.op('Mul', [pooled, modulation[MAP_OF[branch]]]), [-1, size])], branch);
  };
  const fine = pooledBins(g, model, 'fine');
  const coarse = pooledBins(g, model, 'coarse');
  const compared = (view: 'template' | 'recent', name: string): string =>
    layer([matchOf(g, model, 'fine', fine, view), matchOf(g, model, 'coarse', coarse, view)], name);
  const branches = [modulated('fine', fine), modulated('coarse', coarse), compared('template', 'match')];
  if (config.recent > 0) branches.push(compared('recent', 'recent'));
  if (config.context > 0) branches.push(modulated('context', pooledBins(g, model, 'context')));
  g.output('energy', reshape(g, linear(layer(branches, 'hidden'), 'output'), [-1]), ['n']);
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
