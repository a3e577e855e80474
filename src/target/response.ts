/** The target model's response as a term of the posterior over boxes. */
import type { LogTerm } from '../ebm/posterior.js';
import type { CropBox } from '../geometry.js';
import type { Response } from './classifier.js';

/** Bilinear response (or any other map) at a point of the crop, and its slope per crop pixel; beyond the outer cells it stays as it is there. */
export function responseAt(
  { scores, axis }: Response,
  x: number,
  y: number,
): { value: number; dx: number; dy: number } {
  const { cells, stride, offset } = axis;
  const last = cells - 1;
  const u = (x - offset) / stride;
  const v = (y - offset) / stride;
  const cu = Math.min(last, Math.max(0, u));
  const cv = Math.min(last, Math.max(0, v));
  const column = Math.min(last - 1, Math.floor(cu));
  const row = Math.min(last - 1, Math.floor(cv));
  const s = cu - column;
  const t = cv - row;
  const at = row * cells + column;
  const a = scores[at]!;
  const b = scores[at + 1]!;
  const c = scores[at + cells]!;
  const d = scores[at + cells + 1]!;
  return {
    value: (1 - t) * ((1 - s) * a + s * b) + t * ((1 - s) * c + s * d),
    dx: u === cu ? ((1 - t) * (b - a) + t * (d - c)) / stride : 0,
    dy: v === cv ? ((1 - s) * (c - a) + s * (d - b)) / stride : 0,
  };
}

/** weight * response at the box's centre. */
export function responseTerm(response: Response, base: CropBox, weight: number): LogTerm {
  return (y, at, gradient) => {
    const { value, dx, dy } = responseAt(response, base.cx + y[at]! * base.w, base.cy + y[at + 1]! * base.h);
    if (gradient) {
      gradient[at]! += weight * dx * base.w;
      gradient[at + 1]! += weight * dy * base.h;
    }
    return weight * value;
  };
}
