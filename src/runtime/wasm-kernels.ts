/**
 * Additions to the wasm backend that training needs: fast products, and the gradients that it has no kernels for.
 *
 * Its matMul is 25 times as fast for two plain matrices (XNNPACK) as for batches or transposed ones, which go through a simple loop; so
 * large products are turned into plain ones. The gradients of conv2d and gather rest on kernels that were never written for it.
 */
import type * as TensorflowCore from '@tensorflow/tfjs-core';
import type { GradConfig, GradFunc, Tensor, Tensor2D, Tensor4D, TensorInfo } from '@tensorflow/tfjs-core';

type Core = typeof TensorflowCore;

const WASM = 'wasm';
/** Multiplications a product from which a call of its own pays. */
const LARGE = 30_000;

interface MatMulAttributes {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

/** Replaces the slow kernels of the backend; to be done once. */
export function replaceSlowKernels(tf: Core): void {
  replaceMatMul(tf);
  replaceTile(tf);
}

/** Spreading axes of one entry is a product with ones, 12 times as fast. */
function replaceTile(tf: Core): void {
  const plain = tf.getKernel(tf.Tile, WASM);
  tf.unregisterKernel(tf.Tile, WASM);
  tf.registerKernel({
    ...plain,
    kernelFunc: (params) => {
      const x = params.inputs['x'] as Tensor;
      const { reps } = params.attrs as unknown as { readonly reps: readonly number[] };
      const spreads = x.dtype === 'float32' && reps.length === x.shape.length;
      if (!spreads || reps.some((count, axis) => count !== 1 && x.shape[axis] !== 1)) return plain.kernelFunc(params);
      return tf.tidy(() => tf.mul(x, tf.ones(x.shape.map((extent, axis) => extent * reps[axis]!))));
    },
  });
}

function replaceMatMul(tf: Core): void {
  const plain = tf.getKernel(tf.BatchMatMul, WASM);
  tf.unregisterKernel(tf.BatchMatMul, WASM);
  tf.registerKernel({
    ...plain,
    kernelFunc: (params) => {
      const { a, b } = params.inputs as { a: TensorInfo; b: TensorInfo };
      const { transposeA, transposeB } = params.attrs as unknown as MatMulAttributes;
      const isPlain = sizeOf(a.shape.slice(0, -2)) === 1 && !transposeA && !transposeB;
      const [rows, inner] = lastTwo(a.shape, transposeA);
      const [, columns] = lastTwo(b.shape, transposeB);
      if (isPlain || rows * inner * columns < LARGE) return plain.kernelFunc(params);
      return productByProduct(tf, a as Tensor, b as Tensor, transposeA, transposeB);
    },
  });
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, extent) => product * extent, 1);

function lastTwo(shape: readonly number[], transposed: boolean): [number, number] {
  const [first, second] = shape.slice(-2) as [number, number];
  return transposed ? [second, first] : [first, second];
}

/** One plain product a batch entry; a side of one entry stands for all. Runs inside a kernel: nothing of it is taped. */
function productByProduct(tf: Core, a: Tensor, b: Tensor, transposeA: boolean, transposeB: boolean): Tensor {
  return tf.tidy(() => {
    const left = matrices(tf, a, transposeA);
    const right = matrices(tf, b, transposeB);
    const count = Math.max(left.length, right.length);
    const products = Array.from({ length: count }, (_, i) =>
      tf.matMul(left[i % left.length]!, right[i % right.length]!),
    );
    const outer = left.length >= right.length ? a.shape.slice(0, -2) : b.shape.slice(0, -2);
    const joined = products.length === 1 ? products[0]! : tf.concat(products, 0);
    const [rows, columns] = lastTwo(products[0]!.shape, false);
    return tf.reshape(joined, [...outer, rows, columns]);
  });
}

function matrices(tf: Core, tensor: Tensor, transposed: boolean): Tensor2D[] {
  const [rows, columns] = lastTwo(tensor.shape, false);
  const count = sizeOf(tensor.shape.slice(0, -2));
  const stacked = tf.reshape(tensor, [count, rows, columns]);
  return Array.from({ length: count }, (_, i) => {
    const one = count === 1 ? stacked : tf.slice(stacked, [i, 0, 0], [1, rows, columns]);
    const matrix = tf.reshape(one, [rows, columns]) as Tensor2D;
    return transposed ? tf.transpose(matrix) : matrix;
  });
}

