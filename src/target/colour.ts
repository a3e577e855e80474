/**
 * A term of the posterior that needs no training: how much of the object's colours a box holds. Features tell what a thing is and where its
 * middle is; colours follow it when it bends (histograms of inside and outside: Bertinetto et al., CVPR 2016, Staple).
 *
 *   k(y) = log(exp(w (s(y) - a - b . y)) + DOUBT)
 *   s(y) = sum over the box's pixels of log p(colour | object) / p(colour | around it), over the area of the last box
 *
 * A box that people draw is not the one of the largest sum: a and b are the sum and its slope at the object's own boxes, so that only changes
 * count. And colours may mislead: however wrong they are, a box is DOUBT as likely as one of the right colours.
 */
import type { LogTerm } from '../ebm/posterior.js';
import { DIMENSIONS } from '../ebm/proposal.js';
import type { CropBox } from '../geometry.js';
import type { PixelFormat } from '../image/crop.js';
import { responseAt } from './response.js';

/** Which of the COLOURS each pixel of a coarse grid over the search crop has, [side, side]. */
export interface ColourGrid {
  readonly colours: Uint16Array;
  readonly side: number;
}

/** Colours of an object and of its surroundings. */
export interface ColourModel {
  /** Histograms of the first frame, which are kept, and of late frames, which fade. */
  readonly first: SeenColours;
  readonly late: SeenColours;
  /** log p(colour | object) / p(colour | around it) of the mean of both, [COLOURS]. */
  readonly ratios: Float32Array;
  /** The sum a and the slope b of the mean of both. */
  readonly own: OwnSum;
}

/** The sum at the object's box, and its slope by each of y. */
interface OwnSum {
  readonly height: number;
  readonly slope: readonly number[];
}

/** p(colour | object) and p(colour | around it), [COLOURS]. */
interface ColourShares {
  readonly inside: Float32Array;
  readonly outside: Float32Array;
}

/** Histograms of one frame, or the average of several. */
interface SeenColours extends ColourShares, OwnSum {}

/** One pixel of each STEP x STEP block of the crop is sampled, the middle one. */
const STEP = 4;
/** Levels of each channel. */
const LEVELS = 16;
const COLOURS = LEVELS ** 3;
/** Inside is what lies nearer to the box's centre than this, in sides of the box; outside what lies further than the second. */
const INSIDE = 0.4;
const OUTSIDE = 0.55;
/** Share of a colour never seen, and the most that one pixel says. */
const UNSEEN = 2e-4;
const MOST = 2;
/** Weight of the first frame, and of a new one among those of late. */
const KEEP = 0.5;
const RATE = 0.2;
/** The slope is that between boxes so much smaller or larger, and counts no further than the second; relative. */
const SLOPE_STEP = 0.1;
const SLOPE_REACH = 0.5;
/** Likelihood of a box of wrong colours, over that of a box of the object's own. */
const DOUBT = 0.2;
/** Cap of the exponent: a box may hold more of the object's colours than its own boxes do, but not outweigh all other terms. */
const HIGHEST = 3;

/** @param crop one search crop as the backbone takes it; @param size its side */
export function colourGrid(crop: Float32Array, size: number, format: PixelFormat): ColourGrid {
  const planar = format.layout === 'NCHW';
  const [pixel, channel] = planar ? [1, size * size] : [3, 1];
  const side = Math.floor(size / STEP);
  const colours = new Uint16Array(side * side);
  for (let c = 0; c < 3; c++) {
    const scale = LEVELS / 256 / format.scale[c]!;
    const shift = (LEVELS / 256) * format.mean[c]!;
    for (let row = 0, at = 0; row < side; row++) {
      let from = c * channel + pixel * (STEP * row + STEP / 2) * size + (pixel * STEP) / 2;
      for (let column = 0; column < side; column++, at++, from += pixel * STEP) {
        const level = Math.min(LEVELS - 1, Math.max(0, Math.floor(crop[from]! * scale + shift)));
        colours[at] = LEVELS * colours[at]! + level;
      }
    }
  }
  return { colours, side };
}

/** @param box the object's, crop pixels */
export function createColourModel(grid: ColourGrid, box: CropBox): ColourModel {
  const shares = sharesOf(grid, box);
  const first = { ...shares, ...ownSum(grid, ratiosOf(shares), box) };
  return joined(first, first);
}

/** The model after a frame in which the object was at `box`. */
export function learnColours({ first, late, ratios }: ColourModel, grid: ColourGrid, box: CropBox): ColourModel {
  const now = { ...sharesOf(grid, box), ...ownSum(grid, ratios, box) };
  return joined(first, blend(late, now, RATE));
}

