/**
 * One object through a video: a line a frame, and where it was lost.
 *
 *   npx tsx examples/one-object.ts [VIDEO x,y,w,h [FRAMES]]
 */
import { createTracker, openVideo, parseBox, trackVideo } from 'ebm-tracker';

const [video = 'models/demo/demo.mp4', box = '195,24,351,243', frames = '30'] = process.argv.slice(2);

const source = await openVideo(video);
const tracker = await createTracker();
let lost = 0;
for await (const { frame, time, box: found, confidence, state } of trackVideo(tracker, source, parseBox(box))) {
  const { x, y, w, h } = found;
  const place = [x, y, w, h].map((value) => value.toFixed(1)).join(' ');
  console.log(`${frame} ${time.toFixed(2)} s: ${place}, ${state} ${confidence.toFixed(2)}`);
  if (state === 'lost') lost++;
  if (frame + 1 >= Number(frames)) break; // ends ffmpeg as well
}
await tracker.release();
console.log(`lost in ${lost} frames`);
