/** The first frame's pictures: thirteen views of the object that the filter learns from, and where the object is in each. */
import type { Random } from '../random.js';

/** A changed picture of side 2 S; views are the S x S about its middle. */
interface Large {
  /** [3, 2S, 2S] */
  readonly pixels: Float32Array;
  readonly side: number;
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
/** Degrees. */
const TURNS = [10, -10, 45, -45] as const;
/** Of S: others are moved by half of this at most. */
const RANDOM_SHIFT = 1 / 3;

/**
 * @param large the crop of twice the side, [3, 2S, 2S]
 * @param size S
 */
export function* firstViews(large: Float32Array, size: number, random: Random): Generator<View> {
  const plain: Large = { pixels: large, side: 2 * size };
  const cut = (picture: Large, shift: Shift): View => ({ pixels: cutView(picture, size, shift), shift });
  yield cut(plain, [0, 0]);
  for (const [y, x] of CORNERS)
    yield cut(plain, [Math.trunc((y * FIXED_SHIFT * size) / 2), Math.trunc((x * FIXED_SHIFT * size) / 2)]);
  const changes: readonly ((picture: Large) => Large)[] = [
    mirror,
    ...BLURS.map((sigmas) => (picture: Large) => blur(picture, ...sigmas)),
    ...TURNS.map((degrees) => (picture: Large) => turn(picture, (degrees * Math.PI) / 180)),
  ];
  // all are drawn before the first is made: the order of the draws is part of the rules
  const shifts = changes.map((): Shift => [randomShift(size, random), randomShift(size, random)]);
  for (const [i, change] of changes.entries()) yield cut(change(plain), shifts[i]!);
}

function randomShift(size: number, random: Random): number {
  return Math.trunc((random.uniform() - 0.5) * RANDOM_SHIFT * size);
}

/** Pixel i of the view is pixel i + S / 2 - d of the picture, the border repeated. */
function cutView({ pixels, side }: Large, size: number, [dy, dx]: Shift): Float32Array {
  const result = new Float32Array(3 * size * size);
  const inside = (at: number): number => Math.min(side - 1, Math.max(0, at));
  const columns = Int32Array.from({ length: size }, (_, x) => inside(x + size / 2 - dx));
  let at = 0;
  for (let c = 0; c < 3; c++) {
    for (let y = 0; y < size; y++) {
      const row = (c * side + inside(y + size / 2 - dy)) * side;
      for (let x = 0; x < size; x++) result[at++] = pixels[row + columns[x]!]!;
    }
  }
  return result;
}

function mirror({ pixels, side }: Large): Large {
  const result = new Float32Array(pixels.length);
  for (let row = 0; row < 3 * side; row++) {
    for (let x = 0; x < side; x++) result[row * side + x] = pixels[row * side + side - 1 - x]!;
  }
  return { pixels: result, side };
}

/** Gaussian, 0 outside. @param down, across deviations, pixels */
function blur({ pixels, side }: Large, down: number, across: number): Large {
  const columns = new Float32Array(pixels.length);
  const result = new Float32Array(pixels.length);
  const plane = side * side;
  for (let c = 0; c < 3; c++) {
    const from = c * plane;
    convolve(pixels, columns, from, side, gaussian(down), side, 1);
    convolve(columns, result, from, side, gaussian(across), 1, side);
  }
  return { pixels: result, side };
}

function gaussian(sigma: number): Float64Array {
  const radius = Math.ceil(2 * sigma);
  const weights = Float64Array.from({ length: 2 * radius + 1 }, (_, i) =>
    Math.exp(-((i - radius) ** 2) / (2 * sigma * sigma)),
  );
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

/** Along one axis of a plane: its neighbours are `along` numbers apart, its lines `between`. */
function convolve(
  source: Float32Array,
  target: Float32Array,
  from: number,
  side: number,
  weights: Float64Array,
  along: number,
  between: number,
): void {
  const radius = (weights.length - 1) / 2;
  for (let line = 0; line < side; line++) {
    const start = from + line * between;
    for (let i = 0; i < side; i++) {
      let sum = 0;
      const last = Math.min(side - 1, i + radius);
      for (let j = Math.max(0, i - radius); j <= last; j++)
        sum += weights[j - i + radius]! * source[start + j * along]!;
      target[start + i * along] = sum;
    }
  }
}

/** About the middle, bilinear, the border repeated. */
function turn({ pixels, side }: Large, angle: number): Large {
  const result = new Float32Array(pixels.length);
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const middle = (side - 1) / 2;
  const plane = side * side;
  const inside = (at: number): number => Math.min(side - 1, Math.max(0, at));
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const u = cos * (x - middle) - sin * (y - middle) + middle;
      const v = sin * (x - middle) + cos * (y - middle) + middle;
      const [left, top] = [Math.floor(u), Math.floor(v)];
      const [across, down] = [u - left, v - top];
      const [x0, x1, y0, y1] = [inside(left), inside(left + 1), inside(top) * side, inside(top + 1) * side];
      for (let c = 0, at = y * side + x, base = 0; c < 3; c++, at += plane, base += plane) {
        const above = pixels[base + y0 + x0]! * (1 - across) + pixels[base + y0 + x1]! * across;
        const below = pixels[base + y1 + x0]! * (1 - across) + pixels[base + y1 + x1]! * across;
        result[at] = above * (1 - down) + below * down;
      }
    }
  }
  return { pixels: result, side };
}
