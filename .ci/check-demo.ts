/** Checks what `ebm-tracker demo` wrote: a row a frame, and a video that plays with as many frames. */
import { join } from 'node:path';
import { openVideo, readBoxes } from '../src/index.js';

const folder = process.argv[2] ?? 'ebm-tracker-demo';
const rows = await readBoxes(join(folder, 'boxes.csv'));
const video = await openVideo(join(folder, 'demo.mp4'));
let frames = 0;
for await (const frame of video.frames()) frames += frame.data.length > 0 ? 1 : 0;
if (rows.length === 0 || frames !== rows.length) {
  throw new Error(`demo: boxes.csv has ${rows.length} rows and demo.mp4 ${frames} frames, expected the same number`);
}
if (video.warnings.length > 0) throw new Error(`demo: ${video.warnings.join('; ')}`);
console.log(`demo: ${rows.length} rows, ${frames} frames, ${video.width} x ${video.height}`);
