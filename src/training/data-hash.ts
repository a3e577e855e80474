/** Identifies footage by its annotations and the sizes of its files: contents are not read, data sets are large. */
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { mapLimited } from '../limit.js';
import { imagesInFolder } from '../video/images.js';
import type { Photo, Provenance, Sequence } from '../datasets/footage.js';

/** The same on every machine that has the same files, wherever they lie. @returns sha256 */
export async function hashFootage(sequences: readonly Sequence[], photos: readonly Photo[] = []): Promise<string> {
  const hash = createHash('sha256');
  for (const { name, video, start = 0, boxes, ...from } of sequences)
    hash.update(JSON.stringify([name, start, await sizesOf(video), boxes.map((box) => box ?? 0), ...weightOf(from)]));
  for (const { file, boxes, ...from } of photos)
    hash.update(JSON.stringify([path.basename(file), boxes, ...weightOf(from)]));
  return hash.digest('hex');
}

/** A weight that was asked for, and the data set that it is of: a bank holds both, so that one of other weights is not taken for it. */
const weightOf = ({ origin, weight }: Provenance): unknown[] => (weight === undefined ? [] : [origin, weight]);

/** Bytes of a file, or names and bytes of a folder's images; nothing of a pattern. */
async function sizesOf(video: string): Promise<unknown> {
  const found = await stat(video).catch(() => undefined);
  if (!found?.isDirectory()) return found?.size;
  const names = (await imagesInFolder(video)).map((file) => path.basename(file)).toSorted();
  return mapLimited(names, async (name) => [
    name,
    (await stat(path.join(video, name)).catch(() => undefined))?.size ?? 0,
  ]);
}
