/** Frames of a video file, of a folder of images, or of a pattern: one at a time, only as fast as they are taken. */
import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { messageOf, TrackerError } from '../errors.js';
import type { Size } from '../geometry.js';
import { decodeImage, IMAGE_EXTENSIONS, type RgbImage } from '../image/decode.js';
import type { Frame } from '../image/frame.js';
import { isHttp } from './address.js';
import { findBinaries, oldBuildNote, passthroughOption, type Binaries } from './binaries.js';
import { createCommand, startReading } from './command.js';
import { DecodeLog } from './decode-log.js';
import { imagesInFolder, isImage, matchPattern } from './images.js';
import { probeVideo, unreadable, type VideoInfo } from './probe.js';
import { findSource, notFoundHint, type Source } from './source.js';
import { spool, type Spooled } from './spool.js';

/** Size: that of the upright frames; single images of a folder may have another. */
export interface VideoSource extends Size {
  /** As it was given to openVideo(). */
  readonly path: string;
  /** Average frames a second; of images, the rate they are taken to have. */
  readonly fps: number;
  /** Frames expected from the start on, an estimate (exact for images); 0 where the file does not tell. */
  readonly frameCount: number;
  /** Clockwise turn, degrees, that was undone; 0 for images. */
  readonly rotation: number;
  /** Name of the codec, or of the image format. */
  readonly codec: string;
  /** What was found wrong so far; complete when the frames have ended. */
  readonly warnings: readonly string[];
  /**
   * The frames, upright, in order. Breaking out of the loop ends ffmpeg; the signal does too, and then the frames just end. A frame's data
   * is its own: it may be kept. One more frame is read ahead.
   * @throws TrackerError VIDEO_UNREADABLE where not one frame could be read; START_OUT_OF_RANGE
   */
  frames(): AsyncGenerator<Frame, void, void>;
}

/** A frame number, or seconds from the first frame: then the first frame that is not earlier. */
export type Start =
  | {
      /** From 0. */
      readonly frame: number;
    }
  | {
      /** Seconds from the first frame. */
      readonly time: number;
    };

/** How a video is opened. */
export interface OpenOptions {
  /** Where to begin; indices and times stay those of the whole video. The frames before it are decoded all the same. */
  readonly start?: Start;
  /** Aborted: opening ends with INTERRUPTED, and frames just end. */
  readonly signal?: AbortSignal;
  /** Threads of the decoder; ffmpeg chooses otherwise. */
  readonly threads?: number;
  /** The ffmpeg and ffprobe to use; found otherwise. */
  readonly binaries?: Binaries;
  /** Told what the user should know before the frames come: that a stream is read to its end first, that ffmpeg is an old one. */
  readonly onNote?: (text: string) => void;
  /** It will be opened again: what can be read only once is refused. */
  readonly again?: boolean;
}

/** Rate that a folder of images is taken to have. */
export const IMAGE_FPS = 25;

/**
 * Looks at a video file, a folder of images or a pattern such as "img/*.jpg", or at a file behind an http(s) address; nothing is decoded
 * before frames() is asked. A pipe (/dev/stdin, a named one), and what a server gives in one piece only, is read to its end into a
 * temporary file: its frames() can be run once.
 * @throws TrackerError INPUT_NOT_FOUND, VIDEO_UNREADABLE, FFMPEG_MISSING, FFMPEG_OLD, START_OUT_OF_RANGE, OPTION_INVALID for what is
 * live or a device, INTERRUPTED where the signal was aborted
 */
export async function openVideo(path: string, given: OpenOptions = {}): Promise<VideoSource> {
  const start = given.start ?? { frame: 0 };
  checkStart(path, start);
  // looked for once: that starts programs
  const options = isHttp(path) ? { ...given, binaries: given.binaries ?? (await findBinaries()) } : given;
  const source = await findSource(path, options);
  if (source.kind !== 'path') return openElsewhere(path, source, start, options);
  const found = await stat(source.path).catch(() => undefined);
  if (found?.isFile() && !isImage(path)) return { ...(await openFile(source.path, start, options)), path };
  const images = found?.isFile() ? [path] : found ? await imagesInFolder(path) : await matchPattern(path);
  if (images.length > 0) return openImages(path, images, start, options);
  const what = found
    ? `a folder without images (${IMAGE_EXTENSIONS.join(' ')})`
    : 'no such file or folder, and no file matches';
  throw new TrackerError('INPUT_NOT_FOUND', `video ${path}: ${what}`, {
    hint: notFoundHint(path),
  });
}

/** Opens a video that does not lie on the disk. */
async function openElsewhere(path: string, source: Source, start: Start, options: OpenOptions): Promise<VideoSource> {
  if (source.kind === 'address') return openFile(path, start, options);
  if (source.kind !== 'stream') throw hasNoEnd(path);
  if (options.again && !('address' in source.from)) throw readOnce(path, 'is needed again');
  return openSpooled(path, await spool(path, source, options), start, options);
}

