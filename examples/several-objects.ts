/**
 * Several objects at once: rows with ids to a file, and the video with all boxes drawn in.
 *
 *   npx tsx examples/several-objects.ts OUT.csv OUT.mp4 [VIDEO FRAMES x,y,w,h x,y,w,h ...]
 */
import { writeFile } from 'node:fs/promises';
import {
  createTrackerGroup,
  drawResults,
  formatHead,
  formatRow,
  openVideo,
  openVideoWriter,
  parseBox,
  trackObjects,
} from 'ebm-tracker';

const [csv = 'objects.csv', mp4 = 'objects.mp4', video = 'models/demo/demo.mp4', frames = '20', ...given] =
  process.argv.slice(2);
const boxes = (given.length > 0 ? given : ['195,24,351,243', '60,200,90,120']).map((text) => parseBox(text));

const source = await openVideo(video);
const writer = await openVideoWriter(mp4, source);
const group = await createTrackerGroup();
let rows = formatHead('csv', true);
for await (const { frame, time, image, objects } of trackObjects(group, source, boxes)) {
  const named = objects.map((result, i) => ({ ...result, id: i + 1 }));
  rows += named.map((result) => formatRow({ ...result, frame, time }, 'csv')).join('');
  await writer.write({ ...image, data: drawResults(image, named) });
  if (frame + 1 >= Number(frames)) break;
}
await writer.close();
await writeFile(csv, rows);
await group.release();
console.log(`wrote ${csv} and ${mp4}`);
