/** The search crop: a rectangle of the frame resampled to the network's input. */
import type { SearchRegion } from '../geometry.js';
import type { Frame } from './frame.js';

/** A rectangle of the frame (centre and size, frame pixels) and the side of the square it becomes. */
export interface CropWindow {
  readonly cx: number;
  readonly cy: number;
  readonly width: number;
  readonly height: number;
  readonly out: number;
}

/** How a backbone wants its pixels: value = (pixel - mean) * scale, channels in `colour` order. */
export interface PixelFormat {
  readonly layout: 'NCHW' | 'NHWC';
  readonly colour: 'RGB' | 'BGR';
  readonly mean: readonly number[];
  readonly scale: readonly number[];
}

type Image = Pick<Frame, 'data' | 'width' | 'height'>;

export function regionWindow(region: SearchRegion): CropWindow {
  return { cx: region.cx, cy: region.cy, width: region.side, height: region.side, out: region.out };
}

/** Destination of resampled pixels: channel c of pixel i becomes (value - mean[c]) * scale[c] at target[start[c] + step * i]. */
interface Sink {
  readonly target: Float32Array;
  readonly start: readonly number[];
  readonly step: number;
  readonly mean: readonly number[];
  readonly scale: readonly number[];
}

/**
 * Bilinear resampling in continuous coordinates (pixel i covers [i, i + 1)), the border replicated. A window larger than its
 * output is averaged over blocks of whole pixels first, so that small things do not alias away.
 * @returns RGB, [out, out, 3], 0..255
 */
export function resample(image: Image, window: CropWindow): Float32Array {
  const target = new Float32Array(window.out * window.out * 3);
  resampleTo(image, window, { target, start: [0, 1, 2], step: 3, mean: [0, 0, 0], scale: [1, 1, 1] });
  return target;
}

/** resample() and writeInput() in one pass. @param target [B, 3, out, out] or [B, out, out, 3] after format.layout; entry `index` is written */
export function resampleInput(
  image: Image,
  window: CropWindow,
  format: PixelFormat,
  target: Float32Array,
  index = 0,
): void {
  resampleTo(image, window, inputSink(format, target, index, window.out * window.out));
}

/** The sink that writes entry `index` of a batch. @param pixels of one entry */
function inputSink(format: PixelFormat, target: Float32Array, index: number, pixels: number): Sink {
  const planar = format.layout === 'NCHW';
  // of red, green, blue: which channel of the input each is
  const places = format.colour === 'RGB' ? [0, 1, 2] : [2, 1, 0];
  return {
    target,
    start: places.map((channel) => 3 * index * pixels + (planar ? channel * pixels : channel)),
    step: planar ? 1 : 3,
    mean: places.map((channel) => format.mean[channel]!),
    scale: places.map((channel) => format.scale[channel]!),
  };
}

function resampleTo(image: Image, window: CropWindow, sink: Sink): void {
  const { width, height, out } = window;
  // +0.3: shrink a little early. Below 1.7 pixels an output pixel, bilinear alone still sees every pixel.
  const block = Math.max(1, Math.floor(Math.min(width, height) / out + 0.3));
  if (block === 1) {
    bilinear(image.data, image.width, image.height, 0, 0, 1, window, sink);
    return;
  }
  const x0 = Math.floor(window.cx - width / 2) - block;
  const y0 = Math.floor(window.cy - height / 2) - block;
  const columns = Math.ceil((width + 2 * block + 2) / block);
  const rows = Math.ceil((height + 2 * block + 2) / block);
  const shrunk = averageBlocks(image, x0, y0, block, columns, rows);
  bilinear(shrunk, columns, rows, x0, y0, block, window, sink);
}

/** So many pixels of a block, spread over it, do for its mean. */
const ENOUGH_PIXELS = 8;
/** From row to row the pixels that are read move by this share of their distance: no pattern of the picture goes with them. */
const GOLDEN_SHARE = 0.382;

/** Reading pattern of a block: of each row every n-th pixel is read; all of small blocks, as on the black fields of a chessboard of blocks of 4. */
function readPattern(block: number): { every: number; shift: number } {
  const every = Math.min(block, Math.max(1, Math.floor((block * block) / ENOUGH_PIXELS)));
  return { every, shift: Math.round(GOLDEN_SHARE * every) };
}

/**
 * Means of block x block pixels from (x0, y0) on: [rows, columns, 3]. Pixels outside the image repeat its border: such rows and blocks are
 * read once and counted as often as they repeat, since a search region may lie outside for its larger part.
 */
function averageBlocks(
  { data, width, height }: Image,
  x0: number,
  y0: number,
  block: number,
  columns: number,
  rows: number,
): Float32Array {
  const result = new Float32Array(rows * columns * 3);
  // byte offset in a row of each source column, clamped once
  const offsets = new Int32Array(columns * block);
  for (let i = 0; i < offsets.length; i++) offsets[i] = 3 * Math.min(width - 1, Math.max(0, x0 + i));
  const clampRow = (y: number): number => Math.min(height - 1, Math.max(0, y));
  const pitch = 3 * columns;
  const { every, shift } = readPattern(block);
  let copied = -1; // source row that the whole last row of blocks repeated
  for (let row = 0; row < rows; row++) {
    const first = y0 + row * block;
    const top = clampRow(first);
    const outside = top === clampRow(first + block - 1);
    if (outside && top === copied) {
      result.copyWithin(row * pitch, (row - 1) * pitch, row * pitch);
      continue;
    }
    copied = outside ? top : -1;
    for (let dy = 0; dy < block;) {
      const y = clampRow(first + dy);
      let repeats = 1;
      while (dy + repeats < block && clampRow(first + dy + repeats) === y) repeats++;
      const start = (dy * shift) % every;
      addRow(data, 3 * width * y, offsets, block, start, every, repeats / block, result, row * pitch);
      dy += repeats;
    }
  }
  return result;
}