/** k(y) as a term of the posterior. @param weight w */
export function colourTerm(
  { ratios, own: { height, slope } }: ColourModel,
  grid: ColourGrid,
  base: CropBox,
  weight: number,
): LogTerm {
  const sum = boxSum(grid, ratios, base);
  return (y, at) => {
    let value = sum(y, at) - height;
    for (let d = 0; d < DIMENSIONS; d++) {
      value -= slope[d]! * Math.min(SLOPE_REACH, Math.max(-SLOPE_REACH, y[at + d]!));
    }
    return Math.log(Math.exp(Math.min(HIGHEST, weight * value)) + DOUBT);
  };
}

function joined(first: SeenColours, late: SeenColours): ColourModel {
  const both = blend(late, first, KEEP);
  return { first, late, ratios: ratiosOf(both), own: both };
}

function blend(a: SeenColours, b: SeenColours, share: number): SeenColours {
  return {
    inside: a.inside.map((value, i) => value + share * (b.inside[i]! - value)),
    outside: a.outside.map((value, i) => value + share * (b.outside[i]! - value)),
    height: a.height + share * (b.height - a.height),
    slope: a.slope.map((value, d) => value + share * (b.slope[d]! - value)),
  };
}

function ratiosOf({ inside, outside }: ColourShares): Float32Array {
  return inside.map((value, i) => {
    const ratio = Math.log((value + UNSEEN) / (outside[i]! + UNSEEN));
    return Math.min(MOST, Math.max(-MOST, ratio));
  });
}

function sharesOf({ colours, side }: ColourGrid, { cx, cy, w, h }: CropBox): ColourShares {
  const inside = new Float32Array(COLOURS);
  const outside = new Float32Array(COLOURS);
  let [insides, outsides] = [0, 0];
  for (let row = 0, at = 0; row < side; row++) {
    const dy = Math.abs(STEP * (row + 0.5) - cy) / h;
    for (let column = 0; column < side; column++, at++) {
      const far = Math.max(dy, Math.abs(STEP * (column + 0.5) - cx) / w);
      if (far < INSIDE) {
        inside[colours[at]!]!++;
        insides++;
      } else if (far > OUTSIDE) {
        outside[colours[at]!]!++;
        outsides++;
      }
    }
  }
  const over = (counts: Float32Array, total: number) => counts.map((count) => count / Math.max(1, total));
  return { inside: over(inside, insides), outside: over(outside, outsides) };
}

/** The sum at the object's box, and its slope. */
function ownSum(grid: ColourGrid, ratios: Float32Array, box: CropBox): OwnSum {
  const sum = boxSum(grid, ratios, box);
  const slope = Array.from({ length: DIMENSIONS }, (_, d) => {
    const y = new Float32Array(DIMENSIONS);
    y[d] = SLOPE_STEP;
    const above = sum(y, 0);
    y[d] = -SLOPE_STEP;
    return (above - sum(y, 0)) / (2 * SLOPE_STEP);
  });
  return { height: sum(new Float32Array(DIMENSIONS), 0), slope };
}

/**
 * Sum of the ratios inside of a box y about `base`, over the area of `base`: by the integral image, bilinear between its points. Outside of the
 * crop there is nothing.
 * @returns a function of y at `at`
 */
function boxSum(grid: ColourGrid, ratios: Float32Array, base: CropBox) {
  const sums = { scores: integralImage(grid, ratios), axis: { cells: grid.side + 1, stride: STEP, offset: 0 } };
  const area = (base.w * base.h) / (STEP * STEP);
  return (y: Float32Array, at: number): number => {
    const [cx, cy] = [base.cx + y[at]! * base.w, base.cy + y[at + 1]! * base.h];
    const [w, h] = [base.w * Math.exp(y[at + 2]!), base.h * Math.exp(y[at + 3]!)];
    let total = 0;
    for (let right = -1; right <= 1; right += 2) {
      for (let lower = -1; lower <= 1; lower += 2) {
        total += ((right * lower) / area) * responseAt(sums, cx + (right * w) / 2, cy + (lower * h) / 2);
      }
    }
    return total;
  };
}

/** Sums of the ratios above and left of each corner of the grid's cells, [side + 1, side + 1]. */
function integralImage({ colours, side }: ColourGrid, ratios: Float32Array): Float32Array {
  const pitch = side + 1;
  const integral = new Float32Array(pitch * pitch);
  for (let row = 0, at = 0; row < side; row++) {
    let sum = 0;
    for (let column = 0, to = (row + 1) * pitch + 1; column < side; column++, at++, to++) {
      sum += ratios[colours[at]!]!;
      integral[to] = integral[to - pitch]! + sum;
    }
  }
  return integral;
}
