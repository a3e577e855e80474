/** Products of a matrix and a vector: on the runtime, or in loops, which take ten times as long where the runtime does not copy what it is given. */
import type { FloatTensor, OnnxModel } from '../platform.js';

/** a [m, k] x b [k, 1] = [m, 1] */
export type Multiply = (a: FloatTensor, b: FloatTensor) => Promise<Float32Array>;

/** @param graph the compiled one, see compile.ts */
export function multiplyOn(graph: OnnxModel): Multiply {
  return async (a, b) => (await graph.run({ a, b }))['product']!.data;
}

export const multiplyInLoops: Multiply = async ({ data: a }, { data }) => {
  const columns = data.length;
  const whole = columns - (columns % 4);
  // of doubles, since each of its numbers is read once a row
  const x = Float64Array.from(data);
  const result = new Float32Array(a.length / columns);
  for (let row = 0, at = 0; row < result.length; row++, at += columns) {
    // four sums at a time, since each addition waits for the one before
    let [s0, s1, s2, s3] = [0, 0, 0, 0];
    for (let i = 0; i < whole; i += 4) {
      s0 += a[at + i]! * x[i]!;
      s1 += a[at + i + 1]! * x[i + 1]!;
      s2 += a[at + i + 2]! * x[i + 2]!;
      s3 += a[at + i + 3]! * x[i + 3]!;
    }
    for (let i = whole; i < columns; i++) s0 += a[at + i]! * x[i]!;
    result[row] = s0 + s1 + s2 + s3;
  }
  return result;
};
