/** Many small pictures of one size as one file. */
import path from 'node:path';
import type { FormatEnum } from 'sharp';
import { messageOf, TrackerError } from '../errors.js';
import { writeWhole } from '../files/write.js';
import { drawBoxes, type Outline } from './draw.js';
import { loadSharp } from './sharp.js';

/** A square picture: RGB, [size, size, 3], 0 to 255. */
export interface Tile {
  readonly rgb: ArrayLike<number>;
  readonly outlines: readonly Outline[];
}

/**
 * Tiles row by row, with their boxes drawn in.
 * @param size side of each tile, pixels
 * @throws TrackerError OUTPUT_FAILED
 */
export async function writeSheet(file: string, tiles: readonly Tile[], size: number, columns: number): Promise<void> {
  const width = columns * size;
  const height = Math.ceil(tiles.length / columns) * size;
  const sheet = new Uint8Array(3 * width * height);
  tiles.forEach(({ rgb, outlines }, index) => {
    const data = Uint8Array.from(rgb);
    drawBoxes({ data, width: size, height: size }, outlines);
    const left = (index % columns) * size;
    const top = Math.floor(index / columns) * size;
    for (let row = 0; row < size; row++)
      sheet.set(data.subarray(3 * row * size, 3 * (row + 1) * size), 3 * ((top + row) * width + left));
  });
  const sharp = await loadSharp();
  // the ending says which kind of picture; sharp refuses what is none
  const kind = path.extname(file).slice(1).toLowerCase() as keyof FormatEnum;
  const raw = { width, height, channels: 3 } as const;
  const picture = await (async () => sharp(sheet, { raw }).toFormat(kind).toBuffer())().catch((cause: unknown) => {
    throw new TrackerError('OUTPUT_FAILED', `picture sheet ${file}: ${messageOf(cause)}`, {
      hint: 'name a .png or .jpg file',
      cause,
    });
  });
  await writeWhole(file, picture);
}
