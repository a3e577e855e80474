/** Frames of a video file, of a folder of images, or of a pattern: one at a time, only as fast as they are taken. */
import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { TrackerError } from '../errors.js';
import type { Size } from '../geometry.js';
import { IMAGE_EXTENSIONS } from '../image/decode.js';
import type { Frame } from '../image/frame.js';
import { isHttp } from './address.js';
import { findBinaries, oldBuildNote, passthroughOption, type Binaries } from './binaries.js';
import { createCommand, startReading } from './command.js';
import { DecodeLog } from './decode-log.js';
import { decodeIndex, DECODER_OPTIONS, MICROSECONDS, readPackets, TELL_TIMES } from './frame-index.js';
import { imagesInFolder, isPicture, matchPattern } from './images.js';
import { uprightFilters } from './orientation.js';
import { fitted, openPictures } from './pictures.js';
import { probeVideo, SQUARE, unreadable, type PixelAspect, type VideoInfo } from './probe.js';
import { findSource, notFoundHint, type Source } from './source.js';
import { spool, type Spooled } from './spool.js';

/** Size: that of the upright frames, in stored pixels. */
export interface VideoSource extends Size {
  /** As it was given to openVideo(). */
  readonly path: string;
  /** Average frames a second; of images, the rate they are taken to have. */
  readonly fps: number;
  /** Frames expected from the start on, an estimate (exact for images); 0 where the file does not tell. */
  readonly frameCount: number;
  /** Clockwise turn, degrees, that was undone; 0 for images. */
  readonly rotation: number;
  /** After the turn, left and right were exchanged, because the file asks for it. */
  readonly mirrored: boolean;
  /** Width and height of one pixel of the upright frame as players show it; [1, 1] is a square. Boxes and frames take no account of it. */
  readonly pixelAspect: PixelAspect;
  /** Name of the codec, or of the image format. */
  readonly codec: string;
  /** Faults found so far; complete when the frames have ended. */
  readonly warnings: readonly string[];
  /**
   * The frames, upright, in order. Breaking out of the loop ends ffmpeg; the signal does too, and then the frames just end. A frame's data
   * is its own: it may be kept. One more frame is read ahead.
   * @throws TrackerError VIDEO_UNREADABLE where not one frame could be read; START_OUT_OF_RANGE
   */
  frames(): AsyncGenerator<Frame, void, void>;
  /**
   * When each frame of the whole video is shown, seconds from the first: entry i is frame i, and their number is the number of frames. Of
   * files whose packets do not tell it for sure, all frames are decoded for that. Undefined where the source is live, or the signal was
   * aborted.
   */
  frameTimes(): Promise<Float64Array | undefined>;
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
  /** First frame to read; indices and times stay those of the whole video. The frames before it are decoded all the same. */
  readonly start?: Start | undefined;
  /** Aborted: opening ends with INTERRUPTED, and frames just end. */
  readonly signal?: AbortSignal | undefined;
  /** Threads of the decoder; ffmpeg chooses otherwise. */
  readonly threads?: number;
  /** Number of the video stream, as ffprobe counts; left out: the one that players show. */
  readonly stream?: number | undefined;
  /** The ffmpeg and ffprobe to use; found otherwise. */
  readonly binaries?: Binaries | undefined;
  /** Told what the user should know before the frames come: that a stream is read to its end first, that ffmpeg is an old one. */
  readonly onNote?: ((text: string) => void) | undefined;
  /** It will be opened again: what can be read only once is refused. */
  readonly again?: boolean;
}

/**
 * Looks at a video file, a folder of images or a pattern such as "img/*.jpg", or at a file behind an http(s) address; nothing is decoded
 * before frames() is asked. A pipe (/dev/stdin, a named one), and what a server gives in one piece only, is read to its end into a
 * temporary file: its frames() can be run once.
 * @throws TrackerError INPUT_NOT_FOUND, VIDEO_UNREADABLE, FFMPEG_MISSING, FFMPEG_OLD, START_OUT_OF_RANGE, OPTION_INVALID for what is
 * live or a device, or where there is no such stream, INTERRUPTED where the signal was aborted
 * @example
 * ```ts
 * const source = await openVideo('clip.mp4', { start: { time: 3.5 } });
 * ```
 */
