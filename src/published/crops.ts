/**
 * Crops of a frame, and boxes in them. Pairs are (row, column); places and sizes are kept in single precision, since sizes are cut to whole
 * numbers when crops are made.
 */
import type { FrameBox } from '../geometry.js';
import type { Frame } from '../image/frame.js';
import type { Box } from './memory.js';
import { cropPatch, roundEven, type Pair } from './patch.js';
import type { Rules } from './trackers.js';

/** A crop in which the object is looked for. */
export interface Search {
  /** [3, S, S] */
  readonly pixels: Float32Array;
  /** Centre of the crop, frame pixels. */
  readonly centre: Pair;
  /** Frame pixels a crop pixel. */
  readonly scale: number;
}

/** Position and size of an object: frame pixels, rows before columns. */
export interface Position {
  readonly place: Pair;
  readonly size: Pair;
  /** Frame pixels a crop pixel of the next search. */
  readonly scale: number;
}

export const pair = (row: number, column: number): Pair => [Math.fround(row), Math.fround(column)];

export function firstPosition({ x, y, w, h }: FrameBox, { area, size }: Pick<Rules, 'area' | 'size'>): Position {
  return {
    place: pair(y + (h - 1) / 2, x + (w - 1) / 2),
    size: pair(h, w),
    scale: Math.fround(Math.sqrt(w * h * area * area) / size),
  };
}

/** The first frame's picture, [3, 2S, 2S], and the object's box in its middle part of side S. */
export function firstPicture(frame: Frame, position: Position, size: number): { large: Float32Array; box: Box } {
  const { place, scale } = position;
  const centre: Pair = [roundEven(place[0]), roundEven(place[1])];
  const large = cropPatch(frame, centre, Math.fround(scale * 2 * size), 2 * size, 'replicate').pixels;
  return { large, box: boxIn({ centre, scale }, position, size) };
}

/** The crop about a place. */
export function cropSearch(
  frame: Frame,
  { place, scale }: Pick<Position, 'place' | 'scale'>,
  { size, border }: Pick<Rules, 'size' | 'border'>,
): Search {
  const { pixels, from, to } = cropPatch(frame, place, Math.fround(scale * size), size, border);
  return {
    pixels,
    centre: [(from[0] + to[0] - 1) / 2, (from[1] + to[1] - 1) / 2],
    scale: Math.fround(Math.sqrt(((to[0] - from[0]) / size) * ((to[1] - from[1]) / size))),
  };
}

/** The object's box in a crop: x, y, w, h in crop pixels. @param side S */
export function boxIn(
  { centre, scale }: Pick<Search, 'centre' | 'scale'>,
  { place, size }: Pick<Position, 'place' | 'size'>,
  side: number,
): Box {
  const along = (axis: 0 | 1): readonly [number, number] => {
    const extent = size[axis] / scale;
    return [(place[axis] - centre[axis]) / scale + (side - 1) / 2 - (extent - 1) / 2, extent];
  };
  const [[y, h], [x, w]] = [along(0), along(1)];
  return [x, y, w, h];
}
