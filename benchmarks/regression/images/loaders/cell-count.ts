/**
 * Cell-200 as a folder of images, the layout the authors read: INDEX_COUNT.0.png. Or any images with a labels.csv of "file,count" lines.
 * The set is also handed round as HDF5 (Cell200_64x64.h5: IMGs_grey, CellCounts); a reader of that would be a dependency for one file that
 * a few lines of Python unpack, so we have none, and the error says how.
 */
import path from 'node:path';
import { TASKS } from '../data.js';
import { fault, linesOf, namesIn, type Example, type Place } from './common.js';

const IMAGE = /\.(png|jpe?g|tiff?|bmp)$/i;
const NAME = /^\d+_(\d+)(?:\.0+)?\.[a-z]+$/i;
const LABELS = 'labels.csv';
const HINT = 'rename or remove it, or list the counts in labels.csv';

/** @throws TrackerError INPUT_NOT_FOUND, DATA_INVALID */
export async function listCells(folder: string): Promise<Example[]> {
  const names = await namesIn(folder);
  if (names.includes(LABELS)) return listLabels(folder, new Set(names));
  const images = names.filter((name) => IMAGE.test(name));
  if (images.length > 0) return images.map((name) => fromName(path.join(folder, name)));
  const packed = names.find((name) => /\.h(df)?5$/i.test(name));
  if (packed === undefined) throw fault({ file: folder }, 'no images', 'INDEX_COUNT.0.png or labels.csv', HINT);
  throw fault(
    { file: path.join(folder, packed) },
    'an HDF5 file',
    'a folder of images',
    'unpack it with h5py: save IMGs_grey[i] as f"{i}_{CellCounts[i]}.0.png"',
  );
}

function fromName(file: string): Example {
  const name = path.basename(file);
  const count = NAME.exec(name)?.[1];
  if (count === undefined) throw fault({ file }, `"${name}"`, 'INDEX_COUNT.0.png', HINT);
  return { file, target: [checkCount(count, { file })] };
}

async function listLabels(folder: string, names: ReadonlySet<string>): Promise<Example[]> {
  const file = path.join(folder, LABELS);
  const examples: Example[] = [];
  for (const [i, line] of (await linesOf(file)).entries()) {
    const place = { file, line: i + 1 };
    const cells = line.split(',').map((cell) => cell.trim());
    if (cells.length !== 2) throw fault(place, `"${line}"`, 'file,count', HINT);
    const [name, count] = cells as [string, string];
    if (i === 0 && !names.has(name) && !/\d/.test(count)) continue; // a head line
    if (!names.has(name)) throw fault(place, `"${name}", which is not in the folder`, 'an image file', HINT);
    examples.push({ file: path.join(folder, name), target: [checkCount(count, place)] });
  }
  if (examples.length === 0) throw fault({ file }, 'no lines', 'file,count lines', HINT);
  return examples;
}

function checkCount(text: string, place: Place): number {
  const { min, max } = TASKS.cells.axes[0]!;
  const count = Number(text);
  if (text !== '' && Number.isInteger(count) && count >= min && count <= max) return count;
  throw fault(place, `count "${text}"`, `a whole number from ${min} to ${max}`, HINT);
}
