/** Symmetric positive definite systems, by conjugate gradients. */

/**
 * Solves (A + ridge I) x = b from a first guess; it pauses after each `share` of iterations.
 * @param product A x; A is symmetric
 * @param start first guess; not changed
 * @param tolerance stops when the residual's norm is below this share of b's
 * @returns x
 */
export async function* conjugateGradient(
  product: (x: Float32Array) => Promise<Float64Array>,
  b: Float32Array,
  ridge: number,
  start: Float32Array,
  iterations: number,
  tolerance: number,
  share: number,
): AsyncGenerator<void, Float32Array<ArrayBuffer>, void> {
  const n = b.length;
  const x = Float64Array.from(start);
  const residual = new Float64Array(n);
  const first = await product(start);
  let target = 0;
  for (let i = 0; i < n; i++) {
    residual[i] = b[i]! - first[i]! - ridge * x[i]!;
    target += b[i]! * b[i]!;
  }
  target *= tolerance * tolerance;
  const direction = residual.slice();
  let squares = dot(residual, residual);
  for (let k = 0; k < iterations && squares > target; k++) {
    const image = await product(new Float32Array(direction));
    for (let i = 0; i < n; i++) image[i]! += ridge * direction[i]!;
    const step = squares / dot(direction, image);
    for (let i = 0; i < n; i++) {
      x[i]! += step * direction[i]!;
      residual[i]! -= step * image[i]!;
    }
    const next = dot(residual, residual);
    const ratio = next / squares;
    for (let i = 0; i < n; i++) direction[i] = residual[i]! + ratio * direction[i]!;
    squares = next;
    if ((k + 1) % share === 0 && k + 1 < iterations) yield;
  }
  return new Float32Array(x);
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
