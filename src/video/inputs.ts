/** Tells which files are read where a video is named, so that none of them is written. */
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Input } from '../files/keep-inputs.js';
import { isImage, patternOf } from './images.js';
import { isLive } from './live.js';

/** As live.ts has it: standard input. */
const STDIN = '-';

/** @param video a file, a folder of images, a pattern, or a live source */
export async function inputsOfVideo(video: string): Promise<Input[]> {
  const what = 'the video';
  if (video === STDIN) return [{ what: 'standard input', path: 0 }];
  if (isLive(video)) return [];
  const found = await stat(video).catch(() => undefined);
  if (found?.isDirectory()) return [{ what, path: video, takes: isImage }];
  if (found) return [{ what, path: video }];
  const pattern = patternOf(video);
  return pattern ? [{ what, path: dirname(video), takes: (name) => pattern.test(name) }] : [];
}
