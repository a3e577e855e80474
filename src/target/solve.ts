/** Symmetric positive definite systems, by conjugate gradients. */

/**
 * Solves (A + ridge I) x = b from a first guess.
 * @param matrix A [n, n], symmetric
 * @param start first guess; not changed
 * @param tolerance stops when the residual's norm is below this share of b's
 */
export function conjugateGradient(
  matrix: Float32Array,
  b: Float32Array,
  ridge: number,
  start: Float32Array,
  iterations: number,
  tolerance: number,
): Float32Array {
  const n = b.length;
  const x = Float64Array.from(start);
  const residual = new Float64Array(n);
  const product = new Float64Array(n);
  multiply(matrix, ridge, x, product);
  let target = 0;
  for (let i = 0; i < n; i++) {
    residual[i] = b[i]! - product[i]!;
    target += b[i]! * b[i]!;
  }
  target *= tolerance * tolerance;
  const direction = residual.slice();
  let squares = dot(residual, residual);
  for (let k = 0; k < iterations && squares > target; k++) {
    multiply(matrix, ridge, direction, product);
    const step = squares / dot(direction, product);
    for (let i = 0; i < n; i++) {
      x[i]! += step * direction[i]!;
      residual[i]! -= step * product[i]!;
    }
    const next = dot(residual, residual);
    const share = next / squares;
    for (let i = 0; i < n; i++) direction[i] = residual[i]! + share * direction[i]!;
    squares = next;
  }
  return Float32Array.from(x);
}

function multiply(matrix: Float32Array, ridge: number, x: Float64Array, out: Float64Array): void {
  const n = x.length;
  for (let row = 0, at = 0; row < n; row++) {
    let a = 0;
    let b = 0;
    let c = 0;
    let d = 0;
    let column = 0;
    // four sums at once: a single one waits for itself
    for (; column + 3 < n; column += 4, at += 4) {
      a += matrix[at]! * x[column]!;
      b += matrix[at + 1]! * x[column + 1]!;
      c += matrix[at + 2]! * x[column + 2]!;
      d += matrix[at + 3]! * x[column + 3]!;
    }
    for (; column < n; column++, at++) a += matrix[at]! * x[column]!;
    out[row] = a + b + c + d + ridge * x[row]!;
  }
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
