/**
 * Draws the cases: which footage, and what happens to it where. A draw whose truth is not what its kind asks for (the target has to be
 * whole at first, gone for some frames, in sight afterwards) is thrown away and drawn anew.
 */
import { TrackerError } from '../../src/errors.js';
import type { FrameBox } from '../../src/geometry.js';
import { createRandom, type Random } from '../../src/random.js';
import {
  area,
  KINDS,
  sharedArea,
  truthOf,
  type BuiltCase,
  type Cover,
  type Cross,
  type Cut,
  type Kind,
  type Leave,
  type Offset,
  type Rival,
  type Truth,
} from './case.js';
import { classOf } from './classes.js';
import { boxesOf, drawClip, type Clip, type Footage } from './footage.js';

/** Frames before anything happens. */
const LEAD = 20;
/** Frames after all is over: the target should be found again within the first 30 of them. */
export const TAIL = 40;

/** Targets smaller than this (square root of the area, pixels) leave nothing to look at. */
const MIN_SIDE = 20;
/** Targets larger than this share of the frame have no room beside them. */
const MAX_SHARE = 0.15;

/** How many cases a full set has of each kind. */
export const FULL_COUNTS: Readonly<Record<Kind, number>> = {
  cut: 12,
  'cover 10': 6,
  'cover 30': 6,
  'cover 90': 6,
  leave: 12,
  cross: 10,
  rival: 10,
};

type Draw = (footage: Footage, all: readonly Footage[], random: Random) => Omit<BuiltCase, 'name' | 'kind'> | undefined;

const DRAWS: Readonly<Record<Kind, Draw>> = {
  cut: drawCut,
  'cover 10': (footage, _, random) => drawCover(footage, 10, random),
  'cover 30': (footage, _, random) => drawCover(footage, 30, random),
  'cover 90': (footage, _, random) => drawCover(footage, 90, random),
  leave: (footage, _, random) => drawLeave(footage, random),
  cross: (footage, _, random) => drawCross(footage, random),
  rival: drawRival,
};

/** Kinds in which the target is gone for a while. */
export const VANISHING: readonly Kind[] = ['cut', 'cover 10', 'cover 30', 'cover 90', 'leave'];

/** Draws of one case on one sequence, before the next sequence is tried. */
const TRIES = 20;

/**
 * The same footage, counts and seed give the same cases; those of one kind do not depend on how many there are of another.
 * @throws TrackerError DATA_INVALID where no sequence allows a kind that is asked for
 */
export function planCases(
  all: readonly Footage[],
  counts: Readonly<Record<Kind, number>>,
  seed: number,
): readonly BuiltCase[] {
  return KINDS.flatMap((kind, index) => planKind(kind, counts[kind], all, createRandom(100 * seed + index)));
}

function planKind(kind: Kind, count: number, all: readonly Footage[], random: Random): BuiltCase[] {
  const cases: BuiltCase[] = [];
  const waiting: Footage[] = [];
  let failures = 0;
  while (cases.length < count) {
    // every sequence has its turn before one comes again
    if (waiting.length === 0) waiting.push(...shuffled(all, random));
    const footage = waiting.pop()!;
    const made = drawFrom(footage, kind, all, random);
    if (made) {
      const number = String(cases.length + 1).padStart(2, '0');
      cases.push({ ...made, kind, name: `${kind.replace(' ', '-')}-${number}-${footage.name}` });
      failures = 0;
    } else if (++failures > 2 * all.length) {
      throw new TrackerError('DATA_INVALID', `cases: none of ${all.length} sequences allows a case of kind "${kind}"`, {
        hint: 'give footage with larger frames, smaller targets and longer annotated runs, or leave the kind out with --kinds',
      });
    }
  }
  return cases;
}

function drawFrom(footage: Footage, kind: Kind, all: readonly Footage[], random: Random) {
  if (!footage.boxes.some((box) => box !== undefined)) return undefined;
  for (let i = 0; i < TRIES; i++) {
    const made = DRAWS[kind](footage, all, random);
    if (made && isSound({ ...made, kind, name: '' })) return made;
  }
  return undefined;
}

/** Is its truth one that its kind can be judged by? */
function isSound(built: BuiltCase): boolean {
  const { base } = built;
  const boxes = boxesOf(base);
  const { width, height } = base.footage;
  const frame = { x: 0, y: 0, w: width, h: height };
  if (boxes.some((box) => Math.sqrt(area(box)) < MIN_SIDE || sharedArea(box, frame) < 0.8 * area(box))) return false;
  const large = boxes.some((box) => area(box) > MAX_SHARE * area(frame));
  if (large && built.kind !== 'cut') return false;
  const truth = truthOf(built);
  const present = ({ is }: Truth): boolean => is === 'present';
  if (!truth.slice(0, LEAD).every(present) || !truth.slice(-TAIL).every(present)) return false;
  const gone = truth.filter(({ is }) => is === 'absent').length;
  return VANISHING.includes(built.kind) ? gone >= SHORTEST_GONE : gone === 0;
}

