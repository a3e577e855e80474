/**
 * Contact sheet of images with their targets, to be looked at before anything is trained on them.
 *
 *   npx tsx benchmarks/regression/images/sheet.ts --out sheet.png [--seed 1]
 */
import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import sharp from 'sharp';
import { createRandom } from '../../../src/random.js';
import { drawCells } from './cells.js';
import { TASKS } from './data.js';

const COUNTS = [1, 2, 5, 10, 20, 40, 60, 80, 100, 120, 140, 160, 180, 200];
const ROWS = 2;
const ZOOM = 2;
const GAP = 4;
const CAPTION = 18;

/** SVG with the images in it. A column a count, a row a seed. */
export async function cellSheet(seed: number): Promise<string> {
  const { side } = TASKS.cells;
  const cell = side * ZOOM + GAP;
  const parts: string[] = [];
  for (const [column, count] of COUNTS.entries()) {
    parts.push(
      `<text x="${column * cell + cell / 2}" y="13" text-anchor="middle" font-family="sans-serif" font-size="12" fill="#fff">${count}</text>`,
    );
    for (let row = 0; row < ROWS; row++) {
      const pixels = drawCells(count, createRandom(1000 * seed + 10 * count + row));
      const png = await sharp(pixels, { raw: { width: side, height: side, channels: 1 } })
        .png()
        .toBuffer();
      parts.push(
        `<image x="${column * cell}" y="${CAPTION + row * cell}" width="${side * ZOOM}" height="${side * ZOOM}" style="image-rendering:pixelated" href="data:image/png;base64,${png.toString('base64')}"/>`,
      );
    }
  }
  const [width, height] = [COUNTS.length * cell, CAPTION + ROWS * cell];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"><rect width="100%" height="100%" fill="#333"/>${parts.join('')}</svg>\n`;
}

if (process.argv[1] === import.meta.filename) {
  const { out, seed } = new Command()
    .requiredOption('--out <file>', 'sheet.svg or sheet.png')
    .option('--seed <n>', 'of the cells', Number, 1)
    .parse()
    .opts<{ out: string; seed: number }>();
  const svg = await cellSheet(seed);
  if (out.endsWith('.png')) await sharp(Buffer.from(svg)).greyscale().png({ compressionLevel: 9 }).toFile(out);
  else await writeFile(out, svg);
}
