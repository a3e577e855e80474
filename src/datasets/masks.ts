/** Sequences with a mask for each object: JPEGImages/NAME/*.jpg and Annotations/NAME/*.png (DAVIS, YouTube-VOS). */
import path from 'node:path';
import type { FrameBox } from '../geometry.js';
import { decodeImage, type RgbImage } from '../image/decode.js';
import { imagesInFolder } from '../video/images.js';
import type { Sequence } from './footage.js';
import { exists, foldersIn } from './layout.js';

/** Folders of the videos below JPEGImages and Annotations: DAVIS has one for each resolution. */
const RESOLUTIONS = ['480p', 'Full-Resolution', ''];

export async function isMaskData(root: string): Promise<boolean> {
  return (await exists(path.join(root, 'JPEGImages'))) && exists(path.join(root, 'Annotations'));
}

/** One sequence for each object, its box the extent of its mask; objects of one video are of one group. Frames without a mask file have no box. */
export async function readMaskData(root: string): Promise<Sequence[]> {
  const folders = RESOLUTIONS.map((resolution) => path.join(root, 'JPEGImages', resolution));
  const there = await Promise.all(folders.map(exists));
  const resolution = RESOLUTIONS[there.indexOf(true)] ?? '';
  const sequences: Sequence[] = [];
  for (const name of await foldersIn(path.join(root, 'Annotations', resolution))) {
    const video = path.join(root, 'JPEGImages', resolution, name);
    if (await exists(video))
      sequences.push(...(await readVideo(name, video, path.join(root, 'Annotations', resolution, name))));
  }
  return sequences;
}

async function readVideo(name: string, video: string, masks: string): Promise<Sequence[]> {
  const frames = (await imagesInFolder(video)).map((file) => path.parse(file).name);
  const objects = new Map<number, (FrameBox | undefined)[]>();
  for (const [index, frame] of frames.entries()) {
    const file = path.join(masks, `${frame}.png`);
    if (!(await exists(file))) continue;
    for (const [colour, box] of extents(await decodeImage(file))) {
      const boxes = objects.get(colour) ?? Array<FrameBox | undefined>(frames.length).fill(undefined);
      boxes[index] = box;
      objects.set(colour, boxes);
    }
  }
  return [...objects].map(([, boxes], i) => ({ name: `${name}_${i + 1}`, video, boxes, group: name }));
}

/** The box about all pixels of each colour but black: a mask's palette has one colour an object. */
function extents({ data, width, height }: RgbImage): Map<number, FrameBox> {
  const corners = new Map<number, [left: number, top: number, right: number, bottom: number]>();
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += 3) {
      const colour = (data[at]! << 16) | (data[at + 1]! << 8) | data[at + 2]!;
      if (colour === 0) continue;
      const box = corners.get(colour);
      if (!box) {
        corners.set(colour, [x, y, x, y]);
        continue;
      }
      if (x < box[0]) box[0] = x;
      if (x > box[2]) box[2] = x;
      box[3] = y;
    }
  }
  return new Map(
    [...corners].map(([colour, [left, top, right, bottom]]) => [
      colour,
      { x: left, y: top, w: right - left + 1, h: bottom - top + 1 },
    ]),
  );
}
