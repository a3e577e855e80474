/**
 * Precise RoI pooling (Jiang et al., ECCV 2018, IoU-Net) as two matrix products: out_c = Y F_c X^T.
 *
 * A feature map is a continuous surface, F(u, v) = sum_ij F[i, j] hat(u - i) hat(v - j), zero one cell outside the grid. The mean of F
 * over a bin is separable: row p of X holds, for each cell j, the integral of hat(u - j) over bin p, divided by the bin's width.
 * X and Y depend on the boxes only and are made here; the engines multiply. They are C1 in the box, so gradients flow through them.
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

/** Pooling matrices of N boxes with P bins a side: [N, P, cells] each. */
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

/**
 * @param boxes [N, 4]: cx, cy, w, h in crop pixels
 * @param bins P
 */
export function poolingMatrices(boxes: Float32Array, bins: number, axis: MapAxis): PoolingMatrices {
  const count = boxes.length / 4;
  const x = new Float32Array(count * bins * axis.cells);
  const y = new Float32Array(count * bins * axis.cells);
  for (let n = 0; n < count; n++) {
    fillRows(x, n, boxes[4 * n]!, boxes[4 * n + 2]!, bins, axis);
    fillRows(y, n, boxes[4 * n + 1]!, boxes[4 * n + 3]!, bins, axis);
  }
  return { x, y };
}

/** The rows of one box on one axis. */
function fillRows(rows: Float32Array, n: number, centre: number, size: number, bins: number, axis: MapAxis): void {
  const { cells, stride, offset } = axis;
  const low = (centre - size / 2 - offset) / stride;
  const step = size / bins / stride;
  const norm = (bins * stride) / Math.max(size, MIN_SIDE);
  for (let p = 0; p < bins; p++) {
    const from = low + p * step;
    const to = from + step;
    const first = Math.max(0, Math.floor(from));
    const last = Math.min(cells - 1, Math.ceil(to));
    const base = (n * bins + p) * cells;
    for (let i = first; i <= last; i++) rows[base + i] = (hatIntegral(to - i) - hatIntegral(from - i)) * norm;
  }
}

/**
 * Chain rule through the matrices: from d/dX and d/dY (as poolingMatrices lays them out) to the boxes.
 * d X[p, i] / d(bin end) = hat(end - i) / width; the ends move with the centre by 1 and with the size by their share of it.
 * @returns [N, 4]: d / d(cx, cy, w, h), per crop pixel
 */
export function poolingGradient(
  boxes: Float32Array,
  bins: number,
  axis: MapAxis,
  gradient: PoolingMatrices,
): Float32Array {
  const count = boxes.length / 4;
  const result = new Float32Array(boxes.length);
  for (let n = 0; n < count; n++) {
    for (let side = 0; side < 2; side++) {
      const rows = side === 0 ? gradient.x : gradient.y;
      const [position, size] = rowsGradient(rows, n, boxes[4 * n + side]!, boxes[4 * n + 2 + side]!, bins, axis);
      result[4 * n + side] = position;
      result[4 * n + 2 + side] = size;
    }
  }
  return result;
}

function rowsGradient(
  gradient: Float32Array,
  n: number,
  centre: number,
  size: number,
  bins: number,
  axis: MapAxis,
): [number, number] {
  const { cells, stride, offset } = axis;
  const low = (centre - size / 2 - offset) / stride;
  const step = size / bins / stride;
  const norm = (bins * stride) / Math.max(size, MIN_SIDE);
  let dCentre = 0;
  let dSize = 0;
  for (let p = 0; p < bins; p++) {
    const from = low + p * step;
    const to = from + step;
    const first = Math.max(0, Math.floor(from));
    const last = Math.min(cells - 1, Math.ceil(to));
    const base = (n * bins + p) * cells;
    for (let i = first; i <= last; i++) {
      const g = gradient[base + i]!;
      const atTo = Math.max(0, 1 - Math.abs(to - i)) * (norm / stride);
      const atFrom = Math.max(0, 1 - Math.abs(from - i)) * (norm / stride);
      dCentre += g * (atTo - atFrom);
      dSize += g * (atTo * ((p + 1) / bins - 0.5) - atFrom * (p / bins - 0.5));
      if (size > MIN_SIDE) dSize -= (g * (hatIntegral(to - i) - hatIntegral(from - i)) * norm) / size;
    }
  }
  return [dCentre, dSize];
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
