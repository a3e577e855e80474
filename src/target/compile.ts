/** The target model's linear algebra as ONNX graphs, for the coarse map of a head's backbone. */
import type { HeadModel } from '../ebm/head.js';
import type { TargetGraphName } from '../ebm/load.js';
import { GraphBuilder } from '../io/onnx-graph.js';
import { TARGET_CHANNELS, TARGET_WINDOW } from './classifier.js';

/** Scores and windows of a coarse map: (projection, unit root mean square, TARGET_WINDOW x TARGET_WINDOW windows) x filter. */
function buildRespond(model: HeadModel): Uint8Array {
  const g = new GraphBuilder();
  const { cells } = model.geometry.coarse;
  const channels = model.config.coarseIn;
  const size = TARGET_CHANNELS * TARGET_WINDOW * TARGET_WINDOW;
  const coarse = g.input('coarse', [1, channels, cells, cells]);
  const basis = g.input('basis', [TARGET_CHANNELS, channels]);
  const mean = g.input('mean', [channels, 1]);
  const filter = g.input('filter', [size, 1]);
  const flat = g.op('Reshape', [coarse, g.integers([channels, cells * cells])]);
  const projected = g.op('MatMul', [basis, g.op('Sub', [flat, mean])]);
  const square = g.op('ReduceMean', [g.op('Mul', [projected, projected])], { axes: [0, 1], keepdims: 1 });
  const unit = g.op('Div', [projected, g.op('Add', [g.op('Sqrt', [square]), g.scalar(1e-6)])]);
  const image = g.op('Reshape', [unit, g.integers([TARGET_CHANNELS, cells, cells])]);
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
  const stacked = g.op('Reshape', [g.op('Concat', taps, { axis: 0 }), g.integers([size, cells * cells])]);
  const rows = g.op('Transpose', [stacked], { perm: [1, 0] });
  g.output('rows', rows, [cells * cells, size]);
  g.output('scores', g.op('Reshape', [g.op('MatMul', [rows, filter]), g.integers([-1])]), [cells * cells]);
  return g.toBytes();
}

/** decay * (matrix, vector) + (rows^T w rows, rows^T w y). */
function buildLearn(model: HeadModel): Uint8Array {
  const g = new GraphBuilder();
  const count = model.geometry.coarse.cells ** 2;
  const size = TARGET_CHANNELS * TARGET_WINDOW * TARGET_WINDOW;
  const rows = g.input('rows', [count, size]);
  const weights = g.input('weights', [count, 1]);
  const labels = g.input('weighted_labels', [count, 1]);
  const matrix = g.input('matrix', [size, size]);
  const vector = g.input('vector', [size, 1]);
  const decay = g.input('decay', [1]);
  const across = g.op('Transpose', [rows], { perm: [1, 0] });
  const update = (old: string, sum: string): string => g.op('Add', [g.op('Mul', [old, decay]), sum]);
  g.output('new_matrix', update(matrix, g.op('MatMul', [across, g.op('Mul', [rows, weights])])), [size, size]);
  g.output('new_vector', update(vector, g.op('MatMul', [across, labels])), [size, 1]);
  return g.toBytes();
}

/** The product of two matrices. */
function buildMultiply(): Uint8Array {
  const g = new GraphBuilder();
  const a = g.input('a', ['rows', 'inner']);
  const b = g.input('b', ['inner', 'columns']);
  g.output('product', g.op('MatMul', [a, b]), ['rows', 'columns']);
  return g.toBytes();
}

/** The bytes of one graph. */
export function compileTarget(model: HeadModel, name: TargetGraphName): Uint8Array {
  return TARGET_GRAPHS[name](model);
}

const TARGET_GRAPHS: Readonly<Record<TargetGraphName, (model: HeadModel) => Uint8Array>> = {
  respond: buildRespond,
  learn: buildLearn,
  multiply: buildMultiply,
};
