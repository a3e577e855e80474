/**
 * Memory of the target model: the normal equations of its regression, of the first frame and of all frames learned since. Each learned
 * frame is added, older ones fade, the first is never forgotten.
 */
import type { FloatTensor, OnnxModel } from '../platform.js';

/** A sum of weighted rows: matrix = sum w x x^T [n, n], vector = sum w y x [n]. */
export interface NormalEquations {
  readonly matrix: Float32Array;
  readonly vector: Float32Array;
}

/** Contribution of one frame: columns [n, cells] x weighted [cells, n] for the matrix, and its vector [n]. */
export interface Sample {
  readonly columns: Float32Array;
  readonly weighted: Float32Array;
  readonly vector: Float32Array;
}

export function emptyEquations(size: number): NormalEquations {
  return { matrix: new Float32Array(size * size), vector: new Float32Array(size) };
}

/**
 * One part of: into = decay * the equations' matrix + the sample's. Each part has rows of its own.
 * @param learn the compiled graph of it, for some rows
 * @param into may be the matrix itself
 * @param part of `parts`, from 0
 */
export async function addRows(
  learn: OnnxModel,
  { matrix, vector }: NormalEquations,
  { columns, weighted }: Sample,
  decay: number,
  into: Float32Array,
  part: number,
  parts: number,
): Promise<void> {
  const size = vector.length;
  const cells = weighted.length / size;
  const rows = Math.ceil(size / parts);
  const from = part * rows;
  const count = Math.min(rows, size - from);
  const rowsOf = (data: Float32Array, width: number): FloatTensor => ({
    data: data.subarray(from * width, (from + count) * width),
    dims: [count, width],
  });
  const out = await learn.run({
    columns: rowsOf(columns, cells),
    weighted: { data: weighted, dims: [cells, size] },
    old: rowsOf(matrix, size),
    decay: { data: Float32Array.of(decay), dims: [1] },
  });
  into.set(out['new']!.data, from * size);
}

/** decay * the equations' vector + the sample's, rounded as the graph rounds the matrix. */
export function addVector({ vector }: NormalEquations, sample: Sample, decay: number): Float32Array {
  const factor = Math.fround(decay);
  return vector.map((value, i) => Math.fround(value * factor) + sample.vector[i]!);
}
