/** Looks at a sequence's frames before hours are spent on it. */
import { messageOf } from '../errors.js';
import type { FrameBox, Size } from '../geometry.js';
import { openVideo } from '../video/read.js';
import type { Sequence } from '../datasets/footage.js';

/**
 * Decodes every frame that has a row.
 * @param annotation name of the annotation in messages
 * @param signal aborted: it ends early, and what it returns says nothing
 * @returns every fault: a missing video, frames that cannot be decoded, more boxes than frames, no box at all, boxes outside the frame
 */
export async function checkFrames(
  { video, start = 0, boxes }: Sequence,
  annotation: string,
  signal?: AbortSignal,
): Promise<string[]> {
  const rows = boxes.length;
  if (boxes.every((box) => box === undefined))
    return [`${annotation}: ${rows} lines without a box, expected one at least`];
  const faults: string[] = [];
  let frames = 0;
  try {
    const source = await openVideo(video, { start: { frame: start }, again: true, signal });
    for await (const { index, width, height } of source.frames()) {
      const row = index - start;
      const fault = faultOf(boxes[row], { width, height });
      if (fault !== undefined) faults.push(`${annotation}, line ${row + 1}: ${fault}`);
      frames = row + 1;
      if (frames >= rows) break;
    }
    faults.push(...source.warnings.map((warning) => (warning.startsWith(video) ? warning : `${video}: ${warning}`)));
    if (frames >= rows || source.warnings.length > 0) return faults;
  } catch (error) {
    return [...faults, messageOf(error)];
  }
  const found = `found ${rows} boxes for the ${frames} frames of ${video}, expected no more boxes than frames`;
  return [...faults, `${annotation}, line ${frames + 1}: ${found}`];
}

function faultOf(box: FrameBox | undefined, { width, height }: Size): string | undefined {
  if (!box) return undefined;
  const { x, y, w, h } = box;
  if (x < width && y < height && x + w > 0 && y + h > 0) return undefined;
  return `box ${x},${y},${w},${h} lies outside the frame of ${width} x ${height}, expected some of it inside`;
}
