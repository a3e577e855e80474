/** Film strips: a few frames about the place where a tracker fails, the true box and the tracker's drawn in. */
import { messageOf, TrackerError } from '../../errors.js';
import type { FrameBox, Size } from '../../geometry.js';
import type { Outline } from '../../image/draw.js';
import { thumbnail } from '../../image/thumbnail.js';
import { openVideo } from '../../video/read.js';
import { boxAt, overlapsOf, trueBoxAt } from '../overlaps.js';
import type { AnnotatedSequence } from '../../datasets/types.js';
import type { ScoredSequence } from '../types.js';
import type { SequenceRow } from './report.js';

/** Frames of a sequence: video or folder, and the first frame. */
export type Footage = Pick<AnnotatedSequence, 'source' | 'start'>;

export interface FilmFrame {
  /** From 0, the first annotated frame. */
  readonly frame: number;
  /** Undefined where there is no true box. */
  readonly overlap: number | undefined;
  readonly jpeg: Uint8Array;
}

export interface FilmStrip extends Size {
  readonly sequence: string;
  /** First frame of the failure. */
  readonly failure: number;
  readonly frames: readonly FilmFrame[];
}

export interface Films {
  /** Whose boxes are shown. */
  readonly tracker: string;
  readonly strips: readonly FilmStrip[];
  /** Sequences whose frames could not be read, and why. */
  readonly warnings: readonly string[];
}

export const TRUTH_COLOUR = [240, 228, 66] as const;
export const TRACKER_COLOUR = [255, 90, 160] as const;

const MAX_STRIPS = 6;
const FRAMES = 8;
const HEIGHT = 120;

/** Below it a box has little to do with the object. */
const LOST = 0.2;
/** Frames that a failure lasts at least, and a recovery too: fewer are a slip. */
const LASTING = 5;
/** The strip ends so many frames after the failure began at the latest: what comes later shows no more of how it came. */
const LONGEST = 150;
/** How long before the failure the first frames of a strip are. */
const LEAD = [12, 4];

/** Frames [first, last] of a failure. */
export interface Failure {
  readonly first: number;
  readonly last: number;
}

/**
 * The first failure that lasts: overlap below 0.2 for 5 frames, up to where it is above again for 5 frames, or to the last frame. Where
 * there is none, the first slip to 0. Frames without truth tell nothing: they neither end a failure nor lengthen it.
 */
export function findFailure(overlaps: ArrayLike<number>): Failure | undefined {
  const known = Array.from(overlaps, (overlap, frame) => ({ overlap, frame })).filter(
    ({ overlap }) => !Number.isNaN(overlap),
  );
  const first = lastingFrom(known, 0, (overlap) => overlap < LOST);
  if (first === undefined) {
    const slip = known.find(({ overlap }) => overlap === 0);
    return slip && { first: slip.frame, last: slip.frame };
  }
  const back = lastingFrom(known, first, (overlap) => overlap >= LOST);
  return { first: known[first]!.frame, last: known[back === undefined ? known.length - 1 : back - 1]!.frame };
}

/** Index, from `start` on, of the first LASTING frames in a row that pass; undefined where there are none. */
function lastingFrom(
  known: readonly { readonly overlap: number }[],
  start: number,
  passes: (overlap: number) => boolean,
): number | undefined {
  let run = 0;
  for (let i = start; i < known.length; i++) {
    run = passes(known[i]!.overlap) ? run + 1 : 0;
    if (run === LASTING) return i - LASTING + 1;
  }
  return undefined;
}

/**
 * Up to `count` frames in order: two before the failure, its first, and the rest after it, close together at first and then wider, since
 * most is to be seen where it begins. A short failure is followed to what comes after it.
 * @param frames of the sequence
 */
export function chooseFrames({ first, last }: Failure, frames: number, count = FRAMES): number[] {
  const before = LEAD.map((lead) => first - lead).filter((frame) => frame >= 0);
  const after = count - before.length - 1;
  const span = Math.min(frames - 1 - first, LONGEST, Math.max(last - first, after));
  const steps = Array.from({ length: after }, (_, k) => Math.max(k + 1, Math.round(span * ((k + 1) / after) ** 1.7)));
  return [...before, first, ...steps.map((step) => first + step).filter((frame) => frame < frames)];
}

/** Width of the strip over its height, unless boxes lie farther apart. */
const ASPECT = 4 / 3;
/** Side of the strip, in multiples of the boxes' extent. */
const ROOM = 1.6;
/** Least height of the strip, as a share of the frame's: small objects stay small, or one would not see where they are. */
const SMALLEST = 1 / 3;

