/** A test case: real footage, and what happens to it. Plain data, so that it goes to a child process. */
import type { FrameBox, Size } from '../../src/geometry.js';
import { boxesOf, type Clip } from './footage.js';

export const KINDS = ['cut', 'cover 10', 'cover 30', 'cover 90', 'leave', 'cross', 'rival'] as const;
export type Kind = (typeof KINDS)[number];

/** Distance between centres, pixels. */
export interface Offset {
  readonly dx: number;
  readonly dy: number;
}

/** Frames of another video from frame `at` on, then back; the footage goes on underneath. */
export interface Cut {
  readonly type: 'cut';
  readonly at: number;
  readonly other: Clip;
}

/** A patch of background over the target: it comes from a side, stays on the target, and goes. */
export interface Cover {
  readonly type: 'cover';
  /** First frame of `path`; the texture is of that frame. */
  readonly at: number;
  /** The background that is shown, pixels of the frame. */
  readonly source: FrameBox;
  /** Centre of the patch from the target's, a frame each. */
  readonly path: readonly Offset[];
}

/** Only a moving window of the frames is shown, a frame each: the target leaves it and comes back at another edge. */
export interface Leave {
  readonly type: 'leave';
  readonly windows: readonly FrameBox[];
}

/** A second copy of the target that crosses it: in front of it, or behind. */
export interface Cross {
  readonly type: 'cross';
  readonly inFront: boolean;
  /** From the target to its copy, a frame each. */
  readonly path: readonly Offset[];
}

/** Another object of its class beside it. */
export interface Rival {
  readonly type: 'rival';
  readonly other: Clip;
  /** Where it stands, a frame each. */
  readonly places: readonly FrameBox[];
}

export interface BuiltCase {
  readonly name: string;
  readonly kind: Kind;
  readonly base: Clip;
  readonly event: Cut | Cover | Leave | Cross | Rival;
}

/**
 * The truth about a frame of a case. Unscored: too little of the target is seen to ask for its box, too much to call it gone.
 */
export type Truth =
  { readonly is: 'present'; readonly box: FrameBox } | { readonly is: 'absent' } | { readonly is: 'unscored' };

/** Share of the box that has to be seen for the target to be present, and below which it is absent. */
const PRESENT_FROM = 0.5;
const ABSENT_BELOW = 0.05;

/** Size of the pictures of a case. */
export function sizeOf({ base, event }: BuiltCase): Size {
  if (event.type !== 'leave') return { width: base.footage.width, height: base.footage.height };
  const { w, h } = event.windows[0]!;
  return { width: w, height: h };
}

/** The truth of each frame: it follows from the plan alone. */
export function truthOf({ base, event }: BuiltCase): Truth[] {
  return boxesOf(base).map((box, frame): Truth => {
    switch (event.type) {
      case 'cut':
        return isWithin(frame, event.at, event.other.order.length) ? { is: 'absent' } : { is: 'present', box };
      case 'cover': {
        const patch = patchAt(event, box, frame);
        return patch ? truthWhere(1 - sharedArea(patch, box) / area(box), box) : { is: 'present', box };
      }
      case 'leave': {
        const window = event.windows[frame]!;
        const seen = intersection(box, window);
        return truthWhere(area(seen) / area(box), { ...seen, x: seen.x - window.x, y: seen.y - window.y });
      }
      case 'cross': {
        const hidden = event.inFront ? sharedArea(moved(box, event.path[frame]!), box) / area(box) : 0;
        // hidden by its double for a moment: not gone, but which of the two is it?
        return 1 - hidden < PRESENT_FROM ? { is: 'unscored' } : { is: 'present', box };
      }
      case 'rival':
        return { is: 'present', box };
    }
  });
}

function truthWhere(visible: number, box: FrameBox): Truth {
  if (visible >= PRESENT_FROM) return { is: 'present', box };
  return visible <= ABSENT_BELOW ? { is: 'absent' } : { is: 'unscored' };
}

/** Where the covering patch lies in a frame, whole pixels; undefined before it comes and after it has gone. */
export function patchAt({ at, source, path }: Cover, target: FrameBox, frame: number): FrameBox | undefined {
  if (!isWithin(frame, at, path.length)) return undefined;
  const { dx, dy } = path[frame - at]!;
  const x = Math.round(target.x + target.w / 2 + dx - source.w / 2);
  const y = Math.round(target.y + target.h / 2 + dy - source.h / 2);
  return { x, y, w: source.w, h: source.h };
}

export function isWithin(frame: number, first: number, length: number): boolean {
  return frame >= first && frame < first + length;
}

export function moved(box: FrameBox, { dx, dy }: Offset): FrameBox {
  return { ...box, x: box.x + dx, y: box.y + dy };
}

export function area({ w, h }: FrameBox): number {
  return Math.max(0, w) * Math.max(0, h);
}

/** Of no size where the boxes do not meet. */
export function intersection(a: FrameBox, b: FrameBox): FrameBox {
  const x = Math.max(a.x, b.x);
  const y = Math.max(a.y, b.y);
  const w = Math.max(0, Math.min(a.x + a.w, b.x + b.w) - x);
  const h = Math.max(0, Math.min(a.y + a.h, b.y + b.h) - y);
  return { x, y, w, h };
}

export function sharedArea(a: FrameBox, b: FrameBox): number {
  return area(intersection(a, b));
}
