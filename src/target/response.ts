/** The target model's response as a term of the posterior over boxes. */
import type { LogTerm } from '../ebm/posterior.js';
import type { CropBox } from '../geometry.js';
import type { Response } from './classifier.js';

/** Bilinear response (or any other map) at a point of the crop; beyond the outer cells it stays as it is there. */
export function responseAt({ scores, axis }: Response, x: number, y: number): number {
  const { cells, stride, offset } = axis;
  const last = cells - 1;
  const u = Math.min(last, Math.max(0, (x - offset) / stride));
  const v = Math.min(last, Math.max(0, (y - offset) / stride));
  const column = Math.min(last - 1, Math.floor(u));
  const row = Math.min(last - 1, Math.floor(v));
  const s = u - column;
  const t = v - row;
  const at = row * cells + column;
  const a = scores[at]!;
  const b = scores[at + 1]!;
  const c = scores[at + cells]!;
  const d = scores[at + cells + 1]!;
  return (1 - t) * ((1 - s) * a + s * b) + t * ((1 - s) * c + s * d);
}

/** weight * response at the box's centre. */
export function responseTerm(response: Response, base: CropBox, weight: number): LogTerm {
  return (y, at) => weight * responseAt(response, base.cx + y[at]! * base.w, base.cy + y[at + 1]! * base.h);
}
