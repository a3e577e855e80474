/**
 * Crops of the frame as the published trackers take them: a square about a whole pixel, thinned by whole numbers and then resampled, so that the
 * pixels, and where the crop lies, are those that the networks were run on. Pairs are (row, column), as in the rules.
 */
import type { Frame } from '../image/frame.js';
import type { Rules } from './trackers.js';

export type Pair = readonly [row: number, column: number];

export interface Patch {
  /** [3, out, out], 0 to 255. */
  readonly pixels: Float32Array;
  /** First pixel of the frame, and the first one behind the crop. */
  readonly from: Pair;
  readonly to: Pair;
}

/** A region is shrunk to fit into the frame, by so much at most. */
const MOST_SHRINK = 1.5;
const LEAST_SIDE = 2;

/** Rounds halves to even, as the rules were run with. */
export function roundEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** Which pixels a crop is made of. */
interface Grid {
  /** Every so many pixels of the frame count, from this one on. */
  readonly step: number;
  readonly offset: Pair;
  /** First of these, and the first one behind. */
  readonly from: Pair;
  readonly to: Pair;
}

/**
 * @param centre frame pixels
 * @param size of the square, frame pixels
 * @param out side of the crop
 */
export function cropPatch(frame: Frame, centre: Pair, size: number, out: number, border: Rules['border']): Patch {
  const grid = layGrid(frame, centre, size, out, border);
  const { step, from, to } = grid;
  return {
    pixels: resample(frame, grid, out),
    from: [step * from[0], step * from[1]],
    to: [step * to[0], step * to[1]],
  };
}

function layGrid(frame: Frame, centre: Pair, wanted: number, out: number, border: Rules['border']): Grid {
  const inside = border === 'inside_major';
  const size = inside ? shrink(wanted, frame) : wanted;
  const step = Math.max(Math.trunc(Math.fround(size / out) - 0.1), 1);
  const pixel: Pair = [Math.trunc(centre[0]), Math.trunc(centre[1])];
  const offset: Pair = step > 1 ? [modulo(pixel[0], step), modulo(pixel[1], step)] : [0, 0];
  const side = Math.max(roundEven(Math.fround(size / step)), LEAST_SIDE);
  const axis = (index: 0 | 1, extent: number): [number, number] => {
    const at = Math.floor((pixel[index] - offset[index]) / step);
    const from = at - Math.floor((side - 1) / 2);
    const to = at + Math.floor(side / 2) + 1;
    return inside ? moveInside(from, to, Math.ceil((extent - offset[index]) / step)) : [from, to];
  };
  const [top, bottom] = axis(0, frame.height);
  const [left, right] = axis(1, frame.width);
  return { step, offset, from: [top, left], to: [bottom, right] };
}

/** In single precision, as the rules were run: a size that is cut to a whole number must not come out as 238.9999 for 239. */
function shrink(size: number, { width, height }: Frame): number {
  const ratio = Math.min(Math.fround(size / height), Math.fround(size / width));
  return Math.trunc(Math.fround(size / Math.min(MOST_SHRINK, Math.max(1, ratio))));
}

const modulo = (value: number, step: number): number => ((value % step) + step) % step;

/** Moves an interval into 0 to `limit`; one that is longer sticks out on both sides alike. */
function moveInside(from: number, to: number, limit: number): [number, number] {
  const shift = Math.max(-from, 0) - Math.max(to - limit, 0);
  const [start, end] = [from + shift, to + shift];
  const excess = Math.floor((Math.max(-start, 0) + Math.max(end - limit, 0)) / 2);
  if (excess === 0) return [start, end];
  const back = -start - excess;
  return [start + back, end + back];
}

/** For each pixel of the crop along an axis: the two pixels of the frame, the border repeated, and the share of the second. */
interface Taps {
  readonly low: Int32Array;
  readonly high: Int32Array;
  readonly share: Float64Array;
}

/** In single precision, as the rules were run. */
function layTaps(from: number, to: number, step: number, offset: number, extent: number, out: number): Taps {
  const count = to - from;
  const last = Math.ceil((extent - offset) / step) - 1;
  const pixel = (index: number): number => offset + step * Math.min(last, Math.max(0, from + index));
  const scale = Math.fround(count / out);
  const taps = { low: new Int32Array(out), high: new Int32Array(out), share: new Float64Array(out) };
  for (let i = 0; i < out; i++) {
    const source = Math.max(Math.fround(Math.fround(scale * (i + 0.5)) - 0.5), 0);
    const low = Math.floor(source);
    taps.low[i] = pixel(low);
    taps.high[i] = pixel(Math.min(low + 1, count - 1));
    taps.share[i] = source - low;
  }
  return taps;
}

function resample({ data, width, height }: Frame, { step, offset, from, to }: Grid, out: number): Float32Array {
  const rows = layTaps(from[0], to[0], step, offset[0], height, out);
  const columns = layTaps(from[1], to[1], step, offset[1], width, out);
  const plane = out * out;
  const pixels = new Float32Array(3 * plane);
  for (let y = 0; y < out; y++) {
    const top = 3 * width * rows.low[y]!;
    const bottom = 3 * width * rows.high[y]!;
    const down = rows.share[y]!;
    for (let x = 0; x < out; x++) {
      const left = 3 * columns.low[x]!;
      const right = 3 * columns.high[x]!;
      const across = columns.share[x]!;
      for (let c = 0, at = y * out + x; c < 3; c++, at += plane) {
        const above = data[top + left + c]! * (1 - across) + data[top + right + c]! * across;
        const below = data[bottom + left + c]! * (1 - across) + data[bottom + right + c]! * across;
        pixels[at] = above * (1 - down) + below * down;
      }
    }
  }
  return pixels;
}