export function hasNoEnd(path: string): TrackerError {
  return new TrackerError('OPTION_INVALID', `video ${path}: it is live, expected a video that has an end`, {
    hint: 'ebm-tracker track takes it, and openLive() of the library; else record it to a file first',
  });
}

function checkStart(path: string, start: Start): void {
  const valid = 'frame' in start ? Number.isInteger(start.frame) && start.frame >= 0 : start.time >= 0;
  if (!valid) throw startOutOfRange(path, start, 'expected a frame number or a time in seconds, 0 or more');
}

function startOutOfRange(path: string, start: Start, why: string): TrackerError {
  const asked = 'frame' in start ? `frame ${start.frame}` : `${start.time} s`;
  return new TrackerError('START_OUT_OF_RANGE', `video ${path}: the start asked for is ${asked}; ${why}`, {
    hint: 'give a start within the video',
  });
}

/** A millisecond of grace: times are written rounded, by people and by containers. */
const TIME_GRACE = 1e-3;

function isBefore(start: Start, { index, time }: Pick<Frame, 'index' | 'time'>): boolean {
  return 'frame' in start ? index < start.frame : time < start.time - TIME_GRACE;
}

// --- video files ---

async function openFile(path: string, start: Start, options: OpenOptions): Promise<VideoSource> {
  const binaries = options.binaries ?? (await findBinaries());
  const old = oldBuildNote(binaries);
  if (old) options.onNote?.(`${old.note}; better: ${old.mend}`);
  const info = await probeVideo(binaries, path, options.signal);
  const { width, height, fps, rotation, codec } = info;
  const skipped = 'frame' in start ? start.frame : Math.round(start.time * fps);
  const warnings: string[] = [];
  return {
    path,
    width,
    height,
    fps,
    rotation,
    codec,
    frameCount: Math.max(0, info.frameCount - skipped),
    warnings,
    async *frames() {
      let last: Frame | undefined;
      for await (const frame of decode(path, binaries, info, options, warnings)) {
        last = frame;
        if (!isBefore(start, frame)) yield frame;
      }
      if (last && isBefore(start, last)) {
        throw startOutOfRange(path, start, `found ${last.index + 1} frames, the last at ${last.time.toFixed(3)} s`);
      }
    },
  };
}

/** A stream that lies in a temporary file: it goes by the name it was given by, and its file goes with its frames. */
async function openSpooled(path: string, spooled: Spooled, start: Start, options: OpenOptions): Promise<VideoSource> {
  const { file, problem, remove } = spooled;
  const named = (text: string): string => text.replaceAll(file, path);
  const problems = problem === undefined ? [] : [`${path}: ${problem}`];
  const renamed = (error: unknown): unknown => {
    if (!(error instanceof TrackerError)) return error;
    const message = [named(error.message), ...problems].join('; ');
    return new TrackerError(error.code, message, { hint: error.hint, cause: error });
  };
  const source = await openFile(file, start, options).catch((error: unknown) => {
    remove();
    throw renamed(error);
  });
  let taken = false;
  return {
    ...source,
    path,
    get warnings() {
      return [...problems, ...source.warnings.map(named)];
    },
    async *frames() {
      if (taken) throw readOnce(path, 'was read already');
      taken = true;
      try {
        yield* source.frames();
      } catch (error) {
        throw renamed(error);
      } finally {
        remove();
      }
    },
  };
}

function readOnce(path: string, why: string): TrackerError {
  return new TrackerError('VIDEO_UNREADABLE', `video ${path}: it ${why}, and a stream is read once`, {
    hint: 'save it to a file first',
  });
}

/** A place in a file that ffmpeg goes to before it decodes. */
export interface Seek {
  /** Seconds from where the file's times begin, as ffmpeg's -ss takes them. */
  readonly at: number;
  /** What was frame time 0 is at this time in ffmpeg's output, which begins with 0 at the place. */
  readonly origin: number;
}

