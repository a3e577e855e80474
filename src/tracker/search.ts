/** Chooses the search region: about the last box; once the object has been lost for a while, also over the whole frame, one region at a time. */
import type { RedetectConfig, TrackerConfig } from '../config.js';
import { searchRegion, type FrameBox, type SearchRegion, type Size } from '../geometry.js';
import type { ObjectState } from './track.js';

export interface Search {
  /** The box that is searched about: the last one, or one of its size somewhere else; on a grid. */
  readonly about: FrameBox;
  readonly elsewhere: boolean;
  readonly region: SearchRegion;
}

/** @param cropSize side of the crop, pixels */
export function searchFor(
  { box, lostFor }: Pick<ObjectState, 'box' | 'lostFor'>,
  frame: Size,
  { search, redetect }: Pick<TrackerConfig, 'search' | 'redetect'>,
  cropSize: number,
): Search {
  const { side } = searchRegion(box, search.factor, cropSize);
  const elsewhere = redetectBox(box, frame, side, lostFor, redetect);
  const about = onGrid(elsewhere ?? box);
  return { about, elsewhere: elsewhere !== undefined, region: searchRegion(about, search.factor, cropSize) };
}

/** Steps of the grid along the box, at least. */
const GRID_STEPS = 256;

/**
 * The nearest box of a grid of 1/256 to 1/512 of its size. Another processor or runtime rounds otherwise: its box is off by a thousandth of a
 * pixel, which would grow to pixels over some tens of frames. On the grid nearly every such difference ends.
 */
export function onGrid({ x, y, w, h }: FrameBox): FrameBox {
  const step = 2 ** Math.floor(Math.log2(Math.sqrt(w * h) / GRID_STEPS));
  const round = (value: number): number => step * Math.round(value / step);
  return { x: round(x), y: round(y), w: Math.max(step, round(w)), h: Math.max(step, round(h)) };
}

/**
 * The box about which a lost object is searched for in this frame, of the last size: a place of a grid over the frame, nearest first and then
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

/** Centres spread evenly over the frame, no further apart than `step`, sorted by distance from the box. */
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