interface ConvolutionAttributes {
  readonly strides: number | [number, number];
  readonly pad: 'same' | 'valid' | number;
}

/** Gradients of ours: what registerGradient has replaced already is not wrapped once more. */
const OURS = new WeakSet<GradFunc>();

/** Conv2D and GatherV2 get gradients that do without kernels where the current backend lacks these. */
export function fillInGradients(tf: Core): void {
  fillIn(tf, tf.Conv2D, tf.Conv2DBackpropFilter, (dy, [x, filter], attributes) => {
    const { strides, pad } = attributes as unknown as ConvolutionAttributes;
    const [sx, sy] = typeof strides === 'number' ? [strides, strides] : strides;
    if (sx !== 1 || sy !== 1 || pad !== 'same')
      throw new Error(
        `gradient of conv2d on ${tf.getBackend()}: strides [${sx}, ${sy}] and pad ${pad}, expected 1 and "same"`,
      );
    return {
      x: () => inputGradient(tf, dy as Tensor4D, filter as Tensor4D),
      filter: () =>
        filterGradient(tf, x as Tensor4D, dy as Tensor4D, filter!.shape as [number, number, number, number]),
    };
  });
  fillIn(tf, tf.GatherV2, tf.UnsortedSegmentSum, (dy, [x, indices], attributes) => {
    const { axis } = attributes as unknown as { axis: number };
    if (axis !== 0) throw new Error(`gradient of gather on ${tf.getBackend()}: axis ${axis}, expected 0`);
    return { x: () => scatterRows(tf, dy as Tensor, indices!, x!.shape), indices: () => indices! };
  });
}

function fillIn(tf: Core, kernelName: string, needed: string, own: GradFunc): void {
  const known = tf.getGradient(kernelName) as GradConfig | undefined;
  if (known === undefined || OURS.has(known.gradFunc)) return;
  const gradFunc: GradFunc = (dy, saved, attributes) =>
    (tf.getKernel(needed, tf.getBackend()) ? known.gradFunc : own)(dy, saved, attributes);
  OURS.add(gradFunc);
  tf.unregisterGradient(kernelName);
  tf.registerGradient({ ...known, gradFunc });
}

/** The convolution with the kernel turned by half and its channels exchanged. */
function inputGradient(tf: Core, dy: Tensor4D, filter: Tensor4D): Tensor4D {
  const turned = tf.transpose(tf.reverse(filter, [0, 1]), [0, 1, 3, 2]);
  return tf.conv2d(dy, turned as Tensor4D, 1, 'same');
}

/** Tap by tap: the shifted input times dy, summed over all places. */
function filterGradient(tf: Core, x: Tensor4D, dy: Tensor4D, shape: [number, number, number, number]): Tensor4D {
  const [high, wide, from, to] = shape;
  const [batch, height, width] = x.shape;
  const places = batch * height * width;
  const [above, left] = [(high - 1) >> 1, (wide - 1) >> 1];
  const padded = tf.pad(x, [
    [0, 0],
    [above, high - 1 - above],
    [left, wide - 1 - left],
    [0, 0],
  ]);
  const outputs = tf.reshape(dy, [places, to]) as Tensor2D;
  const taps: Tensor[] = [];
  for (let row = 0; row < high; row++) {
    for (let column = 0; column < wide; column++) {
      const shifted = tf.slice(padded, [0, row, column, 0], [batch, height, width, from]);
      taps.push(tf.matMul(tf.reshape(shifted, [places, from]), outputs, true));
    }
  }
  return tf.reshape(tf.concat(taps, 0), shape);
}

/** Sums the rows of dy that were taken from the same row: a product with the 0/1 matrix of who was taken. */
function scatterRows(tf: Core, dy: Tensor, indices: Tensor, shape: readonly number[]): Tensor {
  const [rows] = shape as [number];
  const taken = tf.cast(tf.oneHot(tf.reshape(indices, [-1]).toInt() as Tensor2D, rows), 'float32');
  const flat = tf.reshape(dy, [indices.size, -1]);
  return tf.reshape(tf.matMul(taken, flat, true), [...shape]);
}
