/**
 * Overlap of quadrilaterals, exact: each is two triangles without common area, so that any order of the corners has an area (even-odd rule),
 * concave and self-crossing ones too. Coordinates are pixels of the frame, continuous; no pixels are counted.
 */
import type { Size } from '../geometry.js';

/** Corners x1, y1, x2, y2 ... in order around a convex region; fewer than three corners have no area. */
type Convex = readonly number[];

/** Four numbers are a box x, y, w, h; eight are the corners of a quadrilateral in order around it. */
export type Region = ArrayLike<number>;

/**
 * Intersection over union of two regions, 0 to 1.
 * @param bounds both regions are clipped to the image first, where its size is given
 * @returns 0 where a coordinate is not finite or neither has area: never NaN
 */
export function polygonOverlap(a: Region, b: Region, bounds?: Size): number {
  if (a.length === 4 && b.length === 4) return boxOverlap(a, b, bounds);
  const [as, bs] = [partsOf(a, bounds), partsOf(b, bounds)];
  let intersection = 0;
  for (const one of as) for (const other of bs) intersection += convexArea(clipConvex(one, other));
  const union = sumOfAreas(as) + sumOfAreas(bs) - intersection;
  return union > 0 ? Math.min(1, Math.max(0, intersection / union)) : 0;
}

/** The same of two boxes, without the detour over triangles. */
function boxOverlap(a: Region, b: Region, bounds: Size | undefined): number {
  const [width, height] = [bounds?.width ?? Infinity, bounds?.height ?? Infinity];
  const [x0, y0] = bounds ? [0, 0] : [-Infinity, -Infinity];
  const [al, at] = [Math.max(x0, a[0]!), Math.max(y0, a[1]!)];
  const [ar, ab] = [Math.min(width, a[0]! + a[2]!), Math.min(height, a[1]! + a[3]!)];
  const [bl, bt] = [Math.max(x0, b[0]!), Math.max(y0, b[1]!)];
  const [br, bb] = [Math.min(width, b[0]! + b[2]!), Math.min(height, b[1]! + b[3]!)];
  const w = Math.min(ar, br) - Math.max(al, bl);
  const h = Math.min(ab, bb) - Math.max(at, bt);
  if (!(w > 0 && h > 0)) return 0; // a box turned inside out ends before it begins
  return Math.min(1, (w * h) / ((ar - al) * (ab - at) + (br - bl) * (bb - bt) - w * h));
}

/** Area of a region in square pixels, after clipping to `bounds`. */
export function polygonArea(region: Region, bounds?: Size): number {
  return sumOfAreas(partsOf(region, bounds));
}

/** Corners of a box x, y, w, h: left top, right top, right bottom, left bottom. */
export function boxCorners(box: Region): number[] {
  const [x, y, w, h] = [box[0]!, box[1]!, box[2]!, box[3]!];
  return [x, y, x + w, y, x + w, y + h, x, y + h];
}

/** The axis-aligned box x, y, w, h about the corners of a region. */
export function hullBox(region: Region): [number, number, number, number] {
  if (region.length === 4) return [region[0]!, region[1]!, region[2]!, region[3]!];
  const xs = Array.from({ length: region.length / 2 }, (_, i) => region[2 * i]!);
  const ys = Array.from({ length: region.length / 2 }, (_, i) => region[2 * i + 1]!);
  const [x, y] = [Math.min(...xs), Math.min(...ys)];
  return [x, y, Math.max(...xs) - x, Math.max(...ys) - y];
}

/** Convex parts of a region that share no area. */
function partsOf(region: Region, bounds: Size | undefined): Convex[] {
  const all = region.length === 4 ? boxParts(region) : triangles(Array.from(region));
  const own = all.filter((part) => convexArea(part) > 0); // a flat one would cut nothing away as a window
  if (!bounds) return own;
  const image = boxCorners([0, 0, bounds.width, bounds.height]);
  return own.map((part) => clipConvex(part, image)).filter((part) => convexArea(part) > 0);
}

/** A box whose sides are not positive has no area, whatever its corners say. */
function boxParts(box: Region): Convex[] {
  const finite = Number.isFinite(box[0]! + box[1]! + box[2]! + box[3]!);
  return finite && box[2]! > 0 && box[3]! > 0 ? [boxCorners(box)] : [];
}

