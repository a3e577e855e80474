/** Principal directions of one feature map: the target model's channels. */
import type { FeatureMap } from '../features/backbone.js';
import type { Random } from '../random.js';

export interface Basis {
  /** [count, C], orthonormal rows. */
  readonly directions: Float32Array;
  /** [C] */
  readonly mean: Float32Array;
  readonly count: number;
}

const ITERATIONS = 10;

/** The subspace of the `count` largest variances over the map's cells, by subspace iteration from random directions. */
export function principalBasis(map: FeatureMap, count: number, random: Random): Basis {
  const { channels } = map;
  const cells = map.width * map.height;
  const mean = new Float32Array(channels);
  const centred = new Float32Array(channels * cells);
  for (let c = 0; c < channels; c++) {
    let sum = 0;
    for (let i = 0; i < cells; i++) sum += map.data[c * cells + i]!;
    mean[c] = sum / cells;
    for (let i = 0; i < cells; i++) centred[c * cells + i] = map.data[c * cells + i]! - mean[c]!;
  }
  const directions = Float32Array.from({ length: count * channels }, () => random.normal());
  const projected = new Float32Array(count * cells);
  orthonormalise(directions, count, channels);
  for (let iteration = 0; iteration < ITERATIONS; iteration++) {
    project(directions, centred, projected, count, channels, cells);
    backProject(projected, centred, directions, count, channels, cells);
    orthonormalise(directions, count, channels);
  }
  return { directions, mean, count };
}

/** projected [count, cells] = directions [count, C] x centred [C, cells]; four channels a pass: each sum stays in its register for longer. */
function project(
  d: Float32Array,
  x: Float32Array,
  out: Float32Array,
  count: number,
  channels: number,
  cells: number,
): void {
  out.fill(0);
  for (let k = 0; k < count; k++) {
    const to = k * cells;
    let c = 0;
    for (; c + 3 < channels; c += 4) {
      const at = k * channels + c;
      const [w0, w1, w2, w3] = [d[at]!, d[at + 1]!, d[at + 2]!, d[at + 3]!];
      for (let i = 0, from = c * cells; i < cells; i++, from++) {
        // rounded after each channel, as if they came one by one
        let sum = Math.fround(out[to + i]! + w0 * x[from]!);
        sum = Math.fround(sum + w1 * x[from + cells]!);
        sum = Math.fround(sum + w2 * x[from + 2 * cells]!);
        out[to + i] = sum + w3 * x[from + 3 * cells]!;
      }
    }
    for (; c < channels; c++) {
      const weight = d[k * channels + c]!;
      for (let i = 0, from = c * cells; i < cells; i++) out[to + i]! += weight * x[from + i]!;
    }
  }
}

/** directions [count, C] = projected [count, cells] x centred^T; four sums at once: a single one waits for itself. */
function backProject(
  p: Float32Array,
  x: Float32Array,
  out: Float32Array,
  count: number,
  channels: number,
  cells: number,
): void {
  for (let k = 0; k < count; k++) {
    const a = k * cells;
    let c = 0;
    for (; c + 3 < channels; c += 4) {
      let [s0, s1, s2, s3] = [0, 0, 0, 0];
      for (let i = 0, b = c * cells; i < cells; i++, b++) {
        const value = p[a + i]!;
        s0 += value * x[b]!;
        s1 += value * x[b + cells]!;
        s2 += value * x[b + 2 * cells]!;
        s3 += value * x[b + 3 * cells]!;
      }
      out.set([s0, s1, s2, s3], k * channels + c);
    }
    for (; c < channels; c++) {
      let sum = 0;
      for (let i = 0, b = c * cells; i < cells; i++) sum += p[a + i]! * x[b + i]!;
      out[k * channels + c] = sum;
    }
  }
}

/** Gram-Schmidt on the rows, in place. */
function orthonormalise(rows: Float32Array, count: number, length: number): void {
  for (let k = 0; k < count; k++) {
    const own = rows.subarray(k * length, (k + 1) * length);
    for (let j = 0; j < k; j++) {
      const other = rows.subarray(j * length, (j + 1) * length);
      let dot = 0;
      for (let i = 0; i < length; i++) dot += own[i]! * other[i]!;
      for (let i = 0; i < length; i++) own[i]! -= dot * other[i]!;
    }
    let squares = 0;
    for (let i = 0; i < length; i++) squares += own[i]! * own[i]!;
    const norm = 1 / Math.sqrt(Math.max(squares, 1e-20));
    for (let i = 0; i < length; i++) own[i]! *= norm;
  }
}
