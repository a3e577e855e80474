/** track --boxes FILE: which objects, and in which frame they are to be seen first. */
import { stat } from 'node:fs/promises';
import { readFirstBoxes, type FirstBox } from '../io/first-boxes.js';
import type { Media } from '../io/tracks.js';
import { openVideo, type Start } from '../video/read.js';
import { mediaOf } from './media.js';

export interface BoxesFound {
  readonly objects: readonly FirstBox[];
  /** First frame or time to track from: as asked for, else that of the boxes. */
  readonly start?: Start | undefined;
}

/**
 * Boxes of the frame where tracking starts. Without --start that is the first frame of the file that has a box in sight; a live picture has
 * no frames that a file could name.
 * @param live whether the video is live
 * @param say is told what was decided, and what was left out
 * @throws TrackerError those of readFirstBoxes, and of openVideo
 */
export async function readBoxesFile(
  file: string,
  video: string,
  live: boolean,
  start: Start | undefined,
  say: (text: string) => void,
): Promise<BoxesFound> {
  const media = await mediaOfVideo(video, live);
  const frame = start && (await frameOf(video, start));
  const objects = await readFirstBoxes(file, { frame, onNote: say, media });
  const first = objects[0]?.frame ?? 0;
  if (start !== undefined || first === 0) return { objects, start };
  if (live) {
    say(`${file}: boxes of frame ${first} are taken for the first picture of ${video}`);
    return { objects };
  }
  say(`${file}: its first boxes are those of frame ${first}: tracking starts there`);
  return { objects, start: { frame: first } };
}

/** Undefined of what is read only once. */
async function mediaOfVideo(video: string, live: boolean): Promise<Media | undefined> {
  if (live) return undefined;
  const found = await stat(video).catch(() => undefined);
  if (found && !found.isFile() && !found.isDirectory()) return undefined;
  return mediaOf(await openVideo(video));
}

/** Number of the frame that a time stands for: only the video itself tells. */
async function frameOf(video: string, start: Start): Promise<number | undefined> {
  if ('frame' in start) return start.frame;
  for await (const { index } of (await openVideo(video, { start })).frames()) return index;
  return undefined;
}