/** Adds one source row, means of its pixels block by block, times `weight`, to a row of the result. @param first of a block's pixels, which is read; @param every which others are */
function addRow(
  data: Uint8Array,
  start: number,
  offsets: Int32Array,
  block: number,
  first: number,
  every: number,
  weight: number,
  result: Float32Array,
  at: number,
): void {
  const norm = weight / Math.ceil((block - first) / every);
  for (let left = 0; left < offsets.length; left += block, at += 3) {
    const end = left + block;
    let r = 0;
    let g = 0;
    let b = 0;
    // a block outside the image is one pixel, repeated
    const outside = offsets[left] === offsets[end - 1];
    const scale = outside ? weight : norm;
    for (let i = left + first; i < end; i += outside ? block : every) {
      const from = start + offsets[i]!;
      r += data[from]!;
      g += data[from + 1]!;
      b += data[from + 2]!;
    }
    result[at]! += r * scale;
    result[at + 1]! += g * scale;
    result[at + 2]! += b * scale;
  }
}

/** Neighbours of each output pixel on one axis: byte offsets of the two, and the second one's weight. */
function taps(centre: number, size: number, out: number, origin: number, block: number, cells: number, pitch: number) {
  const low = new Int32Array(out);
  const high = new Int32Array(out);
  const weight = new Float32Array(out);
  for (let i = 0; i < out; i++) {
    const position = (centre + ((i + 0.5) / out - 0.5) * size - origin) / block - 0.5;
    const cell = Math.floor(position);
    weight[i] = position - cell;
    low[i] = pitch * Math.min(cells - 1, Math.max(0, cell));
    high[i] = pitch * Math.min(cells - 1, Math.max(0, cell + 1));
  }
  return { low, high, weight };
}

function bilinear(
  data: Uint8Array | Float32Array,
  columns: number,
  rows: number,
  x0: number,
  y0: number,
  block: number,
  window: CropWindow,
  { target, start, step, mean, scale }: Sink,
): void {
  const { out } = window;
  const [m0, m1, m2] = mean as [number, number, number];
  const [s0, s1, s2] = scale as [number, number, number];
  let [red, green, blue] = start as [number, number, number];
  const xs = taps(window.cx, window.width, out, x0, block, columns, 3);
  const ys = taps(window.cy, window.height, out, y0, block, rows, 3 * columns);
  for (let row = 0; row < out; row++) {
    const top = ys.low[row]!;
    const bottom = ys.high[row]!;
    const v = ys.weight[row]!;
    for (let column = 0; column < out; column++, red += step, green += step, blue += step) {
      const left = xs.low[column]!;
      const right = xs.high[column]!;
      const u = xs.weight[column]!;
      const w11 = u * v;
      const w01 = u - w11;
      const w10 = v - w11;
      const w00 = 1 - u - w10;
      const a = top + left;
      const b = top + right;
      const c = bottom + left;
      const d = bottom + right;
      target[red] = (data[a]! * w00 + data[b]! * w01 + data[c]! * w10 + data[d]! * w11 - m0) * s0;
      target[green] = (data[a + 1]! * w00 + data[b + 1]! * w01 + data[c + 1]! * w10 + data[d + 1]! * w11 - m1) * s1;
      target[blue] = (data[a + 2]! * w00 + data[b + 2]! * w01 + data[c + 2]! * w10 + data[d + 2]! * w11 - m2) * s2;
    }
  }
}

/**
 * Writes an RGB crop into a network input.
 * @param rgb [S, S, 3], 0..255
 * @param target the batch's data, [B, 3, S, S] or [B, S, S, 3] after format.layout; entry `index` is written
 */
export function writeInput(rgb: Float32Array, format: PixelFormat, target: Float32Array, index = 0): void {
  const { start, step, mean, scale } = inputSink(format, target, index, rgb.length / 3);
  for (let c = 0; c < 3; c++) {
    const middle = mean[c]!;
    const factor = scale[c]!;
    for (let i = c, at = start[c]!; i < rgb.length; i += 3, at += step) target[at] = (rgb[i]! - middle) * factor;
  }
}

/** Turns an RGB crop [size, size, 3] left to right, in place. */
export function mirror(rgb: Float32Array, size: number): void {
  for (let row = 0; row < size; row++) {
    for (let left = 0, right = size - 1; left < right; left++, right--) {
      for (let c = 0; c < 3; c++) {
        const a = 3 * (row * size + left) + c;
        const b = 3 * (row * size + right) + c;
        const value = rgb[a]!;
        rgb[a] = rgb[b]!;
        rgb[b] = value;
      }
    }
  }
}
