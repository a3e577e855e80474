/** Fills a feature bank from sequences and photographs. */
import { rm } from 'node:fs/promises';
import type { Backbone } from '../features/backbone.js';
import type { FrameBox } from '../geometry.js';
import { decodeImage } from '../image/decode.js';
import type { Frame } from '../image/frame.js';
import type { Random } from '../random.js';
import { openVideo } from '../video/read.js';
import { jitteredCrop, PHOTO_JITTER, SEQUENCE_JITTER } from './augment.js';
import { BankWriter } from './bank.js';
import type { Photo, Sequence } from './dataset.js';

export interface FillOptions {
  /** Crops of each sequence, spread evenly over its frames. */
  readonly cropsPerSequence: number;
  /** At most so many objects of one photograph, and crops of each of them. */
  readonly objectsPerPhoto: number;
  readonly cropsPerObject: number;
  readonly onProgress?: (done: number, total: number) => void;
}

/** Boxes smaller than this many pixels are left out: of sequences, and of photographs. */
const MIN_SIDE_SEQUENCE = 6;
const MIN_SIDE_PHOTO = 18;
/** Objects that fill the photograph have no surroundings to be told from. */
const MAX_PHOTO_SHARE = 0.8;

/** Builds a whole bank in `folder`, replacing what is there. */
export async function fillBank(
  folder: string,
  backbone: Backbone,
  sequences: readonly Sequence[],
  photos: readonly Photo[],
  options: FillOptions,
  random: Random,
): Promise<number> {
  await rm(folder, { recursive: true, force: true });
  const bank = await BankWriter.create(folder, backbone, SEQUENCE_JITTER.cropSize);
  const picks = photos.map((photo) => pickObjects(photo, options.objectsPerPhoto, random));
  const objects = picks.reduce((sum, boxes) => sum + boxes.length, 0);
  const total = sequences.length * options.cropsPerSequence + objects * options.cropsPerObject;
  const report = (): void => options.onProgress?.(bank.size, total);
  let object = 0;
  for (const sequence of sequences) {
    await addSequence(bank, sequence, object++, options.cropsPerSequence, random);
    report();
  }
  let behind: Frame | undefined; // the photograph before
  for (const index of shuffled([...photos.keys()], random)) {
    const photo = photos[index]!;
    const boxes = picks[index]!;
    if (boxes.length === 0) continue;
    const frame = { ...(await decodeImage(photo.file)), index: 0, time: 0 };
    for (const box of boxes) {
      const flip = random.uniform() < 0.5; // one for the object, so that all its crops pair
      for (let i = 0; i < options.cropsPerObject; i++) {
        await bank.add(jitteredCrop(frame, box, flip, PHOTO_JITTER, random, behind), object, 0, flip);
      }
      object++;
    }
    behind = frame;
    report();
  }
  await bank.finish();
  return bank.size;
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

async function addSequence(
  bank: BankWriter,
  sequence: Sequence,
  object: number,
  crops: number,
  random: Random,
): Promise<void> {
  const usable = [...sequence.boxes.keys()].filter((index) => {
    const box = sequence.boxes[index];
    return box && Math.min(box.w, box.h) >= MIN_SIDE_SEQUENCE;
  });
  const perFrame = new Map<number, number>();
  for (let i = 0; i < crops; i++) {
    const frame = usable[Math.round((i * (usable.length - 1)) / Math.max(1, crops - 1))]!;
    perFrame.set(frame, (perFrame.get(frame) ?? 0) + 1);
  }
  const video = await openVideo(sequence.video);
  for await (const frame of video.frames()) {
    for (let i = perFrame.get(frame.index) ?? 0; i > 0; i--) {
      const flip = random.uniform() < 0.5;
      const crop = jitteredCrop(frame, sequence.boxes[frame.index]!, flip, SEQUENCE_JITTER, random);
      await bank.add(crop, object, frame.index, flip);
    }
  }
}
