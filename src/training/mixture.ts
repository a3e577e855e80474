/** Mixture of footage for training: folders of public layouts beside the main one, each with a weight. */
import path from 'node:path';
import { isCoco, readCoco } from '../datasets/coco.js';
import { readPhotos, readSequences, type Photo, type Sequence } from '../datasets/footage.js';
import { isImagenetVid, readImagenetVid } from '../datasets/imagenet-vid.js';
import { exists } from '../datasets/layout.js';
import { isMaskData, readMaskData } from '../datasets/masks.js';
import { TrackerError } from '../errors.js';
import { readFootage } from './footage.js';
import type { Footage } from './session.js';

/** A folder to learn from. */
export interface Source {
  readonly path: string;
  /** How often it is drawn, against the square root of its sources; 1 where nothing is said. */
  readonly weight: number;
}

/** DIR or DIR=WEIGHT. @throws TrackerError OPTION_INVALID */
export function parseSource(text: string): Source {
  const [, folder, weight] = /^(.*?)(?:=([^=/\\]*))?$/s.exec(text)!;
  const value = weight === undefined ? 1 : Number(weight);
  if (folder === '' || weight === '' || !Number.isFinite(value) || value <= 0) {
    throw new TrackerError('OPTION_INVALID', `--more ${text}: expected DIR or DIR=WEIGHT, the weight above 0`, {
      hint: 'for example --more got10k/train=2',
    });
  }
  return { path: folder!, weight: value };
}

/**
 * The footage of a folder, whatever its layout: photographs of COCO or with boxes.jsonl; sequences of ImageNet VID, with masks (DAVIS,
 * YouTube-VOS), with NAME/video.mp4, or of a layout that `evaluate` knows. It is one data set, drawn by its weight.
 * @param say is told of sequences that are left out because of a fault
 * @throws TrackerError DATA_INVALID, INPUT_NOT_FOUND
 */
export async function readSource({ path: folder, weight }: Source, say: (text: string) => void): Promise<Footage> {
  const { sequences, photos } = await readAny(folder, say);
  const own = { origin: path.basename(path.resolve(folder)), weight };
  return {
    sequences: sequences.map((sequence) => ({ ...sequence, ...own })),
    photos: photos.map((photo) => ({ ...photo, ...own })),
  };
}

async function readAny(folder: string, say: (text: string) => void): Promise<Footage> {
  const sequences = (list: readonly Sequence[]): Footage => ({ sequences: list, photos: [] });
  const photos = (list: readonly Photo[]): Footage => ({ sequences: [], photos: list });
  if (await isCoco(folder)) return photos(await readCoco(folder));
  if (await exists(path.join(folder, 'boxes.jsonl'))) return photos(await readPhotos(folder));
  if (await isImagenetVid(folder)) return sequences(await readImagenetVid(folder));
  if (await isMaskData(folder)) return sequences(await readMaskData(folder));
  const plain = await readSequences(folder).catch(() => undefined);
  if (plain) return sequences(plain);
  const { sequences: found, faults } = await readFootage(folder);
  for (const { sequence, message } of faults) say(`left out: ${sequence}: ${message}`);
  return sequences(found);
}

/** All footage as one. */
export function mixFootage(parts: readonly Footage[]): Footage {
  return { sequences: parts.flatMap(({ sequences }) => sequences), photos: parts.flatMap(({ photos }) => photos) };
}
