/** Products of matrices on the runtime: in loops here they take ten times as long. */
import type { FloatTensor, OnnxModel } from '../platform.js';

/** a [m, k] x b [k, n] = [m, n] */
export type Multiply = (a: FloatTensor, b: FloatTensor) => Promise<Float32Array>;

/** @param graph the compiled one, see compile.ts */
export function multiplyOn(graph: OnnxModel): Multiply {
  return async (a, b) => (await graph.run({ a, b }))['product']!.data;
}