export async function openVideo(path: string, given: OpenOptions = {}): Promise<VideoSource> {
  const start = given.start ?? { frame: 0 };
  checkStart(path, start);
  // looked for once: that starts programs
  const options = isHttp(path) ? { ...given, binaries: given.binaries ?? (await findBinaries()) } : given;
  const source = await findSource(path, options);
  if (source.kind !== 'path') return openElsewhere(path, source, start, options);
  const found = await stat(source.path).catch(() => undefined);
  if (found?.isFile() && !(await isPicture(path))) return { ...(await openFile(source.path, start, options)), path };
  const images = found?.isFile() ? [path] : found ? await imagesInFolder(path) : await matchPattern(path);
  if (images.length > 0) {
    if (options.stream !== undefined) throw imagesHaveNoStreams(path);
    return openImages(path, images, start, options);
  }
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

/** Error of --stream with a folder of images or with one image. */
export function imagesHaveNoStreams(path: string): TrackerError {
  return new TrackerError('OPTION_INVALID', `video ${path}: these are images, which have no streams to choose from`, {
    hint: 'leave --stream out',
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
  const info = await probeVideo(binaries, path, options);
  const { width, height, fps, rotation, mirrored, pixelAspect, codec } = info;
  const skipped = 'frame' in start ? start.frame : Math.round(start.time * fps);
  const warnings: string[] = [];
  const warn = (text: string): void => void warnings.push(`${path}: ${text}`);
  info.notes.forEach(warn);
  return {
    path,
    width,
    height,
    fps,
    rotation,
    mirrored,
    pixelAspect,
    codec,
    frameCount: Math.max(0, info.frameCount - skipped),
    warnings,
    async *frames() {
      let last: Frame | undefined;
      for await (const frame of decode(path, binaries, info, options, { onResized: warn, onDamage: warn })) {
        last = frame;
        if (!isBefore(start, frame)) yield frame;
      }
      if (last && isBefore(start, last)) {
        throw startOutOfRange(path, start, `found ${last.index + 1} frames, the last at ${last.time.toFixed(3)} s`);
      }
    },
    async frameTimes() {
      const packets = await readPackets(path, info, binaries, options.signal);
      const index = packets.index ?? (await decodeIndex(path, info, packets, binaries, options));
      return index?.times;
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
  /** Time of the video's first frame in ffmpeg's output, which begins with 0 at the place; seconds, not above 0. */
  readonly origin: number;
  /** Number of the frame there. */
  readonly frame: number;
}

/** Who is told of what is odd, in words that do not name the file. */
export interface DecodeEvents {
  /** Once, as soon as the picture has another size than the file announces. */
  readonly onResized: (text: string) => void;
  /** At the end. */
  readonly onDamage: (text: string) => void;
}

/** Every frame of a file, from its first, or from the place on. */
export async function* decode(
  path: string,
  binaries: Binaries,
  info: VideoInfo,
  { signal, threads }: Pick<OpenOptions, 'signal' | 'threads'>,
  { onResized, onDamage }: DecodeEvents,
  seek?: Seek,
): AsyncGenerator<Frame, void, void> {
  if (signal?.aborted) return;
  const { width, height } = info;
  const log = new DecodeLog(info, seek);
  const run = startReading(decodeCommand(path, binaries, info, threads, seek), (line) => log.read(line));
  void run.ended.then(() => log.close());
  signal?.addEventListener('abort', run.kill, { once: true });
  const slicer = new Slicer(run.stdout, 3 * width * height);
  const first = seek?.frame ?? 0;
  let count = 0;
  let complete = false;
  let resized: string | undefined;
  try {
    let next = slicer.next();
    for (;;) {
      const data = await next;
      complete = !data;
      if (!data || signal?.aborted) break;
      // the frame after this one arrives while this one is worked on
      next = slicer.next();
      const time = await log.nextTime();
      if (resized === undefined && log.resized !== undefined) onResized((resized = log.resized));
      yield { data, width, height, index: first + count++, time };
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
    const words = lastLines.filter((line) => !line.includes('[verbose]'));
    throw unreadable(path, words.length > 0 ? words : [failure ?? 'nothing']);
  }
  const damage = log.damage() ?? failure;
  if (damage !== undefined) onDamage(`damaged or cut off, ${count} frames could be read: ${damage}`);
}

/**
 * One frame out for each coded frame, upright, as raw RGB. The filters also make ffmpeg log the time of each of these very frames: the
 * packets' times do not tell which of them the decoder shows.
 */
function decodeCommand(
  path: string,
  binaries: Binaries,
  info: VideoInfo,
  threads: number | undefined,
  seek: Seek | undefined,
) {
  // a video may change its size on the way
  const picture = [...uprightFilters(info), `scale=${info.width}:${info.height}`, 'format=rgb24'];
  const filters = [
    `${MICROSECONDS},split[times][frames]`,
    `[times]${TELL_TIMES},nullsink`,
    `[frames]${picture.join(',')}`,
  ];
  return createCommand(path, binaries)
    .inputOptions([...DECODER_OPTIONS])
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
  const pictures = await openPictures(path, files);
  const { count, fps } = pictures;
  const first = indices(count).find((index) => !isBefore(start, { index, time: pictures.timeOf(index) }));
  if (first === undefined) {
    const last = pictures.timeOf(count - 1).toFixed(3);
    throw startOutOfRange(path, start, `found ${count} images, the last at ${last} s`);
  }
  const warnings = [...pictures.warnings];
  const warn = (text: string): void => void warnings.push(text);
  const size = await pictures.sizeFrom(first);
  return {
    path,
    ...size,
    fps,
    frameCount: count - first,
    rotation: 0,
    mirrored: false,
    pixelAspect: SQUARE,
    codec: 'images',
    warnings,
    frames: () => fitted(pictures, size, first, { signal, onLost: warn }, warn),
    frameTimes: async () => Float64Array.from({ length: count }, (_, index) => pictures.timeOf(index)),
  };
}

const indices = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
