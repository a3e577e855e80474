/** Where a lost object is looked for: besides the last place, over the whole frame, one search region at a time. */
import type { RedetectConfig } from '../config.js';
import type { FrameBox, Size } from '../geometry.js';

/**
 * The box about which a lost object is searched in this frame, of the last size: a place of a grid over the frame, nearest first and then
 * round again; undefined where the last place is searched, as it is on every other frame.
 * @param lostFor frames since it was lost in which nothing like it was seen
 * @param side of the search region, frame pixels
 */
export function redetectBox(
  box: FrameBox,
  frame: Size,
  side: number,
  lostFor: number,
  { after, every, spacing }: RedetectConfig,
): FrameBox | undefined {
  const turn = lostFor - after;
  if (turn < 0 || turn % every !== 0) return undefined;
  const places = gridPlaces(box, frame, spacing * side);
  const { cx, cy } = places[(turn / every) % places.length]!;
  return { ...box, x: cx - box.w / 2, y: cy - box.h / 2 };
}

/** Centres that lie evenly over the frame, no further apart than `step`; by their distance from the box. */
function gridPlaces(box: FrameBox, frame: Size, step: number): { cx: number; cy: number }[] {
  const columns = Math.max(1, Math.ceil(frame.width / step));
  const rows = Math.max(1, Math.ceil(frame.height / step));
  const places = Array.from({ length: columns * rows }, (_, i) => ({
    cx: ((i % columns) + 0.5) * (frame.width / columns),
    cy: (Math.floor(i / columns) + 0.5) * (frame.height / rows),
  }));
  const distance = ({ cx, cy }: { cx: number; cy: number }): number =>
    Math.hypot(cx - box.x - box.w / 2, cy - box.y - box.h / 2);
  return places.toSorted((a, b) => distance(a) - distance(b));
}
