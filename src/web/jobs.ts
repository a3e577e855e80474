/** The trackings that are at work in one video. Each follows some objects from a frame on, up to their next drawn boxes. */
import { messageOf, TrackerError } from '../errors.js';
import type { Announcer } from './announcer.js';
import type { Limit } from '../limit.js';
import { trackObjects, type TrackerPool } from './track-objects.js';
import type { Target, Tracks } from './tracks.js';

/** Milliseconds from one frame that is kept for those who watch to the next. */
const SHOW_MS = 150;

/** A frame with its place in the video: number from 0, and seconds from the first. */
export interface Numbered {
  readonly index: number;
  readonly time: number;
}

export interface FramesOfVideo<Image extends Numbered> {
  /** The frames from number `first` on, in order. */
  frames(first: number, signal?: AbortSignal): AsyncIterable<Image>;
}

export interface ShownFrames<Image extends Numbered> {
  /** Takes a frame that was decoded anyhow, to be looked at. */
  offer(frame: Image): Promise<void>;
}

export interface JobSurroundings<Image extends Numbered> {
  readonly video: FramesOfVideo<Image>;
  readonly frames: ShownFrames<Image>;
  readonly pool: TrackerPool<Image>;
  /** Limit on trackings at a time, shared by all videos. */
  readonly limit: Limit;
  readonly tracks: Tracks;
  readonly announcer: Announcer;
  /** Told where reading has come to an end. */
  readonly onEnd: (frameCount: number) => void;
}

export class Jobs<Image extends Numbered> {
  private readonly running = new Map<Promise<void>, AbortController>();

  constructor(private readonly around: JobSurroundings<Image>) {}

  get count(): number {
    return this.running.size;
  }

  /** @param targets all of one frame */
  launch(targets: readonly Target[]): void {
    const { limit, announcer } = this.around;
    const abort = new AbortController();
    for (const { track, mark } of targets) track.running.add(mark);
    const job: Promise<void> = limit
      .run(() => this.track(targets, abort.signal))
      .catch((error: unknown) => {
        const hint = error instanceof TrackerError ? error.hint : 'this is a fault of ebm-tracker; please report it';
        announcer.failure(messageOf(error), hint);
      })
      .finally(() => {
        this.running.delete(job);
        for (const target of targets) this.end(target);
      });
    this.running.set(job, abort);
  }

  stop(): void {
    for (const abort of this.running.values()) abort.abort();
  }

  /** Settles when no tracking is at work. */
  async settled(): Promise<void> {
    while (this.running.size > 0) await Promise.all(this.running.keys());
  }

  private end({ track, mark }: Target): void {
    track.running.delete(mark);
    this.around.announcer.status(track);
  }

  private async track(targets: readonly Target[], signal: AbortSignal): Promise<void> {
    const { video, frames, pool, tracks, announcer, onEnd } = this.around;
    const byId = new Map(targets.map((target) => [target.track.id, target]));
    const wanted = (id: number, frame: number): boolean => {
      const target = byId.get(id);
      if (target && tracks.isWanted(target, frame)) return true;
      if (target?.track.running.has(target.mark)) this.end(target);
      return false;
    };
    const { frame: first } = targets[0]!.mark;
    const boxes = new Map(targets.map(({ track, mark }) => [track.id, mark.box]));
    let shown = 0;
    let last = -1;
    if (signal.aborted) return;
    for await (const { image, results } of trackObjects(pool, { frames: video.frames(first, signal), boxes, wanted })) {
      if (signal.aborted) return;
      last = image.index;
      for (const [id, result] of results) {
        // drawn anew or taken away while this frame was at work
        if (!wanted(id, last)) continue;
        const row = { ...result, frame: last, time: image.time };
        byId.get(id)!.track.rows[last] = row;
        announcer.row(id, row);
      }
      if (!announcer.isHeard || performance.now() - shown <= SHOW_MS) continue;
      shown = performance.now();
      await frames.offer(image);
      announcer.picture(last, [...results.keys()]);
    }
    const toTheEnd = targets.some(({ track, mark }) => track.running.has(mark));
    if (!signal.aborted && toTheEnd && last >= 0) onEnd(last + 1);
  }
}
