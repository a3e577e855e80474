/** The first frame's pictures: thirteen views of the object that the filter learns from, and where the object is in each. */
import type { Random } from '../random.js';

/** The picture of side 2 S that views are cut from, and where: a view is S x S, and begins at this row and column. No view reaches its border. */
interface Cut {
  /** [3, 2S, 2S] */
  readonly large: Float32Array;
  readonly size: number;
  readonly top: number;
  readonly left: number;
}

/** (dy, dx): how far the object is moved from the middle. */
export type Shift = readonly [number, number];

export interface View {
  /** [3, S, S], 0 to 255. */
  readonly pixels: Float32Array;
  readonly shift: Shift;
}

const FIXED_SHIFT = 0.6;
/** Signs of the shifts of the plain picture. */
const CORNERS: readonly Shift[] = [
  [1, 1],
  [-1, 1],
  [1, -1],
  [-1, -1],
];
/** Deviations of the blur, rows and columns. */
const BLURS: readonly (readonly [number, number])[] = [
  [3, 1],
  [1, 3],
  [2, 2],
];
/** Angles of the turned views, degrees. */
const TURNS = [10, -10, 45, -45] as const;
/** Range of the random shift as a share of S: at most half of it either way. */
const RANDOM_SHIFT = 1 / 3;

/**
 * @param large the crop of twice the side, [3, 2S, 2S]
 * @param size S
 */
export function* firstViews(large: Float32Array, size: number, random: Random): Generator<View> {
  const view = (change: (cut: Cut) => Float32Array, shift: Shift): View => ({
    pixels: change({ large, size, top: size / 2 - shift[0], left: size / 2 - shift[1] }),
    shift,
  });
  yield view(plain, [0, 0]);
  for (const [y, x] of CORNERS)
    yield view(plain, [Math.trunc((y * FIXED_SHIFT * size) / 2), Math.trunc((x * FIXED_SHIFT * size) / 2)]);
  const changes: readonly ((cut: Cut) => Float32Array)[] = [
    mirrored,
    ...BLURS.map(
      ([down, across]) =>
        (cut: Cut) =>
          blurred(cut, down, across),
    ),
    ...TURNS.map((degrees) => (cut: Cut) => turned(cut, (degrees * Math.PI) / 180)),
  ];
  // all are drawn before the first is made: the order of the draws is part of the rules
  const shifts = changes.map((): Shift => [randomShift(size, random), randomShift(size, random)]);
  for (const [i, change] of changes.entries()) yield view(change, shifts[i]!);
}

function randomShift(size: number, random: Random): number {
  return Math.trunc((random.uniform() - 0.5) * RANDOM_SHIFT * size);
}

function plain({ large, size, top, left }: Cut): Float32Array {
  const result = new Float32Array(3 * size * size);
  for (let row = 0; row < 3 * size; row++) {
    const from = (Math.floor(row / size) * 2 * size + top + (row % size)) * 2 * size + left;
    result.set(large.subarray(from, from + size), row * size);
  }
  return result;
}

/** Left is right in the large picture. */
function mirrored({ large, size, top, left }: Cut): Float32Array {
  const result = plain({ large, size, top, left: size - left });
  for (let row = 0; row < 3 * size; row++) result.subarray(row * size, (row + 1) * size).reverse();
  return result;
}

/** Gaussian. @param down, across deviations, pixels */
function blurred(cut: Cut, down: number, across: number): Float32Array {
  const { large, size, top, left } = cut;
  const [rows, columns] = [gaussian(down), gaussian(across)];
  const [above, before] = [(rows.length - 1) / 2, (columns.length - 1) / 2];
  const wide = size + 2 * before;
  const line = new Float64Array(wide);
  const result = new Float32Array(3 * size * size);
  for (let row = 0; row < 3 * size; row++) {
    const first = (Math.floor(row / size) * 2 * size + top + (row % size) - above) * 2 * size + left - before;
    line.fill(0);
    for (const [i, weight] of rows.entries()) {
      const from = first + i * 2 * size;
      for (let x = 0; x < wide; x++) line[x]! += weight * large[from + x]!;
    }
    for (let x = 0; x < size; x++) {
      let sum = 0;
      for (let i = 0; i < columns.length; i++) sum += columns[i]! * line[x + i]!;
      result[row * size + x] = sum;
    }
  }
  return result;
}

/** Sums to 1. */
function gaussian(sigma: number): Float64Array {
  const radius = Math.ceil(2 * sigma);
  const weights = Float64Array.from({ length: 2 * radius + 1 }, (_, i) =>
    Math.exp(-((i - radius) ** 2) / (2 * sigma * sigma)),
  );
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

/** About the middle of the large picture, bilinear, its border repeated. */
function turned({ large, size, top, left }: Cut, angle: number): Float32Array {
  const result = new Float32Array(3 * size * size);
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const side = 2 * size;
  const middle = (side - 1) / 2;
  const inside = (at: number): number => Math.min(side - 1, Math.max(0, at));
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const [dx, dy] = [left + x - middle, top + y - middle];
      const u = cos * dx - sin * dy + middle;
      const v = sin * dx + cos * dy + middle;
      const [column, row] = [Math.floor(u), Math.floor(v)];
      const [across, down] = [u - column, v - row];
      const [x0, x1, y0, y1] = [inside(column), inside(column + 1), inside(row) * side, inside(row + 1) * side];
      for (let c = 0, at = y * size + x, base = 0; c < 3; c++, at += size * size, base += side * side) {
        const above = large[base + y0 + x0]! * (1 - across) + large[base + y0 + x1]! * across;
        const below = large[base + y1 + x0]! * (1 - across) + large[base + y1 + x1]! * across;
        result[at] = above * (1 - down) + below * down;
      }
    }
  }
  return result;
}