/**
 * The part of the frame that a strip shows, whole pixels: about all boxes, so that small objects are seen, and the same in all frames of a
 * strip, so that motion is.
 */
export function chooseWindow(boxes: readonly FrameBox[], size: Size): FrameBox {
  const inside = boxes.map((box) => clipBox(box, size)).filter((box) => box !== undefined);
  if (inside.length === 0) return { x: 0, y: 0, w: size.width, h: size.height };
  const left = Math.min(...inside.map(({ x }) => x));
  const top = Math.min(...inside.map(({ y }) => y));
  const width = Math.max(...inside.map(({ x, w }) => x + w)) - left;
  const height = Math.max(...inside.map(({ y, h }) => y + h)) - top;
  const h = Math.min(size.height, Math.ceil(Math.max(ROOM * height, (ROOM * width) / ASPECT, SMALLEST * size.height)));
  const w = Math.min(size.width, Math.ceil(Math.max(ROOM * width, ASPECT * h)));
  return { x: place(left + width / 2, w, size.width), y: place(top + height / 2, h, size.height), w, h };
}

/** Start of an interval of `length` about `centre`, moved as far as needed to lie in 0 to `whole`. */
function place(centre: number, length: number, whole: number): number {
  return Math.max(0, Math.min(whole - length, Math.round(centre - length / 2)));
}

/** Part of a box that lies in the frame; undefined if there is none. */
function clipBox(box: FrameBox, { width, height }: Size): FrameBox | undefined {
  const x = Math.max(0, box.x);
  const y = Math.max(0, box.y);
  const w = Math.min(width, box.x + box.w) - x;
  const h = Math.min(height, box.y + box.h) - y;
  return w > 0 && h > 0 ? { x, y, w, h } : undefined;
}

/**
 * Strips of a tracker's worst sequences that fail. Each is decoded once, up to the last frame that is shown.
 * @param rows worst first
 * @param footage of sequences whose frames there are
 */
export async function filmFailures(
  tracker: string,
  rows: readonly Pick<SequenceRow, 'name'>[],
  scored: readonly ScoredSequence[],
  footage: ReadonlyMap<string, Footage>,
  limit = MAX_STRIPS,
): Promise<Films> {
  const byName = new Map(scored.map((sequence) => [sequence.name, sequence]));
  const strips: FilmStrip[] = [];
  const warnings: string[] = [];
  for (const { name } of rows) {
    if (strips.length === limit) break;
    const sequence = byName.get(name);
    const frames = footage.get(name);
    if (!sequence || !frames) continue;
    try {
      const strip = await filmOf(sequence, frames);
      if (strip) strips.push(strip);
    } catch (error) {
      if (!(error instanceof TrackerError)) throw error;
      warnings.push(`no film strip of ${name}: ${messageOf(error)}`);
    }
  }
  return { tracker, strips, warnings };
}

/** Undefined where the tracker does not fail. */
async function filmOf(sequence: ScoredSequence, { source, start }: Footage): Promise<FilmStrip | undefined> {
  const overlaps = overlapsOf(sequence);
  const failure = findFailure(overlaps);
  if (!failure) return undefined;
  const chosen = chooseFrames(failure, overlaps.length);
  const video = await openVideo(source, { start: { frame: start + chosen[0]! }, again: true });
  const outlines = new Map(chosen.map((frame) => [frame, outlinesOf(sequence, frame)]));
  const boxes = [...outlines.values()].flatMap((all) => all.map(({ box }) => box));
  const window = chooseWindow(boxes, video);
  const size = { width: Math.max(1, Math.round((HEIGHT * window.w) / window.h)), height: HEIGHT };
  const frames: FilmFrame[] = [];
  for await (const image of video.frames()) {
    const frame = image.index - start;
    const own = outlines.get(frame);
    if (own) {
      const overlap = overlaps[frame]!;
      const jpeg = await thumbnail(image, window, size, own);
      frames.push({ frame, overlap: Number.isNaN(overlap) ? undefined : overlap, jpeg });
    }
    if (frame >= chosen.at(-1)!) break;
  }
  return { sequence: sequence.name, failure: failure.first, frames, ...size };
}

/** The truth dashed and on top: where both are the same, both are seen. */
function outlinesOf(sequence: ScoredSequence, frame: number): Outline[] {
  const own: Outline = { box: boxAt(sequence.boxes, frame), colour: TRACKER_COLOUR, dashed: false };
  const real = trueBoxAt(sequence, frame);
  return real ? [own, { box: real, colour: TRUTH_COLOUR, dashed: true }] : [own];
}
