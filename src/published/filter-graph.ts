/** The classifier's filter as ONNX graphs: where it begins, and one iteration of its optimisation. */
import { GraphBuilder } from '../io/onnx-graph.js';
import { FILTER_SIDE, INITIALISER, OPTIMISER } from './architecture.js';
import type { PublishedModel } from './file.js';
import { Layers } from './layers.js';
import { cellsOf, filterScores, residualPlanes } from './look-graph.js';

const FILTER = FILTER_SIDE * FILTER_SIDE;
/** Places of a 3 x 3 convolution. */
export const TAPS = 9;

/**
 * The mean of a 3 x 3 convolution over boxes of several samples. Both are sums, so the features are pooled first, at each of the nine places of
 * the convolution, which leaves a hundredth of its multiplications.
 * Inputs: samples [N, C, n n]; pooling [N, 9 x 16, n n] (see filter.ts); coverage [16, 1], how much of each bin lies inside the maps.
 * Output: filter [16, C].
 */
export function compileFirstFilter({ recipe, weights }: PublishedModel): Uint8Array {
  const g = new GraphBuilder();
  const layers = new Layers(g, weights);
  const channels = recipe.widths.filter;
  const cells = cellsOf(recipe.rules.size) ** 2;
  const samples = g.op('Transpose', [g.input('samples', ['N', channels, cells])], { perm: [0, 2, 1] });
  const pooled = g.op('MatMul', [g.input('pooling', ['N', TAPS * FILTER, cells]), samples]);
  const sum = layers.reshape(g.op('ReduceSum', [pooled, g.integers([0])], { keepdims: 0 }), [TAPS, FILTER, channels]);
  const rows = layers.reshape(g.op('Transpose', [sum], { perm: [1, 0, 2] }), [FILTER, TAPS * channels]);
  const kernel = g.constant(tapsFirst(weights[`${INITIALISER}.weight`]!.data, channels));
  const bias = g.constant({ data: weights[`${INITIALISER}.bias`]!.data, dims: [1, channels] });
  const shares = g.op('Mul', [g.input('coverage', [FILTER, 1]), bias]);
  g.output('filter', g.op('Add', [g.op('MatMul', [rows, kernel]), shares]), [FILTER, channels]);
  return g.toBytes();
}

/** [out, in, 3, 3] -> [9 x in, out] */
function tapsFirst(data: Float32Array, channels: number): { data: Float32Array; dims: number[] } {
  const result = new Float32Array(data.length);
  for (let o = 0; o < channels; o++) {
    for (let i = 0; i < channels; i++) {
      for (let tap = 0; tap < TAPS; tap++)
        result[(tap * channels + i) * channels + o] = data[(o * channels + i) * TAPS + tap]!;
    }
  }
  return { data: result, dims: [TAPS * channels, channels] };
}

/**
 * One step of steepest descent.
 * Inputs: samples [N, C, n n], filter [16, C], and of each cell of the scores [N, n + 1, n + 1]: label; of dimp and simple also mask and weight;
 * of prdimp instead share [N, 1, 1], the samples' weights. Output: next [16, C].
 */
export function compileLearn(model: PublishedModel): Uint8Array {
  const { recipe, weights } = model;
  const g = new GraphBuilder();
  const layers = new Layers(g, weights);
  const n = cellsOf(recipe.rules.size);
  const channels = recipe.widths.filter;
  const samples = g.input('samples', ['N', channels, n * n]);
  const filter = g.input('filter', [FILTER, channels]);
  const back = g.op('Transpose', [samples], { perm: [0, 2, 1] });
  const apply = (values: string): string => filterScores(layers, values, samples, channels, n);
  const gradientOf = (residuals: string): string =>
    g.op('ReduceSum', [g.op('MatMul', [residualPlanes(layers, residuals, n), back]), g.integers([0])], { keepdims: 0 });
  const regularisation = g.scalar(regularisationOf(model));
  const { residuals, curvature } = (recipe.family === 'prdimp' ? entropy : leastSquares)(g, apply(filter), n);
  const gradient = g.op('Add', [gradientOf(residuals), g.op('Mul', [regularisation, filter])]);
  const length = g.op('ReduceSumSquare', [gradient], { keepdims: 0 });
  const ridge = g.scalar(regularisationOf(model) + (recipe.filter.family === 'prdimp' ? recipe.filter.alpha : 0));
  const bend = g.op('Add', [curvature(apply(gradient)), g.op('Mul', [ridge, length])]);
  const alpha = g.op('Div', [length, g.op('Max', [bend, g.scalar(LEAST_CURVATURE)])]);
  const step = g.op('Mul', [g.op('Mul', [alpha, g.scalar(stepFactorOf(model))]), gradient]);
  g.output('next', g.op('Sub', [filter, step]), [FILTER, channels]);
  return g.toBytes();
}

