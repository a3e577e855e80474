/** Frames of one video as JPEG: from a small cache, from a reader that is just there, or by a jump. */
import { TrackerError } from '../errors.js';
import type { Frame } from '../image/frame.js';
import { encodeJpeg } from '../image/jpeg.js';
import type { SeekableVideo } from '../video/seek.js';

export interface FrameStore {
  /** @throws TrackerError INPUT_NOT_FOUND behind the end, VIDEO_UNREADABLE; the signal's reason */
  jpeg(frame: number, signal?: AbortSignal): Promise<Buffer>;
  /** The frame itself where it is at hand, otherwise one before it that is reached sooner. @throws TrackerError as jpeg() */
  near(frame: number, signal?: AbortSignal): Promise<{ readonly frame: number; readonly picture: Buffer }>;
  /** Takes a frame that somebody decoded anyhow. */
  offer(frame: Frame): Promise<void>;
  close(): Promise<void>;
}

export interface FrameStoreOptions {
  /** Bytes of pictures that are kept. */
  readonly cacheBytes?: number;
  /** Milliseconds after which a reader that nobody wants is ended. */
  readonly idleMs?: number;
}

/** A longer side than this is made smaller: the page has no room for it. */
const MAX_SIDE = 1920;
/** Frames that are read on to rather than to jump or to show another one. */
const READ_ON = 12;
/** A frame that is read costs as much as so many that are decoded only. */
const READ_COST = 3;
/** Who steps backwards is read so many frames at once. */
const BACKWARDS = 12;

export function createFrameStore(
  video: SeekableVideo,
  { cacheBytes = 64 * 2 ** 20, idleMs = 5000 }: FrameStoreOptions = {},
): FrameStore {
  return new ReadFrames(video, createCache(cacheBytes), idleMs);
}

/** One reader for all who ask: they wait their turn, since what one reads is often what the next one wants. */
class ReadFrames implements FrameStore {
  private readonly reader: FrameReader;
  private lastAsked = 0;
  private idle: NodeJS.Timeout | undefined;
  private queue: Promise<unknown> = Promise.resolve();
  private closed = false;

  constructor(
    private readonly video: SeekableVideo,
    private readonly cache: Cache,
    private readonly idleMs: number,
  ) {
    this.reader = new FrameReader(video);
  }

  async jpeg(frame: number, signal?: AbortSignal): Promise<Buffer> {
    const { cache } = this;
    return cache.get(frame) ?? this.inTurn(frame, signal, async () => cache.get(frame) ?? this.read(frame));
  }

  async near(wanted: number, signal?: AbortSignal): Promise<{ frame: number; picture: Buffer }> {
    return this.inTurn(wanted, signal, async () => {
      const frame = this.nearest(wanted);
      return { frame, picture: this.cache.get(frame) ?? (await this.read(frame)) };
    });
  }