/** Two triangles of a quadrilateral: along the diagonal that lies inside, or about the point where two sides cross. */
function triangles(q: readonly number[]): Convex[] {
  if (!q.every(Number.isFinite)) return [];
  const corner = (i: number): readonly [number, number] => [q[2 * i]!, q[2 * i + 1]!];
  const [a, b, c, d] = [corner(0), corner(1), corner(2), corner(3)];
  const triangle = (...points: readonly (readonly [number, number])[]): number[] => points.flat();
  for (const [one, other] of [
    [triangle(a, b, c), triangle(a, c, d)],
    [triangle(b, c, d), triangle(b, d, a)],
  ] as const) {
    // turning the same way, they lie on the two sides of their diagonal
    if (signedArea(one) * signedArea(other) >= 0) return [oriented(one), oriented(other)];
  }
  const first = crossing(a, b, c, d);
  if (first) return [oriented(triangle(first, b, c)), oriented(triangle(first, d, a))];
  const second = crossing(b, c, d, a);
  return second ? [oriented(triangle(second, c, d)), oriented(triangle(second, a, b))] : [];
}

/** Intersection of the segments a-b and c-d; undefined where they do not meet. */
function crossing(
  [ax, ay]: readonly [number, number],
  [bx, by]: readonly [number, number],
  [cx, cy]: readonly [number, number],
  [dx, dy]: readonly [number, number],
): readonly [number, number] | undefined {
  const slope = (bx - ax) * (dy - cy) - (by - ay) * (dx - cx);
  if (slope === 0) return undefined;
  const t = ((cx - ax) * (dy - cy) - (cy - ay) * (dx - cx)) / slope;
  const u = ((cx - ax) * (by - ay) - (cy - ay) * (bx - ax)) / slope;
  return t >= 0 && t <= 1 && u >= 0 && u <= 1 ? [ax + t * (bx - ax), ay + t * (by - ay)] : undefined;
}

/** Positive where the corners turn clockwise as seen on a screen (y down). Taken about the first corner: small numbers keep their digits. */
function signedArea(points: Convex): number {
  const [x0, y0] = [points[0]!, points[1]!];
  let sum = 0;
  for (let i = 2; i + 3 < points.length; i += 2) {
    sum += (points[i]! - x0) * (points[i + 3]! - y0) - (points[i + 2]! - x0) * (points[i + 1]! - y0);
  }
  return sum / 2;
}

function convexArea(points: Convex): number {
  return points.length < 6 ? 0 : Math.abs(signedArea(points));
}

function sumOfAreas(parts: readonly Convex[]): number {
  return parts.reduce((sum, part) => sum + convexArea(part), 0);
}

function oriented(points: number[]): Convex {
  if (signedArea(points) >= 0) return points;
  return [points[0]!, points[1]!, points[4]!, points[5]!, points[2]!, points[3]!];
}

/** The part of `subject` inside `window`, both convex and turning clockwise: one half-plane after another (Sutherland and Hodgman). */
function clipConvex(subject: Convex, window: Convex): Convex {
  let rest = subject;
  for (let i = 0; i < window.length && rest.length > 0; i += 2) {
    const j = (i + 2) % window.length;
    rest = clipHalfPlane(rest, window[i]!, window[i + 1]!, window[j]!, window[j + 1]!);
  }
  return rest;
}

/** Clips a polygon to the right side of the line from a to b (the inside, for a window that turns clockwise on a screen). */
function clipHalfPlane(points: Convex, ax: number, ay: number, bx: number, by: number): number[] {
  const side = (x: number, y: number): number => (bx - ax) * (y - ay) - (by - ay) * (x - ax);
  const kept: number[] = [];
  for (let i = 0; i < points.length; i += 2) {
    const j = (i + 2) % points.length;
    const [px, py, qx, qy] = [points[i]!, points[i + 1]!, points[j]!, points[j + 1]!];
    const [p, q] = [side(px, py), side(qx, qy)];
    if (p >= 0) kept.push(px, py);
    if (p * q < 0) {
      const t = p / (p - q);
      kept.push(px + t * (qx - px), py + t * (qy - py));
    }
  }
  return kept;
}
