/** Pictures cut out, scaled and laid over others. */
import sharp from 'sharp';
import type { FrameBox, Size } from '../../src/geometry.js';
import type { Frame } from '../../src/image/frame.js';
import { intersection } from './case.js';

/** RGB, [height, width, 3]. */
export type Picture = Pick<Frame, 'data' | 'width' | 'height'>;

/** A part of a picture; what lies outside repeats the border. @param box whole pixels */
export function cutOut({ data, width, height }: Picture, { x, y, w, h }: FrameBox): Picture {
  const part = new Uint8Array(3 * w * h);
  const inside = (value: number, size: number): number => Math.min(size - 1, Math.max(0, value));
  for (let row = 0; row < h; row++) {
    const from = width * inside(y + row, height);
    for (let column = 0; column < w; column++) {
      const at = 3 * (from + inside(x + column, width));
      part.set(data.subarray(at, at + 3), 3 * (row * w + column));
    }
  }
  return { data: part, width: w, height: h };
}

/** The whole picture in another size; where the shape differs, its middle. */
export async function fit({ data, width, height }: Picture, size: Size): Promise<Picture> {
  const scaled = await sharp(data, { raw: { width, height, channels: 3 } })
    .resize(size.width, size.height, { fit: 'cover' })
    .raw()
    .toBuffer();
  return { data: new Uint8Array(scaled), width: size.width, height: size.height };
}

/** How much of a patch is laid over what is under it: 0 to 1, from -1 to 1 in both directions. */
export type Mask = (u: number, v: number) => number;

/**
 * An oval that nearly fills the box, soft at its edge: what stands in a box seldom reaches its corners.
 * (A superellipse: rounder than a box, fuller than an ellipse.)
 */
export const softOval: Mask = (u, v) => {
  const radius = (Math.abs(u) ** 2.6 + Math.abs(v) ** 2.6) ** (1 / 2.6);
  return smooth((1.06 - radius) / 0.22);
};

/** The whole box, its outermost pixels blended. @param edge in pixels */
export function softBox({ width, height }: Size, edge = 1.5): Mask {
  return (u, v) => Math.min(1, ((1 - Math.abs(u)) * width) / 2 / edge, ((1 - Math.abs(v)) * height) / 2 / edge);
}

function smooth(t: number): number {
  const x = Math.min(1, Math.max(0, t));
  return x * x * (3 - 2 * x);
}

/** The patch with its background (what the mask hides) in the mean colour of the picture around it, half the way: two videos seldom share a light. */
export function matchLight(picture: Picture, patch: Picture, x: number, y: number, mask: Mask): Picture {
  const under = cutOut(picture, { x, y, w: patch.width, h: patch.height });
  const [own, wanted] = [hiddenMean(patch, mask), hiddenMean(under, mask)];
  const data = Uint8ClampedArray.from(patch.data, (value, i) => value + (wanted[i % 3]! - own[i % 3]!) / 2);
  return { ...patch, data: new Uint8Array(data.buffer) };
}

/** Mean colour where the mask is below one half. */
function hiddenMean({ data, width, height }: Picture, mask: Mask): number[] {
  const sums = [0, 0, 0];
  let count = 0;
  for (let i = 0; i < width * height; i++) {
    if (mask((2 * ((i % width) + 0.5)) / width - 1, (2 * (Math.floor(i / width) + 0.5)) / height - 1) >= 0.5) continue;
    for (let c = 0; c < 3; c++) sums[c]! += data[3 * i + c]!;
    count++;
  }
  return sums.map((sum) => sum / Math.max(1, count));
}

/** Lays a patch over a picture, in place, with its top left corner at x, y (whole pixels). */
export function paste(picture: Picture, patch: Picture, x: number, y: number, mask: Mask): void {
  const place = { x, y, w: patch.width, h: patch.height };
  const seen = intersection(place, { x: 0, y: 0, w: picture.width, h: picture.height });
  for (let row = seen.y; row < seen.y + seen.h; row++) {
    const v = (2 * (row - y + 0.5)) / patch.height - 1;
    for (let column = seen.x; column < seen.x + seen.w; column++) {
      const alpha = mask((2 * (column - x + 0.5)) / patch.width - 1, v);
      const to = 3 * (row * picture.width + column);
      const from = 3 * ((row - y) * patch.width + column - x);
      for (let c = 0; c < 3; c++)
        picture.data[to + c] = Math.round(picture.data[to + c]! * (1 - alpha) + patch.data[from + c]! * alpha);
    }
  }
}
