/** The target model's linear algebra as ONNX graphs, for the coarse map of a head's backbone. */
import type { HeadModel } from '../ebm/head.js';
import { GraphBuilder } from '../io/onnx-graph.js';
import { TARGET_CHANNELS, TARGET_SIZE, TARGET_WINDOW } from './classifier.js';

/** A coarse map in the target's channels, of unit root mean square: [TARGET_CHANNELS, cells^2]. */
function reduce(g: GraphBuilder, model: HeadModel): string {
  const { cells } = model.geometry.coarse;
  const channels = model.config.coarseIn;
  const coarse = g.input('coarse', [1, channels, cells, cells]);
  const basis = g.input('basis', [TARGET_CHANNELS, channels]);
  const mean = g.input('mean', [channels, 1]);
  const flat = g.op('Reshape', [coarse, g.integers([channels, cells * cells])]);
  const projected = g.op('MatMul', [basis, g.op('Sub', [flat, mean])]);
  const square = g.op('ReduceMean', [g.op('Mul', [projected, projected])], { keepdims: 1 });
  return g.op('Div', [projected, g.op('Add', [g.op('Sqrt', [square]), g.scalar(1e-6)])]);
}

/** Its TARGET_WINDOW x TARGET_WINDOW windows, [size, cells^2]. */
function windows(g: GraphBuilder, model: HeadModel, reduced: string): string {
  const { cells } = model.geometry.coarse;
  const image = g.op('Reshape', [reduced, g.integers([TARGET_CHANNELS, cells, cells])]);
  const reach = (TARGET_WINDOW - 1) / 2;
  const padded = g.op('Pad', [image, g.integers([0, reach, reach, 0, reach, reach])]);
  const taps: string[] = [];
  for (let dy = 0; dy < TARGET_WINDOW; dy++) {
    for (let dx = 0; dx < TARGET_WINDOW; dx++) {
      taps.push(
        g.op('Slice', [padded, g.integers([dy, dx]), g.integers([dy + cells, dx + cells]), g.integers([1, 2])]),
      );
    }
  }
  return g.op('Reshape', [g.op('Concat', taps, { axis: 0 }), g.integers([TARGET_SIZE, cells * cells])]);
}

const across = (g: GraphBuilder, matrix: string): string => g.op('Transpose', [matrix], { perm: [1, 0] });

/** Scores of a coarse map: windows x filter, as a convolution; and the map in the target's channels, to learn from. */
function buildRespond(model: HeadModel): Uint8Array {
  const g = new GraphBuilder();
  const { cells } = model.geometry.coarse;
  const side = TARGET_WINDOW;
  const reduced = reduce(g, model);
  const image = g.op('Reshape', [reduced, g.integers([1, TARGET_CHANNELS, cells, cells])]);
  const taps = g.op('Reshape', [g.input('filter', [TARGET_SIZE, 1]), g.integers([side * side, TARGET_CHANNELS])]);
  const kernel = g.op('Reshape', [across(g, taps), g.integers([1, TARGET_CHANNELS, side, side])]);
  const reach = (side - 1) / 2;
  const scores = g.op('Conv', [image, kernel], { kernel_shape: [side, side], pads: [reach, reach, reach, reach] });
  g.output('scores', g.op('Reshape', [scores, g.integers([-1])]), [cells * cells]);
  g.output('reduced', reduced, [TARGET_CHANNELS, cells * cells]);
  return g.toBytes();
}

/** Contribution of one frame to the normal equations, as factors: columns x weighted is its matrix. */
function buildSample(model: HeadModel): Uint8Array {
  const g = new GraphBuilder();
  const cells = model.geometry.coarse.cells ** 2;
  const columns = windows(g, model, g.input('reduced', [TARGET_CHANNELS, cells]));
  const weights = g.input('weights', [cells, 1]);
  const labels = g.input('weighted_labels', [cells, 1]);
  g.output('columns', columns, [TARGET_SIZE, cells]);
  g.output('weighted', g.op('Mul', [across(g, columns), weights]), [cells, TARGET_SIZE]);
  g.output('vector', g.op('MatMul', [columns, labels]), [TARGET_SIZE, 1]);
  return g.toBytes();
}

/** Some rows of the matrix: decay * old + columns x weighted. */
function buildLearn(model: HeadModel): Uint8Array {
  const g = new GraphBuilder();
  const cells = model.geometry.coarse.cells ** 2;
  const columns = g.input('columns', ['rows', cells]);
  const weighted = g.input('weighted', [cells, TARGET_SIZE]);
  const old = g.input('old', ['rows', TARGET_SIZE]);
  const decay = g.input('decay', [1]);
  const sum = g.op('Add', [g.op('Mul', [old, decay]), g.op('MatMul', [columns, weighted])]);
  g.output('new', sum, ['rows', TARGET_SIZE]);
  return g.toBytes();
}

/** The product of two matrices: needs no head. */
export function compileMultiply(): Uint8Array {
  const g = new GraphBuilder();
  const a = g.input('a', ['rows', 'inner']);
  const b = g.input('b', ['inner', 'columns']);
  g.output('product', g.op('MatMul', [a, b]), ['rows', 'columns']);
  return g.toBytes();
}

export type TargetGraphName = 'respond' | 'sample' | 'learn' | 'multiply';

/** The bytes of one graph. */
export function compileTarget(model: HeadModel, name: TargetGraphName): Uint8Array {
  return TARGET_GRAPHS[name](model);
}

const TARGET_GRAPHS: Readonly<Record<TargetGraphName, (model: HeadModel) => Uint8Array>> = {
  respond: buildRespond,
  sample: buildSample,
  learn: buildLearn,
  multiply: compileMultiply,
};
