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

interface Reader {
  readonly frames: AsyncGenerator<Frame, void, void>;
  readonly abort: AbortController;
  /** Number of the frame that comes next. */
  next: number;
}

export function createFrameStore(
  video: SeekableVideo,
  { cacheBytes = 64 * 2 ** 20, idleMs = 5000 }: FrameStoreOptions = {},
): FrameStore {
  const cache = createCache(cacheBytes);
  let reader: Reader | undefined;
  let lastAsked = 0;
  let idle: NodeJS.Timeout | undefined;
  let queue: Promise<unknown> = Promise.resolve();
  let closed = false;

  const encode = async (frame: Frame): Promise<Buffer> => {
    const picture = await encodeJpeg(frame, MAX_SIDE);
    cache.set(frame.index, picture);
    return picture;
  };
  const drop = async (): Promise<void> => {
    const old = reader;
    reader = undefined;
    old?.abort.abort();
    await old?.frames.return(undefined);
  };
  const open = async (first: number): Promise<Reader> => {
    await drop();
    const abort = new AbortController();
    return { frames: video.frames(first, abort.signal), abort, next: first };
  };
  const isBackwards = (wanted: number): boolean => wanted < lastAsked && wanted >= lastAsked - BACKWARDS;
  /** Reading on comes sooner than a jump. */
  const isAhead = (wanted: number): boolean => {
    if (!reader || wanted < reader.next) return false;
    const between = wanted - reader.next;
    return between <= READ_ON || READ_COST * between <= wanted - video.quickFrame(wanted);
  };
  const read = async (wanted: number): Promise<Buffer> => {
    const backwards = isBackwards(wanted);
    lastAsked = wanted;
    const first = backwards ? Math.max(0, wanted - BACKWARDS) : wanted;
    if (!reader || !isAhead(wanted)) reader = await open(first);
    const before: Promise<unknown>[] = [];
    for (;;) {
      const { value: frame } = await reader.frames.next().catch(async (error: unknown) => {
        await drop();
        throw error;
      });
      if (!frame || frame.index > wanted) {
        await drop();
        throw noFrame(video, wanted);
      }
      reader.next = frame.index + 1;
      if (frame.index === wanted) {
        // else the next step back would not find them
        await Promise.all(before);
        return encode(frame);
      }
      if (backwards) before.push(encode(frame).catch(() => undefined));
    }
  };
  const wait = (): void => {
    clearTimeout(idle);
    idle = setTimeout(() => void (queue = queue.then(drop, drop)), idleMs);
    idle.unref();
  };

  /** One at a time: what waited may be there by now, or nobody wants it any more. */
  const inTurn = <T>(frame: number, signal: AbortSignal | undefined, job: () => Promise<T>): Promise<T> => {
    const result = queue.then(() => {
      signal?.throwIfAborted();
      if (closed) throw noFrame(video, frame);
      clearTimeout(idle);
      return job();
    });
    queue = result.then(wait, wait);
    return result;
  };
  const nearest = (wanted: number): number => {
    const quick = video.quickFrame(wanted);
    if (cache.get(wanted) || wanted - quick <= READ_ON || isBackwards(wanted)) return wanted;
    return isAhead(wanted) && !cache.get(quick) ? wanted : quick;
  };

  return {
    jpeg: async (frame, signal) =>
      cache.get(frame) ?? inTurn(frame, signal, async () => cache.get(frame) ?? read(frame)),
    near: async (wanted, signal) =>
      inTurn(wanted, signal, async () => {
        const frame = nearest(wanted);
        return { frame, picture: cache.get(frame) ?? (await read(frame)) };
      }),
    async offer(frame) {
      if (!closed && !cache.get(frame.index)) await encode(frame);
    },
    async close() {
      closed = true;
      clearTimeout(idle);
      reader?.abort.abort();
      await queue.catch(() => undefined);
      await drop();
      clearTimeout(idle);
    },
  };
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

/** What was not used for longest goes first. */
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