  async offer(frame: Frame): Promise<void> {
    if (!this.closed && !this.cache.get(frame.index)) await this.encode(frame);
  }

  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.idle);
    this.reader.abort();
    await this.queue.catch(() => undefined);
    await this.reader.drop();
    clearTimeout(this.idle);
  }

  private async encode(frame: Frame): Promise<Buffer> {
    const picture = await encodeJpeg(frame, MAX_SIDE);
    this.cache.set(frame.index, picture);
    return picture;
  }

  private isBackwards(wanted: number): boolean {
    return wanted < this.lastAsked && wanted >= this.lastAsked - BACKWARDS;
  }

  private async read(wanted: number): Promise<Buffer> {
    const backwards = this.isBackwards(wanted);
    this.lastAsked = wanted;
    if (!this.reader.isAhead(wanted)) await this.reader.open(backwards ? Math.max(0, wanted - BACKWARDS) : wanted);
    const before: Promise<unknown>[] = [];
    for (;;) {
      const frame = await this.reader.next();
      if (!frame || frame.index > wanted) {
        await this.reader.drop();
        throw noFrame(this.video, wanted);
      }
      if (frame.index === wanted) {
        // else the next step back would not find them
        await Promise.all(before);
        return this.encode(frame);
      }
      if (backwards) before.push(this.encode(frame).catch(() => undefined));
    }
  }

  /** One at a time: what waited may be there by now, or nobody wants it any more. */
  private inTurn<T>(frame: number, signal: AbortSignal | undefined, job: () => Promise<T>): Promise<T> {
    const result = this.queue.then(() => {
      signal?.throwIfAborted();
      if (this.closed) throw noFrame(this.video, frame);
      clearTimeout(this.idle);
      return job();
    });
    const wait = (): void => this.endWhenIdle();
    this.queue = result.then(wait, wait);
    return result;
  }

  private endWhenIdle(): void {
    clearTimeout(this.idle);
    const drop = (): Promise<void> => this.reader.drop();
    this.idle = setTimeout(() => void (this.queue = this.queue.then(drop, drop)), this.idleMs);
    this.idle.unref();
  }

  private nearest(wanted: number): number {
    const { cache, reader } = this;
    const quick = this.video.quickFrame(wanted);
    if (cache.get(wanted) || wanted - quick <= READ_ON || this.isBackwards(wanted)) return wanted;
    return reader.isAhead(wanted) && !cache.get(quick) ? wanted : quick;
  }
}

/** Frames of a video from some number on; at most one ffmpeg at a time. */
class FrameReader {
  private reading:
    { readonly frames: AsyncGenerator<Frame, void, void>; readonly abort: AbortController; next: number } | undefined;

  constructor(private readonly video: SeekableVideo) {}

  /** Reading on comes sooner than a jump. */
  isAhead(wanted: number): boolean {
    if (!this.reading || wanted < this.reading.next) return false;
    const between = wanted - this.reading.next;
    return between <= READ_ON || READ_COST * between <= wanted - this.video.quickFrame(wanted);
  }

  async open(first: number): Promise<void> {
    await this.drop();
    const abort = new AbortController();
    this.reading = { frames: this.video.frames(first, abort.signal), abort, next: first };
  }

  /** Undefined after the last one, or where none is read. */
  async next(): Promise<Frame | undefined> {
    const { reading } = this;
    if (!reading) return undefined;
    try {
      const { value: frame } = await reading.frames.next();
      if (frame) reading.next = frame.index + 1;
      return frame ?? undefined;
    } catch (error) {
      await this.drop();
      throw error;
    }
  }

  abort(): void {
    this.reading?.abort.abort();
  }

  async drop(): Promise<void> {
    const old = this.reading;
    this.reading = undefined;
    old?.abort.abort();
    await old?.frames.return(undefined);
  }
}

function noFrame(video: SeekableVideo, frame: number): TrackerError {
  return new TrackerError(
    'INPUT_NOT_FOUND',
    `frame ${frame}: the video has none, expected 0 to ${video.frameCount() - 1}`,
    {
      hint: 'the file may be damaged there: go to another frame',
    },
  );
}

interface Cache {
  get(key: number): Buffer | undefined;
  set(key: number, value: Buffer): void;
}

/** LRU cache. @param limit bytes */
function createCache(limit: number): Cache {
  const entries = new Map<number, Buffer>();
  let bytes = 0;
  const remove = (key: number): void => {
    bytes -= entries.get(key)?.length ?? 0;
    entries.delete(key);
  };
  return {
    get(key) {
      const value = entries.get(key);
      if (value) {
        entries.delete(key);
        entries.set(key, value);
      }
      return value;
    },
    set(key, value) {
      remove(key);
      entries.set(key, value);
      bytes += value.length;
      for (const oldest of entries.keys()) {
        if (bytes <= limit || oldest === key) break;
        remove(oldest);
      }
    },
  };
}
