/**
 * Boxes in their three spaces. Each space is its own type, so that mixing them does not compile.
 *
 * - FrameBox: what people see. Float pixels of the upright frame, top-left origin, continuous: pixel i covers [i, i + 1).
 * - CropBox: centre and size in pixels of the search crop, continuous in the same way.
 * - RelBox: y = ((cx - cx0) / w0, (cy - cy0) / h0, log w / w0, log h / h0) about a base CropBox: the space of the energy.
 */
import { TrackerError } from './errors.js';

/** A box as people see it: pixels of the upright frame, pixel i covers [i, i + 1). */
export interface FrameBox {
  /** Left edge. */
  readonly x: number;
  /** Top edge. */
  readonly y: number;
  /** Width. */
  readonly w: number;
  /** Height. */
  readonly h: number;
}

/** A box in pixels of the search crop. */
export interface CropBox {
  /** Tells it from a FrameBox. */
  readonly space: 'crop';
  /** Centre, from the left. */
  readonly cx: number;
  /** Centre, from the top. */
  readonly cy: number;
  /** Width. */
  readonly w: number;
  /** Height. */
  readonly h: number;
}

/** Relative box: [dx / w0, dy / h0, log w / w0, log h / h0]. */
export type RelBox = readonly [number, number, number, number];

/** Size of a picture. */
export interface Size {
  /** Pixels. */
  readonly width: number;
  /** Pixels. */
  readonly height: number;
}

/** The square of the frame that is resampled to the network's input. */
export interface SearchRegion {
  /** Centre, frame pixels from the left. */
  readonly cx: number;
  /** Centre, frame pixels from the top. */
  readonly cy: number;
  /** Side, frame pixels. */
  readonly side: number;
  /** Side of the resampled crop, crop pixels. */
  readonly out: number;
}

export function cropBox(cx: number, cy: number, w: number, h: number): CropBox {
  return { space: 'crop', cx, cy, w, h };
}

export function frameToCrop(box: FrameBox, region: SearchRegion): CropBox {
  const scale = region.out / region.side;
  return cropBox(
    (box.x + box.w / 2 - region.cx) * scale + region.out / 2,
    (box.y + box.h / 2 - region.cy) * scale + region.out / 2,
    box.w * scale,
    box.h * scale,
  );
}

export function cropToFrame(box: CropBox, region: SearchRegion): FrameBox {
  const scale = region.side / region.out;
  const w = box.w * scale;
  const h = box.h * scale;
  const cx = (box.cx - region.out / 2) * scale + region.cx;
  const cy = (box.cy - region.out / 2) * scale + region.cy;
  return { x: cx - w / 2, y: cy - h / 2, w, h };
}

export function toRelative(box: CropBox, base: CropBox): RelBox {
  return [(box.cx - base.cx) / base.w, (box.cy - base.cy) / base.h, Math.log(box.w / base.w), Math.log(box.h / base.h)];
}

export function fromRelative(y: RelBox, base: CropBox): CropBox {
  return cropBox(base.cx + y[0] * base.w, base.cy + y[1] * base.h, base.w * Math.exp(y[2]), base.h * Math.exp(y[3]));
}

/** The search region about a box: a square of side factor * sqrt(w h). */
export function searchRegion(box: FrameBox, factor: number, out: number): SearchRegion {
  return { cx: box.x + box.w / 2, cy: box.y + box.h / 2, side: factor * Math.sqrt(box.w * box.h), out };
}

/**
 * Overlap of two boxes, 0 to 1; 0 where they do not meet.
 * @example
 * ```ts
 * intersectionOverUnion({ x: 0, y: 0, w: 2, h: 2 }, { x: 1, y: 0, w: 2, h: 2 }); // 0.333
 * ```
 */
export function intersectionOverUnion(a: FrameBox, b: FrameBox): number {
  const w = Math.min(a.x + a.w, b.x + b.w) - Math.max(a.x, b.x);
  const h = Math.min(a.y + a.h, b.y + b.h) - Math.max(a.y, b.y);
  if (!(w > 0 && h > 0)) return 0;
  return (w * h) / (a.w * a.h + b.w * b.h - w * h);
}

/** Smallest side of a first box after clipping, pixels: below it there is nothing to look at. */
const MIN_FIRST_SIDE = 1;

/**
 * Accepts a first box that means something, clipped to the frame; refuses the others.
 * @throws TrackerError BOX_INVALID naming the value: not finite, size not positive, outside the frame.
 */
export function checkFirstBox(box: FrameBox, frame: Size): FrameBox {
  const text = `${box.x},${box.y},${box.w},${box.h}`;
  const hint = 'give the box as x,y,w,h in pixels of the upright frame: left, top, width, height';
  const refuse = (why: string): never => {
    throw new TrackerError('BOX_INVALID', `first box ${text}: ${why}`, { hint });
  };
  for (const key of ['x', 'y', 'w', 'h'] as const) {
    if (!Number.isFinite(box[key])) refuse(`${key} is ${box[key]}, expected a finite number`);
  }
  if (box.w <= 0) refuse(`width is ${box.w}, expected more than 0`);
  if (box.h <= 0) refuse(`height is ${box.h}, expected more than 0`);
  const x0 = Math.max(0, box.x);
  const y0 = Math.max(0, box.y);
  const x1 = Math.min(frame.width, box.x + box.w);
  const y1 = Math.min(frame.height, box.y + box.h);
  if (x1 - x0 < MIN_FIRST_SIDE || y1 - y0 < MIN_FIRST_SIDE) {
    refuse(
      `less than ${MIN_FIRST_SIDE} px of it lies inside the frame of ${frame.width} x ${frame.height}, expected a visible object`,
    );
  }
  return { x: x0, y: y0, w: x1 - x0, h: y1 - y0 };
}

/**
 * A box given as text, "x,y,w,h".
 * @throws TrackerError BOX_INVALID
 * @example
 * ```ts
 * parseBox('195,24,351,243'); // { x: 195, y: 24, w: 351, h: 243 }
 * ```
 */
export function parseBox(text: string): FrameBox {
  const parts = text.split(',').map((part) => part.trim());
  const [x, y, w, h] = parts.map((part) => (part === '' ? Number.NaN : Number(part)));
  const valid = parts.length === 4 && [x, y, w, h].every((value) => value !== undefined && !Number.isNaN(value));
  if (!valid) {
    throw new TrackerError(
      'BOX_INVALID',
      `box "${text}": found ${parts.length} part(s), expected four numbers x,y,w,h`,
      {
        hint: 'for example --box 120,80,64,48 (left, top, width, height in pixels)',
      },
    );
  }
  return { x: x!, y: y!, w: w!, h: h! };
}
