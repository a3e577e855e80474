/** What four objects cost against one: with lanes (the default) and in one thread, in turn. */
import type { TrackerOptions } from '../../src/config.js';
import type { FrameBox } from '../../src/geometry.js';
import { createTrackerGroup } from '../../src/node/open.js';
import { openVideo } from '../../src/video/read.js';
import type { Clip } from './clips.js';
import { quantile } from './stages.js';

/** Median time of a frame over that of one object. */
export interface ObjectsCost {
  readonly lanes: number;
  readonly oneThread: number;
}

export async function measureObjects(clip: Clip, options: TrackerOptions, frames: number): Promise<ObjectsCost> {
  const groups = {
    one: await createTrackerGroup({ ...options, lanes: 1 }),
    lanes: await createTrackerGroup(options),
    oneThread: await createTrackerGroup({ ...options, lanes: 1 }),
  };
  const names = ['one', 'lanes', 'oneThread'] as const;
  const times: Record<(typeof names)[number], number[]> = { one: [], lanes: [], oneThread: [] };
  let count = -1;
  for await (const frame of (await openVideo(clip.file)).frames()) {
    for (const name of names) {
      if (count < 0) {
        await groups[name].init(frame, name === 'one' ? [clip.box] : fourBoxes(clip.box));
        continue;
      }
      const began = performance.now();
      await groups[name].update(frame);
      times[name].push(performance.now() - began);
    }
    if (++count === frames) break;
  }
  await Promise.all(names.map((name) => groups[name].release()));
  const one = quantile(times.one, 0.5);
  return { lanes: quantile(times.lanes, 0.5) / one, oneThread: quantile(times.oneThread, 0.5) / one };
}

/** The first box, and three more of half its size about its corners. */
function fourBoxes({ x, y, w, h }: FrameBox): FrameBox[] {
  const small = (cx: number, cy: number): FrameBox => ({ x: cx - w / 4, y: cy - h / 4, w: w / 2, h: h / 2 });
  return [{ x, y, w, h }, small(x, y), small(x + w, y), small(x, y + h)];
}
