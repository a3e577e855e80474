/**
 * Frames of your own, here a square that moves over a grey ground: no video file, no ffmpeg. Half-way the tracker is told where the object is.
 *
 *   npx tsx examples/own-frames.ts
 */
import { createTracker, intersectionOverUnion, type Frame, type FrameBox } from 'ebm-tracker';

const WIDTH = 160;
const HEIGHT = 120;
const FRAMES = 12;

const place = (index: number): FrameBox => ({ x: 40 + 3 * index, y: 30 + index, w: 32, h: 32 });

/** RGB, 8 bit, rows without padding. */
function paint(index: number): Frame {
  const { x, y, w, h } = place(index);
  const data = new Uint8Array(3 * WIDTH * HEIGHT).fill(120);
  for (let row = 0; row < h; row++) {
    for (let column = 0; column < w; column++) {
      const light = (Math.floor(row / 8) + Math.floor(column / 8)) % 2 === 0;
      data.set(light ? [230, 190, 40] : [30, 40, 90], 3 * ((y + row) * WIDTH + x + column));
    }
  }
  return { data, width: WIDTH, height: HEIGHT, index, time: index / 25 };
}

const tracker = await createTracker({ threads: 1 });
await tracker.init(paint(0), place(0));
for (let index = 1; index < FRAMES; index++) {
  if (index === FRAMES / 2) await tracker.moveTo(paint(index - 1), place(index - 1));
  const { box, state } = await tracker.update(paint(index));
  console.log(`frame ${index}: overlap ${intersectionOverUnion(box, place(index)).toFixed(2)}, ${state}`);
}
await tracker.release();
