/**
 * Precise RoI pooling (Jiang et al., ECCV 2018, IoU-Net) as two matrix products: out_c = Y F_c X^T.
 *
 * A feature map is a continuous surface, F(u, v) = sum_ij F[i, j] hat(u - i) hat(v - j), zero one cell outside the grid. The mean of F
 * over a bin is separable: row p of X holds, for each cell j, the integral of hat(u - j) over bin p, divided by the bin's width.
 * X and Y depend on the boxes only and are made here; the engines multiply. They are C1 in the box, and with them the energy:
 * boxes can ascend it.
 */

/** One axis of a feature map: cell i looks at crop pixel stride * i + offset. */
export interface MapAxis {
  /** Cells a side. */
  readonly cells: number;
  /** Crop pixels from one cell to the next. */
  readonly stride: number;
  /** Crop pixel that the first cell looks at. */
  readonly offset: number;
}

/** A part of an axis. */
export interface CellRange {
  readonly first: number;
  readonly count: number;
}

/** The part of a map that some boxes touch. */
export interface PoolingWindow {
  readonly x: CellRange;
  readonly y: CellRange;
}

/** Pooling matrices of N boxes with P bins a side: [N, P, cells] each, of the cells of the window. */
export interface PoolingMatrices {
  readonly x: Float32Array;
  readonly y: Float32Array;
}

/** Bins narrower than this many crop pixels a box are divided by it: an empty box pools to zero instead of NaN. */
const MIN_SIDE = 1;

/** Integral of max(0, 1 - |s|) from -infinity to t. */
function hatIntegral(t: number): number {
  if (t <= -1) return 0;
  if (t >= 1) return 1;
  return t < 0 ? 0.5 * (1 + t) * (1 + t) : 1 - 0.5 * (1 - t) * (1 - t);
}

const wholeMap = ({ cells }: MapAxis): PoolingWindow => {
  const all = { first: 0, count: cells };
  return { x: all, y: all };
};

/** The least window that holds all cells with a weight for one of the boxes. */
export function touchedWindow(boxes: Float32Array, axis: MapAxis): PoolingWindow {
  return { x: touchedCells(boxes, 0, axis), y: touchedCells(boxes, 1, axis) };
}

function touchedCells(boxes: Float32Array, side: number, { cells, stride, offset }: MapAxis): CellRange {
  let low = Infinity;
  let high = -Infinity;
  for (let at = side; at < boxes.length; at += 4) {
    low = Math.min(low, boxes[at]! - boxes[at + 2]! / 2);
    high = Math.max(high, boxes[at]! + boxes[at + 2]! / 2);
  }
  if (!(low <= high)) return { first: 0, count: cells }; // boxes of NaN
  // one cell more than touched: boxes are rounded
  const inside = (cell: number): number => Math.min(cells - 1, Math.max(0, cell));
  const first = inside(Math.floor((low - offset) / stride) - 1);
  return { first, count: inside(Math.ceil((high - offset) / stride) + 1) - first + 1 };
}

/**
 * @param boxes [N, 4]: cx, cy, w, h in crop pixels
 * @param bins P
 * @param window left out: the whole map
 */
export function poolingMatrices(
  boxes: Float32Array,
  bins: number,
  axis: MapAxis,
  window = wholeMap(axis),
): PoolingMatrices {
  const count = boxes.length / 4;
  const x = new Float32Array(count * bins * window.x.count);
  const y = new Float32Array(count * bins * window.y.count);
  for (let n = 0; n < count; n++) {
    fillRows(x, n, boxes[4 * n]!, boxes[4 * n + 2]!, bins, axis, window.x);
    fillRows(y, n, boxes[4 * n + 1]!, boxes[4 * n + 3]!, bins, axis, window.y);
  }
  return { x, y };
}

/** The rows of one box on one axis. Cell i of bin p stands at (n * bins + p) * range.count + i - range.first. */
function fillRows(
  rows: Float32Array,
  n: number,
  centre: number,
  size: number,
  bins: number,
  { cells, stride, offset }: MapAxis,
  range: CellRange,
): void {
  const step = size / bins / stride;
  const norm = normOf(size, bins, stride);
  let from = (centre - size / 2 - offset) / stride;
  for (let p = 0; p < bins; p++) {
    const to = from + step;
    const base = (n * bins + p) * range.count - range.first;
    const last = Math.min(cells - 1, Math.ceil(to));
    for (let i = Math.max(0, Math.floor(from)); i <= last; i++)
      rows[base + i] = (hatIntegral(to - i) - hatIntegral(from - i)) * norm;
    from = to;
  }
}

/** Factor of the integral over a bin, in cells, that makes it the bin's mean. */
const normOf = (size: number, bins: number, stride: number): number => (bins * stride) / Math.max(size, MIN_SIDE);

/** The window of a map [H, W, C]. */
export function cutWindow(
  map: Float32Array,
  channels: number,
  { cells }: MapAxis,
  { x, y }: PoolingWindow,
): Float32Array {
  const result = new Float32Array(y.count * x.count * channels);
  for (let row = 0; row < y.count; row++) {
    const from = ((y.first + row) * cells + x.first) * channels;
    result.set(map.subarray(from, from + x.count * channels), row * x.count * channels);
  }
  return result;
}

/**
 * Pools one box of one map, in plain loops: for the template, once a track.
 * @param map [H, W, C]
 * @param box cx, cy, w, h in crop pixels
 * @returns [bins, bins, C], row by row
 */
export function roiPool(
  map: Float32Array,
  channels: number,
  box: Float32Array,
  bins: number,
  axis: MapAxis,
): Float32Array {
  const { x, y } = poolingMatrices(box, bins, axis);
  const { cells } = axis;
  const result = new Float32Array(bins * bins * channels);
  for (let row = 0; row < cells; row++) {
    for (let column = 0; column < cells; column++) {
      const cell = (row * cells + column) * channels;
      for (let p = 0; p < bins; p++) {
        for (let q = 0; q < bins; q++) {
          const weight = y[p * cells + row]! * x[q * cells + column]!;
          if (weight === 0) continue;
          const bin = (p * bins + q) * channels;
          for (let c = 0; c < channels; c++) result[bin + c]! += weight * map[cell + c]!;
        }
      }
    }
  }
  return result;
}
