/** Facts about a video that annotation formats need. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { Media } from '../io/tracks.js';
import { imagesInFolder, matchPattern } from '../video/images.js';
import type { VideoSource } from '../video/read.js';
import { nameOf } from '../video/source.js';

/**
 * Size, rate, length and, of pictures, their names.
 * @param times of all frames, where they are known: more sure than what the header says
 * @param rate that was asked for: it goes before the times
 */
export async function mediaOf(source: VideoSource, times?: ArrayLike<number>, rate?: number): Promise<Media> {
  const { path: file, width, height, fps, frameCount, codec } = source;
  return {
    name: nameOf(file),
    width,
    height,
    fps,
    frameCount: times?.length ?? (frameCount > 0 ? frameCount : undefined),
    times: rate === undefined ? times : undefined,
    frameNames: codec === 'images' ? await picturesOf(file) : undefined,
  };
}

/** Names of the pictures that a folder or a pattern stands for, frame by frame. */
async function picturesOf(file: string): Promise<string[]> {
  const found = await stat(file).catch(() => undefined);
  const files = found?.isDirectory() ? await imagesInFolder(file) : found ? [file] : await matchPattern(file);
  return files.map((one) => path.basename(one));
}
