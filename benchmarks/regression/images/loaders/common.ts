/** What the loaders share: folders, lines, images, and the one form of their errors. */
import { readdir, readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { messageOf, TrackerError } from '../../../../src/errors.js';
import type { ImageTask } from '../data.js';

/** Part of an image, whole pixels. */
export interface Window {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** One example before its pixels are read. */
export interface Example {
  readonly file: string;
  /** [D], target units */
  readonly target: readonly number[];
  /** Examples of one group stay in one part of a split: a person, a recording. */
  readonly group?: string;
  /** Default: the whole image. */
  readonly window?: Window;
}

export interface Place {
  readonly file: string;
  /** From 1. */
  readonly line?: number;
}

/** "file, line n: found X, expected Y" */
export function fault({ file, line }: Place, found: string, expected: string, hint: string): TrackerError {
  const where = line === undefined ? file : `${file}, line ${line}`;
  return new TrackerError('DATA_INVALID', `${where}: found ${found}, expected ${expected}`, { hint });
}

/** Names in a folder, sorted, without hidden ones. @throws TrackerError INPUT_NOT_FOUND */
export async function namesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((cause: unknown) => {
    throw new TrackerError('INPUT_NOT_FOUND', `${folder}: ${messageOf(cause)}`, {
      hint: 'give the folder of the data set: --data DIR',
      cause,
    });
  });
  return names.filter((name) => !name.startsWith('.')).toSorted();
}

/** Lines of a text file, without line ends and blank last lines. @throws TrackerError INPUT_NOT_FOUND */
export async function linesOf(file: string): Promise<string[]> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new TrackerError('INPUT_NOT_FOUND', `${file}: ${messageOf(cause)}`, { hint: 'is the set whole?', cause });
  });
  return text
    .replace(/^\uFEFF/, '')
    .trimEnd()
    .split(/\r?\n/);
}

/** @param count how many numbers the line must have */
export function numbersOf(line: string, count: number, place: Place): number[] {
  const words = line.trim().split(/\s+/);
  const values = words.map(Number);
  if (words.length !== count || line.trim() === '' || !values.every(Number.isFinite)) {
    throw fault(place, `"${line.trim()}"`, `${count} numbers`, 'mend or remove that file');
  }
  return values;
}

/** Pixels of an image file in the task's form: [side, side, channels], 0 to 255. @throws TrackerError IMAGE_UNREADABLE */
export async function readPixels({ side, channels }: ImageTask, { file, window }: Example): Promise<Uint8Array> {
  try {
    const image = sharp(file, { failOn: 'error' }).flatten({ background: '#000000' });
    if (window) image.extract(window);
    image.resize(side, side, { fit: 'fill' });
    if (channels === 1) image.greyscale();
    else image.toColourspace('srgb');
    const { data, info } = await image.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
    return withChannels(data, info.channels, channels);
  } catch (cause) {
    throw new TrackerError('IMAGE_UNREADABLE', `${file}: ${messageOf(cause)}`, {
      hint: 'expected an image file that is whole; remove it to go on without it',
      cause,
    });
  }
}

/** A grey file stays grey in sharp: its value for each colour; and the reverse. */
function withChannels(data: Uint8Array, from: number, to: number): Uint8Array {
  if (from === to) return data;
  const pixels = data.length / from;
  return Uint8Array.from({ length: pixels * to }, (_, i) => data[Math.floor(i / to) * from]!);
}
