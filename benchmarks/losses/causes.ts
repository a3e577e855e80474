/**
 * What a tracker's run lost, and why: each frame's lack of overlap goes to one cause, so that the causes add up to what is missing from the
 * best AUC there can be.
 *
 * A frame is good where IoU > 0.5. What a good frame lacks goes to "inexact size" where the true size would mend more of it than the true
 * centre, else to "inexact place". An *episode* is a run of frames that are not good, frames without
 * truth between them included; what its frames lack goes to, the first that fits:
 *
 * - never recovered: the frames after the 30th of an episode that lasts to the end of the sequence;
 * - out of view: the object was out of the picture, or at its border, in one of the 10 frames before the episode or in its first frame;
 * - jumped: within 5 frames the tracker's box went from good to IoU < 0.1, and it moved by more than half the object's size and further
 *   than the object did: it left for something else;
 * - wrong size: a frame to which the true size would give more than the true centre;
 * - drifted: the rest: the centre wanders off, or the object leaves a box that stays behind.
 */
import { successArea } from '../../src/evaluation/curves.js';
import { intersectionOverUnion, type FrameBox, type Size } from '../../src/geometry.js';

export const CAUSES = [
  'inexact size',
  'inexact place',
  'wrong size',
  'drifted',
  'jumped',
  'out of view',
  'never recovered',
] as const;
export type Cause = (typeof CAUSES)[number];

/** A run of a tracker over a sequence, frame by frame. */
export interface Trace {
  readonly boxes: readonly FrameBox[];
  /** Undefined where the object is absent. */
  readonly truth: readonly (FrameBox | undefined)[];
  readonly frame: Size;
}

export interface FrameLoss {
  readonly index: number;
  readonly overlap: number;
  readonly cause: Cause;
  /** What is missing of the most that a frame can give to the AUC. */
  readonly lost: number;
}

const GOOD = 0.5;
const OFF = 0.1;
const JUMP_FRAMES = 5;
const JUMP_SIZE = 0.5;
const VIEW_FRAMES = 10;
const RECOVER_FRAMES = 30;
/** Pixels from the frame's border that count as at it. */
const BORDER = 1;

/** Nothing lies above the last threshold, 1. */
export const BEST_AUC = 20 / 21;

/** The frames that have truth, each with its loss and the cause of it. */
export function lossesOf(trace: Trace): FrameLoss[] {
  const overlaps = trace.truth.map((truth, i) => (truth ? intersectionOverUnion(trace.boxes[i]!, truth) : undefined));
  const causes = new Map<number, Cause>();
  for (const episode of episodesOf(overlaps)) {
    for (const index of episode.frames) causes.set(index, causeOf(trace, overlaps, episode, index));
  }
  return overlaps.flatMap((overlap, index) => {
    if (overlap === undefined) return [];
    return [
      {
        index,
        overlap,
        cause: causes.get(index) ?? (isSizeWorse(trace, index) ? 'inexact size' : 'inexact place'),
        lost: BEST_AUC - successArea([overlap]),
      },
    ];
  });
}

interface Episode {
  /** Frames with truth, in order. */
  readonly frames: readonly number[];
  /** The good frame before it; -1 where there is none. */
  readonly lastGood: number;
  readonly lastsToEnd: boolean;
}

type Overlaps = readonly (number | undefined)[];

function episodesOf(overlaps: Overlaps): Episode[] {
  const episodes: Episode[] = [];
  let frames: number[] = [];
  let lastGood = -1;
  const end = (lastsToEnd: boolean): void => {
    if (frames.length > 0) episodes.push({ frames, lastGood, lastsToEnd });
    frames = [];
  };
  overlaps.forEach((overlap, index) => {
    if (overlap === undefined) return;
    if (overlap <= GOOD) {
      frames.push(index);
      return;
    }
    end(false);
    lastGood = index;
  });
  end(true);
  return episodes;
}

function causeOf(trace: Trace, overlaps: Overlaps, episode: Episode, index: number): Cause {
  const first = episode.frames[0]!;
  if (episode.lastsToEnd && index - first >= RECOVER_FRAMES) return 'never recovered';
  if (wasOutOfView(trace, first)) return 'out of view';
  if (isJump(trace, overlaps, episode)) return 'jumped';
  return isSizeWorse(trace, index) ? 'wrong size' : 'drifted';
}

/** Would the true size mend more of the overlap than the true centre? */
function isSizeWorse({ boxes, truth }: Trace, index: number): boolean {
  const box = boxes[index]!;
  const real = truth[index]!;
  return intersectionOverUnion(placed(box, real), real) > intersectionOverUnion(placed(real, box), real);
}

function wasOutOfView({ truth, frame }: Trace, first: number): boolean {
  return truth.slice(Math.max(0, first - VIEW_FRAMES), first + 1).some((box) => !box || isAtBorder(box, frame));
}

function isAtBorder({ x, y, w, h }: FrameBox, { width, height }: Size): boolean {
  return x <= BORDER || y <= BORDER || x + w >= width - BORDER || y + h >= height - BORDER;
}

function isJump({ boxes, truth }: Trace, overlaps: Overlaps, { frames, lastGood }: Episode): boolean {
  const off = frames.find((index) => overlaps[index]! < OFF);
  if (off === undefined || lastGood < 0 || off - lastGood > JUMP_FRAMES) return false;
  const own = distance(boxes[lastGood]!, boxes[off]!);
  const object = distance(truth[lastGood]!, truth[off]!);
  const size = Math.sqrt(truth[off]!.w * truth[off]!.h);
  return own > JUMP_SIZE * size && own > object;
}

/** Between centres. */
function distance(a: FrameBox, b: FrameBox): number {
  return Math.hypot(a.x + a.w / 2 - b.x - b.w / 2, a.y + a.h / 2 - b.y - b.h / 2);
}

/** The centre of one box with the size of another. */
function placed(centre: FrameBox, { w, h }: FrameBox): FrameBox {
  return { x: centre.x + (centre.w - w) / 2, y: centre.y + (centre.h - h) / 2, w, h };
}

/** AUC lost to each cause, per frame with truth: they add up to BEST_AUC less the sequence's AUC. */
export function lossByCause(losses: readonly FrameLoss[]): Record<Cause, number> {
  const sum = (cause: Cause): number =>
    losses.reduce((total, loss) => total + (loss.cause === cause ? loss.lost : 0), 0) / losses.length;
  return Object.fromEntries(CAUSES.map((cause) => [cause, sum(cause)])) as Record<Cause, number>;
}