/** Less is no disappearance: `lost` may take ten frames. */
const SHORTEST_GONE = 10;

// --- cut ---

const CUT_LENGTHS = [10, 30, 60] as const;

function drawCut(footage: Footage, all: readonly Footage[], random: Random): { base: Clip; event: Cut } | undefined {
  const kind = classOf(footage.name);
  const others = all.filter(({ name }) => name !== footage.name && (kind === undefined || classOf(name) !== kind));
  if (others.length === 0) return undefined;
  const length = pick(CUT_LENGTHS, random);
  const base = drawClip(footage, LEAD + length + TAIL, random);
  return { base, event: { type: 'cut', at: LEAD, other: drawClip(pick(others, random), length, random) } };
}

// --- cover ---

/** Size of the patch over that of the target's largest box: things stick out of their boxes. */
const COVER_SCALE = 1.6;
/** Frames in which the patch comes, and in which it goes. */
const COVER_MOVE = 8;
/** How far the patch sways while it covers, of the target's size: less than it is larger. */
const COVER_SWAY = 0.1;

function drawCover(footage: Footage, length: number, random: Random): { base: Clip; event: Cover } | undefined {
  const base = drawClip(footage, LEAD + 2 * COVER_MOVE + length + TAIL, random);
  const boxes = boxesOf(base);
  const during = boxes.slice(LEAD, LEAD + 2 * COVER_MOVE + length);
  const w = Math.ceil(COVER_SCALE * Math.max(...during.map((box) => box.w)));
  const h = Math.ceil(COVER_SCALE * Math.max(...during.map((box) => box.h)));
  const source = drawBackground(footage, boxes[LEAD]!, w, h, random);
  if (!source) return undefined;
  const [come, go] = [pick(SIDES, random), pick(SIDES, random)];
  const path = during.map((box, i): Offset => {
    const outside = { dx: (box.w + w) / 2, dy: (box.h + h) / 2 };
    const swayed = { dx: COVER_SWAY * box.w * Math.sin(i / 5), dy: COVER_SWAY * box.h * Math.sin(i / 7) };
    const left = during.length - 1 - i;
    if (i < COVER_MOVE) return towards(come, outside, 1 - i / COVER_MOVE, swayed);
    return left < COVER_MOVE ? towards(go, outside, 1 - left / COVER_MOVE, swayed) : swayed;
  });
  return { base, event: { type: 'cover', at: LEAD, source, path } };
}

const SIDES: readonly Offset[] = [
  { dx: 1, dy: 0 },
  { dx: -1, dy: 0 },
  { dx: 0, dy: 1 },
  { dx: 0, dy: -1 },
];

function towards(side: Offset, outside: Offset, share: number, swayed: Offset): Offset {
  return { dx: swayed.dx + share * side.dx * outside.dx, dy: swayed.dy + share * side.dy * outside.dy };
}

/** A place in the frame that shows nothing of the target. */
function drawBackground(
  { width, height }: Footage,
  target: FrameBox,
  w: number,
  h: number,
  random: Random,
): FrameBox | undefined {
  if (w >= width || h >= height) return undefined;
  for (let i = 0; i < TRIES; i++) {
    const place = { x: random.integer(width - w), y: random.integer(height - h), w, h };
    if (sharedArea(place, target) === 0) return place;
  }
  return undefined;
}

// --- leave ---

/** Sides of the window, of those of the frame. */
const WINDOW_RANGE = [0.35, 0.55] as const;
const WINDOW_MIN = { width: 160, height: 120 } as const;
/** The window moves by this share of the target's size a frame, and takes no longer than so many frames to leave it. */
const WINDOW_STEP = 0.25;
const WINDOW_MAX_MOVE = 45;
const GONE_LENGTHS = [15, 30, 60] as const;

function drawLeave(footage: Footage, random: Random): { base: Clip; event: Leave } | undefined {
  const share = WINDOW_RANGE[0] + random.uniform() * (WINDOW_RANGE[1] - WINDOW_RANGE[0]);
  const w = Math.round(share * footage.width);
  const h = Math.round(share * footage.height);
  if (w < WINDOW_MIN.width || h < WINDOW_MIN.height) return undefined;
  const typical = footage.boxes.find((box) => box !== undefined)!;
  const size = Math.sqrt(area(typical));
  // centre of the window from the target's, where the target is just outside
  const out = { dx: (w + 1.5 * typical.w) / 2, dy: (h + 1.5 * typical.h) / 2 };
  const corner = { dx: pick([-1, 1], random) * out.dx, dy: pick([-1, 1], random) * out.dy };
  const [first, second] =
    random.uniform() < 0.5
      ? [
          { dx: corner.dx, dy: 0 },
          { dx: 0, dy: corner.dy },
        ]
      : [
          { dx: 0, dy: corner.dy },
          { dx: corner.dx, dy: 0 },
        ];
  const frames = (way: Offset): number => Math.ceil(Math.hypot(way.dx, way.dy) / (WINDOW_STEP * size));
  if (Math.max(frames(first), frames(second)) > WINDOW_MAX_MOVE) return undefined;
  const gone = pick(GONE_LENGTHS, random);
  const centred = { dx: 0, dy: 0 };
  const path = [
    ...way(centred, centred, LEAD),
    ...way(centred, first, frames(first)),
    ...way(first, corner, Math.ceil(gone / 2)),
    ...way(corner, second, Math.ceil(gone / 2)),
    ...way(second, centred, frames(second)),
    ...way(centred, centred, TAIL),
  ];
  const base = drawClip(footage, path.length, random);
  const windows = boxesOf(base).map((box, i) => {
    const x = box.x + box.w / 2 + path[i]!.dx - w / 2;
    const y = box.y + box.h / 2 + path[i]!.dy - h / 2;
    return { x: clamp(x, footage.width - w), y: clamp(y, footage.height - h), w, h };
  });
  return { base, event: { type: 'leave', windows } };
}

