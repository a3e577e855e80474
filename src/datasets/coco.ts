/** Photographs with boxes in COCO's layout: annotations/instances_SPLIT.json and the images of that split. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { messageOf, TrackerError } from '../errors.js';
import { readTextFile } from '../io/text-file.js';
import { isObject } from '../json.js';
import type { Photo } from './footage.js';
import { exists, oneOf } from './layout.js';

const LAYOUT = 'annotations/instances_SPLIT.json, SPLIT/NAME.jpg or images/SPLIT/NAME.jpg';
const ANNOTATIONS = /^instances_(.+)\.json$/;

interface CocoImage {
  readonly id: number;
  readonly file_name: string;
  readonly width: number;
  readonly height: number;
}

interface CocoAnnotation {
  readonly image_id: number;
  readonly bbox: readonly [number, number, number, number];
  /** 1: the box holds many things. */
  readonly iscrowd?: number;
}

/** Names of the splits that have annotations. */
async function splitsOf(folder: string): Promise<string[]> {
  const names = await readdir(path.join(folder, 'annotations')).catch(() => []);
  return names.flatMap((name) => ANNOTATIONS.exec(name)?.[1] ?? []).toSorted();
}

export async function isCoco(folder: string): Promise<boolean> {
  return (await splitsOf(folder)).length > 0;
}

/**
 * The photographs of the training splits; of all splits where none is called train. Boxes of crowds are left out.
 * @throws TrackerError DATA_INVALID naming the file
 */
export async function readCoco(folder: string): Promise<Photo[]> {
  const splits = await splitsOf(folder);
  const train = splits.filter((split) => split.includes('train'));
  const photos: Photo[] = [];
  for (const split of train.length > 0 ? train : splits) {
    const images = await oneOf(folder, [split, path.join('images', split)], { layout: LAYOUT });
    photos.push(...(await readSplit(path.join(folder, 'annotations', `instances_${split}.json`), images)));
  }
  return photos;
}

async function readSplit(file: string, folder: string): Promise<Photo[]> {
  const { images, annotations } = await readInstances(file);
  const boxes = new Map<number, Photo['boxes'][number][]>(images.map(({ id }) => [id, []]));
  for (const { image_id: image, bbox, iscrowd } of annotations) {
    const [x, y, w, h] = bbox;
    if (iscrowd !== 1 && [x, y, w, h].every(Number.isFinite)) boxes.get(image)?.push({ x, y, w, h });
  }
  const photos = images.map(({ id, file_name: name, width, height }) => ({
    file: path.join(folder, name),
    width,
    height,
    boxes: boxes.get(id)!,
  }));
  if (photos[0] && !(await exists(photos[0].file))) {
    throw new TrackerError('DATA_INVALID', `${file}: its first image ${photos[0].file} is not there`, {
      hint: `expected layout: ${LAYOUT}`,
    });
  }
  return photos;
}

async function readInstances(file: string): Promise<{ images: CocoImage[]; annotations: CocoAnnotation[] }> {
  const text = await readTextFile(file, { what: 'annotations' });
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch (cause) {
    throw new TrackerError('DATA_INVALID', `${file}: ${messageOf(cause)}`, { hint: 'fetch that file again', cause });
  }
  const { images, annotations } = isObject(found) ? found : {};
  if (!Array.isArray(images) || !Array.isArray(annotations)) {
    throw new TrackerError('DATA_INVALID', `${file}: it lacks "images" or "annotations"`, {
      hint: 'expected COCO instances: {"images": [...], "annotations": [...]}',
    });
  }
  return { images: images as CocoImage[], annotations: annotations as CocoAnnotation[] };
}