/** Every frame of a file, from its first, or from the place on: indices begin with 0 all the same. */
export async function* decode(
  path: string,
  binaries: Binaries,
  info: VideoInfo,
  { signal, threads }: Pick<OpenOptions, 'signal' | 'threads'>,
  warnings: string[],
  seek?: Seek,
): AsyncGenerator<Frame, void, void> {
  if (signal?.aborted) return;
  const { width, height } = info;
  const log = new DecodeLog(1 / info.fps, seek?.origin);
  const run = startReading(decodeCommand(path, binaries, info, threads, seek), (line) => log.read(line));
  void run.ended.then(() => log.close());
  signal?.addEventListener('abort', run.kill, { once: true });
  const slicer = new Slicer(run.stdout, 3 * width * height);
  let count = 0;
  let complete = false;
  try {
    let next = slicer.next();
    for (;;) {
      const data = await next;
      complete = !data;
      if (!data || signal?.aborted) break;
      // the frame after this one arrives while this one is worked on
      next = slicer.next();
      yield { data, width, height, index: count++, time: await log.nextTime() };
    }
  } finally {
    signal?.removeEventListener('abort', run.kill);
    // after the last frame it ends by itself, and its exit code tells something
    if (!complete) run.kill();
    await run.ended;
  }
  if (signal?.aborted) return;
  const { failure, lastLines } = await run.ended;
  if (count === 0) {
    if (seek) return;
    throw unreadable(path, lastLines.length > 0 ? lastLines : [failure ?? 'nothing']);
  }
  const damage = log.damage(info.streamSeconds) ?? failure;
  if (damage !== undefined) warnings.push(`${path}: damaged or cut off, ${count} frames could be read: ${damage}`);
}

/**
 * One frame out for each coded frame, upright, as raw RGB. The filters also make ffmpeg log the time of each of these very frames: the
 * packets' times do not tell which of them the decoder shows. A corner is enough for that, showinfo sums up what it sees.
 */
function decodeCommand(
  path: string,
  binaries: Binaries,
  info: VideoInfo,
  threads: number | undefined,
  seek: Seek | undefined,
) {
  const filters = [
    'settb=AVTB,split[times][frames]',
    String.raw`[times]crop=min(iw\,16):min(ih\,16):0:0,showinfo,nullsink`,
    // a video may change its size on the way
    `[frames]scale=${info.width}:${info.height},format=rgb24`,
  ];
  return createCommand(path, binaries)
    .inputOptions(['-hide_banner', '-nostats', '-loglevel', 'repeat+level+info'])
    .inputOptions(threads === undefined ? [] : ['-threads', String(threads)])
    .inputOptions(seek ? ['-ss', seek.at.toFixed(6)] : [])
    .output('pipe:1')
    .outputOptions(['-map', info.stream, ...passthroughOption(binaries.ffmpeg), '-vf', filters.join(';')])
    .format('rawvideo');
}

/** Cuts a stream into pieces of one size. */
class Slicer {
  readonly #chunks: AsyncIterator<Buffer>;
  readonly #size: number;
  #rest: Buffer = Buffer.alloc(0);

  constructor(stream: Readable, size: number) {
    this.#chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    this.#size = size;
  }

  /** Undefined where the stream ends before. Never rejects: a stream that breaks is one that ended. */
  async next(): Promise<Uint8Array | undefined> {
    const piece = new Uint8Array(this.#size);
    for (let filled = 0; filled < this.#size;) {
      const chunk = this.#rest.length > 0 ? this.#rest : await this.#nextChunk();
      if (!chunk) return undefined;
      const part = chunk.subarray(0, this.#size - filled);
      piece.set(part, filled);
      filled += part.length;
      this.#rest = chunk.subarray(part.length);
    }
    return piece;
  }

  async #nextChunk(): Promise<Buffer | undefined> {
    const result = await this.#chunks.next().catch(() => undefined);
    return result && !result.done ? result.value : undefined;
  }
}

// --- images ---

async function openImages(
  path: string,
  files: readonly string[],
  start: Start,
  { signal }: OpenOptions,
): Promise<VideoSource> {
  const place = (index: number) => ({ index, time: index / IMAGE_FPS });
  const first = files.findIndex((_, index) => !isBefore(start, place(index)));
  if (first < 0)
    throw startOutOfRange(path, start, `found ${files.length} images, taken to follow at ${IMAGE_FPS} a second`);
  const warnings: string[] = [];
  const sample = await firstReadable(path, files.slice(first));
  return {
    path,
    width: sample.width,
    height: sample.height,
    fps: IMAGE_FPS,
    frameCount: files.length - first,
    rotation: 0,
    codec: 'images',
    warnings,
    async *frames() {
      for (const [index, file] of files.entries()) {
        if (index < first) continue;
        if (signal?.aborted) return;
        const image = await decodeImage(file).catch((error: unknown) => {
          warnings.push(`frame ${index} left out: ${messageOf(error)}`);
        });
        if (image) yield { ...image, ...place(index) };
      }
    },
  };
}

/** @throws TrackerError VIDEO_UNREADABLE */
export async function firstReadable(path: string, files: readonly string[]): Promise<RgbImage> {
  let cause: unknown;
  for (const file of files) {
    try {
      return await decodeImage(file);
    } catch (error) {
      cause = error;
    }
  }
  throw new TrackerError(
    'VIDEO_UNREADABLE',
    `${path}: not one of ${files.length} images could be read (${messageOf(cause)})`,
    {
      hint: 'check that the images are whole',
      cause,
    },
  );
}
