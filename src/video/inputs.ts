/** Tells which files are read where a video is named, so that none of them is written. */
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Input } from '../files/keep-inputs.js';
import { isImage, patternOf } from './images.js';
import { CAMERA, STDIN } from './source.js';

/** An address, live or not: no file of this machine is read. */
const ADDRESS = /^[a-z][a-z\d+.-]*:\/\//i;

/** @param video a file, a folder of images, a pattern, or a live source */
export async function inputsOfVideo(video: string): Promise<Input[]> {
  const what = 'the video';
  if (video === STDIN) return [{ what: 'standard input', path: 0 }];
  if (CAMERA.test(video) || ADDRESS.test(video)) return [];
  const found = await stat(video).catch(() => undefined);
  if (found?.isDirectory()) return [{ what, path: video, takes: isImage }];
  if (found) return [{ what, path: video }];
  const pattern = patternOf(video);
  return pattern ? [{ what, path: dirname(video), takes: (name) => pattern.test(name) }] : [];
}
