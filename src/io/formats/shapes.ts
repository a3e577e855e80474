/** Shapes of annotation tools as the upright boxes that cover them, and what lies between two keyframes. */
import type { FrameBox } from '../../geometry.js';

/** A rectangle or an ellipse before it was turned, and by how many degrees it was turned. */
export interface TurnedShape {
  readonly box: FrameBox;
  /** Clockwise as seen on a screen. */
  readonly rotation: number;
  readonly ellipse?: boolean;
}

/** The upright box about a shape that was turned about its centre. */
export function coverTurned({ box, rotation, ellipse = false }: TurnedShape): FrameBox {
  if (rotation % 360 === 0) return box;
  const [cos, sin] = turn(rotation);
  const [w, h] = ellipse
    ? [Math.hypot(box.w * cos, box.h * sin), Math.hypot(box.w * sin, box.h * cos)]
    : [Math.abs(box.w * cos) + Math.abs(box.h * sin), Math.abs(box.w * sin) + Math.abs(box.h * cos)];
  return { x: box.x + (box.w - w) / 2, y: box.y + (box.h - h) / 2, w, h };
}

/** The upright box about a rectangle that was turned about its left top corner, as Label Studio turns. */
export function coverTurnedAboutCorner({ x, y, w, h }: FrameBox, rotation: number): FrameBox {
  if (rotation % 360 === 0) return { x, y, w, h };
  const [cos, sin] = turn(rotation);
  const [xs, ys] = [
    [0, w * cos, -h * sin, w * cos - h * sin],
    [0, w * sin, h * cos, w * sin + h * cos],
  ];
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  return { x: x + left, y: y + top, w: Math.max(...xs) - left, h: Math.max(...ys) - top };
}

/** Cosine and sine of degrees; exact for quarter turns. */
function turn(degrees: number): [number, number] {
  const quarter = (((degrees / 90) % 4) + 4) % 4;
  if (Number.isInteger(quarter)) return [[1, 0, -1, 0][quarter]!, [0, 1, 0, -1][quarter]!];
  const angle = (degrees * Math.PI) / 180;
  return [Math.cos(angle), Math.sin(angle)];
}

/** The upright box about points x1, y1, x2, y2 ...; undefined where there are none. */
export function coverPoints(points: readonly number[]): FrameBox | undefined {
  if (points.length < 2) return undefined;
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i + 1 < points.length; i += 2) {
    left = Math.min(left, points[i]!);
    right = Math.max(right, points[i]!);
    top = Math.min(top, points[i + 1]!);
    bottom = Math.max(bottom, points[i + 1]!);
  }
  return { x: left, y: top, w: right - left, h: bottom - top };
}

/** The upright box about several; undefined where there are none. */
export function coverBoxes(boxes: readonly FrameBox[]): FrameBox | undefined {
  return coverPoints(boxes.flatMap(({ x, y, w, h }) => [x, y, x + w, y + h]));
}

/** Part of the way from one box to another. @param share 0 to 1 */
export function boxBetween(a: FrameBox, b: FrameBox, share: number): FrameBox {
  const between = (key: keyof FrameBox): number => a[key] + share * (b[key] - a[key]);
  return { x: between('x'), y: between('y'), w: between('w'), h: between('h') };
}

/** Part of the shorter way from one angle to another, degrees. */
export function angleBetween(a: number, b: number, share: number): number {
  const difference = ((((b - a + 180) % 360) + 360) % 360) - 180;
  return a + share * difference;
}
