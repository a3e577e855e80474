/** Symmetric positive definite systems, by conjugate gradients, a few iterations at a time. */

/** A x; A is symmetric. */
export type Product = (x: Float32Array) => Promise<Float64Array>;

/** How far (A + ridge I) x = b is solved: a value, which iterate() does not change. */
export interface Solution {
  readonly x: Float64Array;
  readonly residual: Float64Array;
  readonly direction: Float64Array;
  /** Squared norm of the residual. */
  readonly squares: number;
  /** It is solved where the squared norm is no more than this. */
  readonly enough: number;
  readonly ridge: number;
  readonly iterations: number;
}

/**
 * @param start first guess; not changed
 * @param tolerance it is solved when the residual's norm is no more than this share of b's
 */
export async function startSolving(
  product: Product,
  b: Float32Array,
  ridge: number,
  start: Float32Array,
  tolerance: number,
): Promise<Solution> {
  const x = Float64Array.from(start);
  const residual = new Float64Array(b.length);
  const first = await product(start);
  let norm = 0;
  for (let i = 0; i < b.length; i++) {
    residual[i] = b[i]! - first[i]! - ridge * x[i]!;
    norm += b[i]! * b[i]!;
  }
  const enough = norm * tolerance * tolerance;
  return { x, residual, direction: residual.slice(), squares: dot(residual, residual), enough, ridge, iterations: 0 };
}

/** The solution after `count` iterations more, or fewer where it is solved before. */
export async function iterate(product: Product, from: Solution, count: number): Promise<Solution> {
  const { ridge, enough } = from;
  const n = from.x.length;
  const [x, residual, direction] = [from.x.slice(), from.residual.slice(), from.direction.slice()];
  let { squares, iterations } = from;
  for (const end = iterations + count; iterations < end && squares > enough; iterations++) {
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
  }
  return { x, residual, direction, squares, enough, ridge, iterations };
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