const LEAST_CURVATURE = 1e-8;

function regularisationOf({ recipe: { filter, family }, weights }: PublishedModel): number {
  const name = family === 'simple' ? 'residual_module.filter_reg' : 'filter_reg';
  const own = weights[`${OPTIMISER}.${name}`]!.data[0]! ** 2;
  return filter.family === 'simple' ? own : Math.max(own, filter.leastRegularisation ** 2);
}

function stepFactorOf({ weights }: PublishedModel): number {
  return Math.exp(weights[`${OPTIMISER}.log_step_length`]?.data[0] ?? 0);
}

interface Loss {
  /** Derivative of the loss by the scores, up to a factor: [N, n + 1, n + 1]. */
  readonly residuals: string;
  /** The loss along the gradient, from the gradient's own scores. */
  curvature(gradientScores: string): string;
}

/** DiMP: squares of weight (act - label), where act leaves scores as they are inside the mask, and counts none below 0 outside. */
function leastSquares(g: GraphBuilder, scores: string, n: number): Loss {
  const dims = ['N', n + 1, n + 1];
  const [label, mask, weight] = ['label', 'mask', 'weight'].map((name) => g.input(name, dims)) as [
    string,
    string,
    string,
  ];
  const half = g.scalar(0.5);
  const one = g.scalar(1);
  const outside = g.op('Mul', [half, g.op('Sub', [one, mask])]);
  const inside = g.op('Mul', [half, g.op('Add', [one, mask])]);
  const act = g.op('Add', [g.op('Mul', [outside, g.op('Abs', [scores])]), g.op('Mul', [inside, scores])]);
  const slope = g.op('Mul', [weight, g.op('Add', [g.op('Mul', [outside, g.op('Sign', [scores])]), inside])]);
  return {
    residuals: g.op('Mul', [slope, g.op('Mul', [weight, g.op('Sub', [act, label])])]),
    curvature: (gradientScores) => g.op('ReduceSumSquare', [g.op('Mul', [slope, gradientScores])], { keepdims: 0 }),
  };
}

/** PrDiMP: cross entropy of the softmax over cells and the label. */
function entropy(g: GraphBuilder, scores: string, n: number): Loss {
  const label = g.input('label', ['N', n + 1, n + 1]);
  const share = g.input('share', ['N', 1, 1]);
  const cells = (n + 1) ** 2;
  const flat = (x: string): string => g.op('Reshape', [x, g.integers([-1, cells])]);
  const density = g.op('Softmax', [flat(scores)], { axis: 1 });
  const square = g.op('Reshape', [density, g.integers([-1, n + 1, n + 1])]);
  return {
    residuals: g.op('Mul', [share, g.op('Sub', [square, label])]),
    curvature(gradientScores) {
      const h = flat(gradientScores);
      const weighted = g.op('Mul', [density, h]);
      const mean = g.op('ReduceSum', [weighted, g.integers([1])], { keepdims: 1 });
      const terms = g.op('Mul', [h, g.op('Sub', [weighted, g.op('Mul', [density, mean])])]);
      const sums = g.op('ReduceSum', [terms, g.integers([1])], { keepdims: 1 });
      const positive = g.op('Mul', [g.op('Relu', [sums]), g.op('Reshape', [share, g.integers([-1, 1])])]);
      return g.op('ReduceSum', [positive, g.integers([0, 1])], { keepdims: 0 });
    },
  };
}
