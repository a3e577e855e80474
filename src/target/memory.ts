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

/** What one frame adds: columns [n, cells] x weighted [cells, n] to the matrix, and its vector [n]. */
export interface Sample {
  readonly columns: Float32Array;
  readonly weighted: Float32Array;
  readonly vector: Float32Array;
}

export function emptyEquations(size: number): NormalEquations {
  return { matrix: new Float32Array(size * size), vector: new Float32Array(size) };
}

/**
 * equations = decay * equations + the sample's, in place; `learn` is the compiled graph of it for some rows. It pauses after each of `shares`
 * parts of the work: until it is done, the matrix is old in its lower rows.
 */
export async function* accumulate(
  learn: OnnxModel,
  { matrix, vector }: NormalEquations,
  { columns, weighted, vector: added }: Sample,
  decay: number,
  shares: number,
): AsyncGenerator<void, void, void> {
  const size = vector.length;
  const cells = weighted.length / size;
  const rows = Math.ceil(size / shares);
  for (let from = 0; from < size; from += rows) {
    const count = Math.min(rows, size - from);
    const part = (data: Float32Array, width: number): FloatTensor => ({
      data: data.subarray(from * width, (from + count) * width),
      dims: [count, width],
    });
    const out = await learn.run({
      columns: part(columns, cells),
      weighted: { data: weighted, dims: [cells, size] },
      old: part(matrix, size),
      decay: { data: Float32Array.of(decay), dims: [1] },
    });
    matrix.set(out['new']!.data, from * size);
    yield;
  }
  // rounded as the graph rounds the matrix
  const factor = Math.fround(decay);
  for (let i = 0; i < size; i++) vector[i] = Math.fround(vector[i]! * factor) + added[i]!;
}
