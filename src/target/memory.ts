/**
 * What the target model remembers: the normal equations of its regression, of the first frame and of all frames learned since. Each
 * learned frame takes its share, older ones fade, the first is never forgotten.
 */
import type { FloatTensor, OnnxModel } from '../runtime/onnx.js';

/** A sum of weighted rows: matrix = sum w x x^T [n, n], vector = sum w y x [n]. */
export interface NormalEquations {
  readonly matrix: Float32Array;
  readonly vector: Float32Array;
}

/** Rows of one frame: features [cells, n], a weight and a label for each. */
export interface LabelledRows {
  readonly rows: Float32Array;
  readonly weights: Float32Array;
  readonly labels: Float32Array;
}

export function emptyEquations(size: number): NormalEquations {
  return { matrix: new Float32Array(size * size), vector: new Float32Array(size) };
}

/** decay * equations + rate * those of the rows; `learn` is the compiled graph of it. */
export async function accumulate(
  learn: OnnxModel,
  equations: NormalEquations,
  { rows, weights, labels }: LabelledRows,
  decay: number,
  rate: number,
): Promise<NormalEquations> {
  const size = equations.vector.length;
  const count = weights.length;
  const column = (data: Float32Array): FloatTensor => ({ data, dims: [data.length, 1] });
  const out = await learn.run({
    rows: { data: rows, dims: [count, size] },
    weights: column(weights.map((weight) => rate * weight)),
    weighted_labels: column(labels.map((label, i) => rate * weights[i]! * label)),
    matrix: { data: equations.matrix, dims: [size, size] },
    vector: column(equations.vector),
    decay: { data: Float32Array.of(decay), dims: [1] },
  });
  return { matrix: out['new_matrix']!.data, vector: out['new_vector']!.data };
}
