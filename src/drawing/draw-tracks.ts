/** Boxes drawn into a video: those of every frame, with label and state. */
import { drawResult } from '../image/draw.js';
import type { Frame } from '../image/frame.js';
import type { TrackRow } from '../io/tracks.js';
import { openVideoWriter, type WriterOptions } from '../video/write.js';

/**
 * Writes the frames with their rows drawn in.
 * @throws TrackerError of openVideoWriter(), and of the frames
 */
export async function drawTracks(
  output: string,
  rows: readonly TrackRow[],
  { width, height, fps, pixelAspect }: Required<WriterOptions>,
  frames: AsyncIterable<Frame>,
): Promise<void> {
  const ofFrame = new Map<number, TrackRow[]>();
  for (const row of rows) ofFrame.set(row.frame, [...(ofFrame.get(row.frame) ?? []), row]);
  const writer = await openVideoWriter(output, { width, height, fps, pixelAspect });
  try {
    for await (const frame of frames) {
      const own = ofFrame.get(frame.index) ?? [];
      await writer.write(own.reduce((image, row) => ({ ...image, data: drawResult(image, row) }), frame));
    }
    await writer.close();
  } finally {
    await writer.abort();
  }
}
