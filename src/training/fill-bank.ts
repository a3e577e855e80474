/** Fills a feature bank from sequences and photographs; stopped at any moment, it goes on from what was saved last. */
import type { FrameBox } from '../geometry.js';
import { decodeImage } from '../image/decode.js';
import type { Frame } from '../image/frame.js';
import { createRandom, type Random } from '../random.js';
import { openVideo } from '../video/read.js';
import { jitteredCrop, loosened, PHOTO_JITTER, SEQUENCE_JITTER, type TrainingCrop } from './augment.js';
import type { Photo, Provenance, Sequence } from '../datasets/footage.js';
import { BankWriter, type BankBackbone } from './bank.js';

export interface FillPlan {
  /** Crops of each sequence at most, spread evenly over its frames; short sequences give fewer. */
  readonly cropsPerSequence: number;
  /** At most so many objects of one photograph, and crops of each of them. */
  readonly objectsPerPhoto: number;
  readonly cropsPerObject: number;
  readonly seed: number;
}

export interface FillOptions extends FillPlan {
  /** Identifies footage and plan. */
  readonly source: string;
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/** At most so many crops a frame of a sequence in the mean: a short clip that is cropped again and again teaches little. */
const CROPS_A_FRAME = 0.6;
/** A group of crops needs so many; each clip gives at least these. */
const LEAST_CROPS = 6;

/** Crops of a sequence. */
export function cropsOf(sequence: Sequence, cropsPerSequence: number): number {
  const usable = usableFrames(sequence).length;
  return usable === 0 ? 0 : Math.min(cropsPerSequence, Math.max(LEAST_CROPS, Math.round(CROPS_A_FRAME * usable)));
}

/** Boxes smaller than this many pixels are left out: of sequences, and of photographs. */
const MIN_SIDE_SEQUENCE = 6;
const MIN_SIDE_PHOTO = 18;
/** Objects that fill the photograph have no surroundings to be told from. */
const MAX_PHOTO_SHARE = 0.8;

/** Share of the objects of photographs whose box is not their own: a head is to follow the box that it is given, whatever that holds. */
const LOOSE_SHARE = 0.5;

/** Objects of one photograph; the number of the first of them in the bank. */
interface PhotoPick {
  readonly photo: Photo;
  readonly boxes: readonly FrameBox[];
  readonly object: number;
}

/**
 * Builds a whole bank in `folder`, or goes on with one of the same source.
 * @returns whether it is finished: false where the signal was aborted
 */
export async function fillBank(
  folder: string,
  backbone: BankBackbone,
  sequences: readonly Sequence[],
  photos: readonly Photo[],
  options: FillOptions,
): Promise<boolean> {
  const picks = pickPhotos(photos, sequences.length, options, createRandom(options.seed));
  const bank = await BankWriter.open(
    folder,
    backbone,
    SEQUENCE_JITTER.cropSize,
    options.source,
    [...sequences, ...picks.flatMap(({ photo, boxes }) => boxes.map(() => photo))].map(provenanceOf),
  );
  const objects = picks.reduce((sum, { boxes }) => sum + boxes.length, 0);
  const total =
    sequences.reduce((sum, sequence) => sum + cropsOf(sequence, options.cropsPerSequence), 0) +
    objects * options.cropsPerObject;
  const first = bank.resumed?.done ?? 0;
  const makers = [...sequences.keys(), ...picks.keys()].slice(first).map((index, i) => () => {
    const unit = first + i;
    // each has numbers of its own, so that the order in which they are made does not matter
    const random = createRandom(hashSeed(options.seed, unit));
    return unit < sequences.length
      ? makeSequence(sequences[index]!, unit, options, random)
      : makePhoto(picks, index, options, random);
  });
  let done = first;
  try {
    for await (const crops of ahead(makers, AHEAD)) {
      for (const { crop, object, frame, flip } of crops) {
        if (options.signal?.aborted) break;
        options.onProgress?.(bank.size, total);
        await bank.add(crop, object, frame, flip);
      }
      if (options.signal?.aborted) return false;
      await bank.save({ done: ++done });
    }
  } catch (error) {
    await bank.close();
    throw error;
  }
  await bank.finish();
  return true;
}

/** Sequences and photographs whose crops are made while those before them are in the backbone; a sequence is up to a hundred megabytes. */
const AHEAD = 4;

/** A seed for each sequence and photograph. */
const hashSeed = (seed: number, unit: number): number =>
  (Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(unit + 1, 0x85ebca6b)) >>> 0;

/** Results in order, `count` of them in the making. A failure ends it when its turn comes. */
async function* ahead<T>(makers: readonly (() => Promise<T>)[], count: number): AsyncGenerator<T, void, void> {
  const running: Promise<T>[] = [];
  for (let next = 0; next < makers.length || running.length > 0;) {
    for (; next < makers.length && running.length < count; next++) {
      const made = makers[next]!();
      made.catch(() => undefined); // told when its turn comes
      running.push(made);
    }
    yield await running.shift()!;
  }
}

/** A crop, and what it is of. */
interface MadeCrop {
  readonly crop: TrainingCrop;
  readonly object: number;
  readonly frame: number;
  readonly flip: boolean;
}

const provenanceOf = ({ origin, group, weight }: Provenance): Provenance => ({ origin, group, weight });

/** Which objects of which photographs, in which order. */
function pickPhotos(photos: readonly Photo[], start: number, plan: FillPlan, random: Random): PhotoPick[] {
  const picks: PhotoPick[] = [];
  let object = start;
  for (const photo of shuffled(photos, random)) {
    const boxes = pickObjects(photo, plan.objectsPerPhoto, random);
    if (boxes.length === 0) continue;
    picks.push({ photo, boxes, object });
    object += boxes.length;
  }
  return picks;
}

function pickObjects(photo: Photo, count: number, random: Random): FrameBox[] {
  const usable = photo.boxes.filter(
    ({ w, h }) => Math.min(w, h) >= MIN_SIDE_PHOTO && w * h < MAX_PHOTO_SHARE * photo.width * photo.height,
  );
  return shuffled(usable, random).slice(0, count);
}

export function shuffled<T>(items: readonly T[], random: Random): T[] {
  const result = [...items];
  for (let i = result.length - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [result[i], result[j]] = [result[j]!, result[i]!];
  }
  return result;
}

async function makePhoto(
  picks: readonly PhotoPick[],
  index: number,
  plan: FillPlan,
  random: Random,
): Promise<MadeCrop[]> {
  const { photo, boxes, object } = picks[index]!;
  const frame = await readPhoto(photo);
  const before = picks[index - 1];
  const behind = before && (await readPhoto(before.photo));
  return boxes.flatMap((box, i) => {
    // one for the object, so that all its crops pair
    const flip = random.uniform() < 0.5;
    const given = random.uniform() < LOOSE_SHARE ? loosened(box, frame, random) : box;
    return Array.from({ length: plan.cropsPerObject }, () => ({
      crop: jitteredCrop(frame, given, flip, PHOTO_JITTER, random, behind),
      object: object + i,
      frame: 0,
      flip,
    }));
  });
}

/** A photograph as one frame. */
export async function readPhoto({ file }: Photo): Promise<Frame> {
  return { ...(await decodeImage(file)), index: 0, time: 0 };
}

/** Frames whose box is large enough to learn from. */
export function usableFrames({ boxes }: Sequence): number[] {
  return [...boxes.keys()].filter((index) => {
    const box = boxes[index];
    return box && Math.min(box.w, box.h) >= MIN_SIDE_SEQUENCE;
  });
}

/** `count` of some items, evenly spread; items repeat where there are fewer. */
export function spread<T>(items: readonly T[], count: number): T[] {
  if (items.length === 0) return [];
  return Array.from({ length: count }, (_, i) => items[Math.round((i * (items.length - 1)) / Math.max(1, count - 1))]!);
}

async function makeSequence(
  sequence: Sequence,
  object: number,
  { cropsPerSequence, signal }: FillOptions,
  random: Random,
): Promise<MadeCrop[]> {
  const made: MadeCrop[] = [];
  const count = cropsOf(sequence, cropsPerSequence);
  for await (const crop of sequenceCrops(sequence, count, random)) {
    if (signal?.aborted) break;
    made.push({ ...crop, object });
  }
  return made;
}

/** Jittered crops of a sequence, spread evenly over the frames that have a box. */
export async function* sequenceCrops(
  sequence: Sequence,
  count: number,
  random: Random,
): AsyncGenerator<{ crop: TrainingCrop; frame: number; flip: boolean }, void, void> {
  const perFrame = new Map<number, number>();
  for (const frame of spread(usableFrames(sequence), count)) perFrame.set(frame, (perFrame.get(frame) ?? 0) + 1);
  if (perFrame.size === 0) return;
  const last = Math.max(...perFrame.keys());
  for await (const { image, row } of framesOf(sequence)) {
    for (let i = perFrame.get(row) ?? 0; i > 0; i--) {
      const flip = random.uniform() < 0.5;
      const crop = jitteredCrop(image, sequence.boxes[row]!, flip, SEQUENCE_JITTER, random);
      yield { crop, frame: row, flip };
    }
    if (row >= last) return;
  }
}

/**
 * Frames of a sequence with the row of its annotation that belongs to each.
 */
export async function* framesOf({
  video,
  start = 0,
}: Pick<Sequence, 'video' | 'start'>): AsyncGenerator<{ image: Frame; row: number }, void, void> {
  const source = await openVideo(video, { start: { frame: start }, again: true });
  for await (const image of source.frames()) yield { image, row: image.index - start };
}
