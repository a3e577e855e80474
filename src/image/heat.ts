/** Maps of numbers as colours: for looking. */
import type { Colour } from './draw.js';

const STOPS: readonly Colour[] = [
  [24, 32, 160],
  [0, 168, 208],
  [96, 208, 64],
  [255, 200, 0],
  [255, 40, 24],
];

/** From dark blue (0 or less) over green to red (1 or more). */
export function heatColour(value: number): Colour {
  const at = Math.min(1, Math.max(0, value)) * (STOPS.length - 1);
  const from = Math.min(STOPS.length - 2, Math.floor(at));
  const mix = (channel: 0 | 1 | 2): number =>
    Math.round(STOPS[from]![channel] + (at - from) * (STOPS[from + 1]![channel] - STOPS[from]![channel]));
  return [mix(0), mix(1), mix(2)];
}

/** A square map of numbers, [cells, cells] row by row; the centre of cell i lies at stride i + offset of the picture. */
export interface HeatMap {
  readonly values: ArrayLike<number>;
  readonly cells: number;
  readonly stride: number;
  readonly offset: number;
}

/** How much of the picture the hottest places hide; cold ones hide nothing. */
const OPACITY = 0.75;

/** Lays a map over a square picture (RGB, size x size), in place: `top` and more is hottest, 0 and less leaves the picture as it is. */
export function overlayHeat(rgb: Uint8Array, size: number, map: HeatMap, top: number): void {
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const value = bilinear(map, x + 0.5, y + 0.5) / top;
      if (!(value > 0)) continue;
      const alpha = OPACITY * Math.min(1, value);
      const colour = heatColour(value);
      const at = 3 * (y * size + x);
      for (let c = 0; c < 3; c++) rgb[at + c] = (1 - alpha) * rgb[at + c]! + alpha * colour[c]!;
    }
  }
}

/** Beyond the outer cells it stays as it is there. */
function bilinear({ values, cells, stride, offset }: HeatMap, x: number, y: number): number {
  const inside = (value: number): number => Math.min(cells - 1, Math.max(0, (value - offset) / stride));
  const [u, v] = [inside(x), inside(y)];
  const column = Math.min(cells - 2, Math.floor(u));
  const row = Math.min(cells - 2, Math.floor(v));
  const [s, t] = [u - column, v - row];
  const at = (dx: number, dy: number): number => values[(row + dy) * cells + column + dx]!;
  return (1 - t) * ((1 - s) * at(0, 0) + s * at(1, 0)) + t * ((1 - s) * at(0, 1) + s * at(1, 1));
}
