/** Several objects through one decoded video. One tracker each for now: this file is what knows of it. */
import type { FrameBox } from '../geometry.js';
import type { Frame } from '../image/frame.js';
import type { TrackResult } from '../result.js';
import type { Tracker } from '../tracker/tracker.js';

export type PooledTracker = Pick<Tracker, 'init' | 'update' | 'release'>;

export interface TrackerPool {
  /** @throws TrackerError those of createTracker */
  take(): Promise<PooledTracker>;
  give(tracker: PooledTracker): void;
  /** Opens one, where none is idle, so that it is ready soon. */
  warm(): void;
  release(): Promise<void>;
}

/** Trackers that are ready again: opening one takes longer than many frames. */
const KEPT = 4;

export function createTrackerPool(open: () => Promise<PooledTracker>): TrackerPool {
  const idle: Promise<PooledTracker>[] = [];
  let released = false;
  const keep = (tracker: Promise<PooledTracker>): void => {
    idle.push(tracker);
    // one that fails to open says so to whoever asks next
    tracker.catch(() => idle.splice(idle.indexOf(tracker) >>> 0, 1));
  };
  return {
    take: async () => idle.pop() ?? open(),
    give(tracker) {
      if (released || idle.length >= KEPT) void tracker.release();
      else keep(Promise.resolve(tracker));
    },
    warm() {
      if (idle.length === 0) keep(open());
    },
    async release() {
      released = true;
      const opened = await Promise.allSettled(idle.splice(0));
      await Promise.all(opened.map((one) => (one.status === 'fulfilled' ? one.value.release() : undefined)));
    },
  };
}

export interface FrameResults {
  readonly image: Frame;
  /** By object. */
  readonly results: ReadonlyMap<number, TrackResult>;
}

export interface TrackObjectsRequest {
  readonly frames: AsyncIterable<Frame>;
  /** In the first frame, by object. */
  readonly boxes: ReadonlyMap<number, FrameBox>;
  /** Asked before each frame: an object that is not wanted is left from there on. */
  readonly wanted: (object: number, frame: number) => boolean;
}

/** Ends with the frames, or when no object is wanted any more. @throws TrackerError those of createTracker, init and the frames */
export async function* trackObjects(
  pool: TrackerPool,
  { frames, boxes, wanted }: TrackObjectsRequest,
): AsyncGenerator<FrameResults, void, void> {
  const trackers = new Map<number, PooledTracker>();
  try {
    for (const object of boxes.keys()) trackers.set(object, await pool.take());
    let started = false;
    for await (const image of frames) {
      for (const [object, tracker] of trackers) {
        if (wanted(object, image.index)) continue;
        trackers.delete(object);
        pool.give(tracker);
      }
      if (trackers.size === 0) return;
      const results = new Map<number, TrackResult>();
      for (const [object, tracker] of trackers) {
        const result = started ? await tracker.update(image) : await tracker.init(image, boxes.get(object)!);
        results.set(object, result);
      }
      started = true;
      yield { image, results };
    }
  } finally {
    for (const tracker of trackers.values()) pool.give(tracker);
  }
}
