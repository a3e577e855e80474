/** Several objects through one decoded video: this file is what knows of the tracker. */
import type { FrameBox } from '../geometry.js';
import type { Frame } from '../image/frame.js';
import type { TrackResult } from '../result.js';

/** A group of objects, as far as it is used here. */
export interface PooledTracker<Image = Frame> {
  /** Begins anew. @returns results in the order of the boxes */
  init(frame: Image, boxes: readonly FrameBox[]): Promise<readonly TrackResult[]>;
  update(frame: Image): Promise<readonly TrackResult[]>;
  release(): Promise<void>;
}

export interface TrackerPool<Image = Frame> {
  /** @throws TrackerError those of createTrackerGroup */
  take(): Promise<PooledTracker<Image>>;
  give(tracker: PooledTracker<Image>): void;
  /** Opens one, where none is idle, so that it is ready soon. */
  warm(): void;
  release(): Promise<void>;
}

/** Trackers that are ready again: opening one takes longer than many frames. */
const KEPT = 2;

export function createTrackerPool<Image>(open: () => Promise<PooledTracker<Image>>): TrackerPool<Image> {
  const idle: Promise<PooledTracker<Image>>[] = [];
  let released = false;
  const keep = (tracker: Promise<PooledTracker<Image>>): void => {
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
      await Promise.all(opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value.release()] : [])));
    },
  };
}

export interface FrameResults<Image> {
  readonly image: Image;
  /** By object. */
  readonly results: ReadonlyMap<number, TrackResult>;
}

export interface TrackObjectsRequest<Image> {
  readonly frames: AsyncIterable<Image>;
  /** In the first frame, by object. */
  readonly boxes: ReadonlyMap<number, FrameBox>;
  /** Asked before each frame: an object that is not wanted gets no results from there on. */
  readonly wanted: (object: number, frame: number) => boolean;
}

/** Ends with the frames, or when no object is wanted any more. @throws TrackerError those of createTrackerGroup, init and the frames */
export async function* trackObjects<Image extends { readonly index: number }>(
  pool: TrackerPool<Image>,
  { frames, boxes, wanted }: TrackObjectsRequest<Image>,
): AsyncGenerator<FrameResults<Image>, void, void> {
  const objects = [...boxes.keys()];
  const tracker = await pool.take();
  try {
    let started = false;
    for await (const image of frames) {
      const stay = objects.map((object) => wanted(object, image.index));
      if (!stay.includes(true)) return;
      // the tracker goes on with all of them: they cannot be taken out of it
      const found = started ? await tracker.update(image) : await tracker.init(image, [...boxes.values()]);
      started = true;
      const results = objects.flatMap((object, i) => (stay[i] ? [[object, found[i]!] as const] : []));
      yield { image, results: new Map(results) };
    }
  } finally {
    pool.give(tracker);
  }
}