/** `count` even steps, the last of them at `to`. */
function way(from: Offset, to: Offset, count: number): Offset[] {
  return Array.from({ length: count }, (_, i) => {
    const t = (i + 1) / count;
    return { dx: from.dx + t * (to.dx - from.dx), dy: from.dy + t * (to.dy - from.dy) };
  });
}

/** A whole number from 0 to max. */
const clamp = (value: number, max: number): number => Math.round(Math.min(max, Math.max(0, value)));

// --- cross ---

const CROSS_LENGTHS = [24, 36, 48] as const;

function drawCross(footage: Footage, random: Random): { base: Clip; event: Cross } | undefined {
  const length = pick(CROSS_LENGTHS, random);
  const base = drawClip(footage, LEAD + length + TAIL, random);
  const side = pick([-1, 1], random);
  // not quite level, as people and cars pass each other
  const level = 0.3 * (random.uniform() - 0.5);
  const path = boxesOf(base).map(({ w, h }, frame) => {
    const far = w + 0.8 * Math.sqrt(w * h);
    const progress = Math.min(1, Math.max(0, (frame - LEAD) / length));
    return { dx: side * far * (1 - 2 * progress), dy: level * h };
  });
  if (!isMostlyInside(base, path)) return undefined;
  return { base, event: { type: 'cross', inFront: random.uniform() < 0.5, path } };
}

/** Whether the copy is in the picture in all frames, for its larger part. */
function isMostlyInside({ footage, order }: Clip, path: readonly Offset[]): boolean {
  const frame = { x: 0, y: 0, w: footage.width, h: footage.height };
  return boxesOf({ footage, order }).every((box, i) => {
    const copy = { ...box, x: box.x + path[i]!.dx, y: box.y + path[i]!.dy };
    return sharedArea(copy, frame) > 0.6 * area(copy);
  });
}

// --- rival ---

const RIVAL_LENGTH = 50;
/** The other object may be scaled by so much at most, or it would be a blur or a speck. */
const RIVAL_MAX_SCALE = 3;

function drawRival(
  footage: Footage,
  all: readonly Footage[],
  random: Random,
): { base: Clip; event: Rival } | undefined {
  const kind = classOf(footage.name);
  const others = all.filter(({ name }) => kind !== undefined && name !== footage.name && classOf(name) === kind);
  if (others.length === 0) return undefined;
  const count = LEAD + RIVAL_LENGTH + TAIL;
  const base = drawClip(footage, count, random);
  const other = drawClip(pick(others, random), count, random);
  const scale = 0.85 + 0.3 * random.uniform();
  const side = pick([-1, 1], random);
  const otherBoxes = boxesOf(other);
  const boxes = boxesOf(base);
  const zooms = boxes.map((box, frame) => (scale * box.h) / otherBoxes[frame]!.h);
  if (zooms.some((zoom) => zoom > RIVAL_MAX_SCALE || zoom < 1 / RIVAL_MAX_SCALE)) return undefined;
  const places = boxes.map((box, frame): FrameBox => {
    const w = Math.max(4, Math.round(zooms[frame]! * otherBoxes[frame]!.w));
    const h = Math.max(4, Math.round(scale * box.h));
    // comes near, touches, and goes away again
    const gap = Math.sqrt(area(box)) * (0.45 + 0.55 * Math.cos((2 * Math.PI * frame) / count)) - 0.05 * box.w;
    const cx = box.x + box.w / 2 + side * (box.w / 2 + gap + w / 2);
    return { x: Math.round(cx - w / 2), y: Math.round(box.y + box.h - h), w, h };
  });
  const frame = { x: 0, y: 0, w: footage.width, h: footage.height };
  if (!places.every((place) => sharedArea(place, frame) > 0.6 * area(place))) return undefined;
  return { base, event: { type: 'rival', other, places } };
}

// --- random choices ---

function pick<T>(values: readonly T[], random: Random): T {
  return values[random.integer(values.length)]!;
}

function shuffled<T>(values: readonly T[], random: Random): T[] {
  const list = [...values];
  for (let i = list.length - 1; i > 0; i--) {
    const other = random.integer(i + 1);
    [list[i], list[other]] = [list[other]!, list[i]!];
  }
  return list;
}
