/** A picture sheet of what is learned from: augmented crops, before their features are taken. */
import type { Random } from '../random.js';
import type { Colour } from '../image/draw.js';
import { writeSheet, type Tile } from '../image/sheet.js';
import { jitteredCrop, PHOTO_JITTER, SEQUENCE_JITTER, type TrainingCrop } from './augment.js';
import type { Photo, Sequence } from '../datasets/footage.js';
import { readPhoto, sequenceCrops, shuffled } from './fill-bank.js';

const COLUMNS = 6;
const ROWS = 4;
const TRUTH: Colour = [48, 224, 96];
/** The last box that the crop was made about. */
const LAST: Colour = [255, 184, 0];

/** Rows of crops of one object each: sequences first, photographs below. The truth is green, the last box amber and dashed. */
export async function writeBatchSheet(
  file: string,
  sequences: readonly Sequence[],
  photos: readonly Photo[],
  random: Random,
): Promise<void> {
  const tiles: Tile[] = [];
  const photoRows = photos.length > 0 ? ROWS / 2 : 0;
  for (const sequence of shuffled(sequences, random).slice(0, ROWS - photoRows)) {
    for await (const { crop } of sequenceCrops(sequence, COLUMNS, random)) tiles.push(toTile(crop));
  }
  let behind;
  for (const photo of shuffled(photos, random).slice(0, photoRows)) {
    const frame = await readPhoto(photo);
    const box = photo.boxes[random.integer(photo.boxes.length)];
    for (let i = 0; i < (box ? COLUMNS : 0); i++)
      tiles.push(toTile(jitteredCrop(frame, box!, random.uniform() < 0.5, PHOTO_JITTER, random, behind)));
    behind = frame;
  }
  await writeSheet(file, tiles, SEQUENCE_JITTER.cropSize, COLUMNS);
}

function toTile({ rgb, box, lastWidth, lastHeight }: TrainingCrop): Tile {
  const middle = SEQUENCE_JITTER.cropSize / 2;
  const last = { x: middle - lastWidth / 2, y: middle - lastHeight / 2, w: lastWidth, h: lastHeight };
  return {
    rgb,
    outlines: [
      { box: last, colour: LAST, dashed: true },
      { box: { x: box.cx - box.w / 2, y: box.cy - box.h / 2, w: box.w, h: box.h }, colour: TRUTH, dashed: false },
    ],
  };
}
