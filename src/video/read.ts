/** Frames of a video file, of a folder of images, or of a pattern: one at a time, only as fast as they are taken. */
import { once } from 'node:events';
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import type { PassThrough } from 'node:stream';
import ffmpegCommand, { type FfmpegCommand } from 'fluent-ffmpeg';
import { messageOf, TrackerError } from '../errors.js';
import type { Size } from '../geometry.js';
import { decodeImage } from '../image/decode.js';
import type { Frame } from '../image/frame.js';
import { findBinaries, passthroughOption, type Binaries } from './binaries.js';
import { probeVideo } from './probe.js';

export interface VideoSource extends Size {
  readonly path: string;
  /** Average frames a second; of images, the rate they are taken to have. */
  readonly fps: number;
  /** Frames expected from the start on; a damaged file may yield fewer. */
  readonly frameCount: number;
  /** What was found wrong so far; complete when the frames have ended. */
  readonly warnings: readonly string[];
  /**
   * The frames, upright, in order. Breaking out of the loop ends ffmpeg. A frame's data is its own: it may be kept.
   * @throws TrackerError VIDEO_UNREADABLE where not one frame could be read; START_OUT_OF_RANGE
   */
  frames(): AsyncGenerator<Frame, void, void>;
}

export interface OpenOptions {
  /** Where to begin: a frame number or a time in seconds; indices and times stay those of the whole video. */
  readonly start?: { readonly frame: number } | { readonly time: number };
  readonly signal?: AbortSignal;
  readonly binaries?: Binaries;
}

const IMAGE_EXTENSIONS = new Set(['.jpg', '.jpeg', '.png', '.webp', '.tif', '.tiff', '.gif', '.bmp', '.avif']);
/** Rate that a folder of images is taken to have. */
const IMAGE_FPS = 25;

/** @throws TrackerError INPUT_NOT_FOUND, VIDEO_UNREADABLE, FFMPEG_MISSING */
export async function openVideo(path: string, options: OpenOptions = {}): Promise<VideoSource> {
  const info = await stat(path).catch(() => undefined);
  if (info?.isDirectory()) return openImages(path, await imagesOfFolder(path), options);
  if (info) return openFile(path, options);
  const matched = await matchPattern(path);
  if (matched.length > 0) return openImages(path, matched, options);
  throw new TrackerError('INPUT_NOT_FOUND', `video ${path}: no such file, folder or pattern with a match`, {
    hint: 'give a video file, a folder of images, or a pattern such as "img/*.jpg" or img/%08d.jpg',
  });
}

async function openFile(path: string, { start, signal, binaries: given }: OpenOptions): Promise<VideoSource> {
  const binaries = given ?? (await findBinaries());
  const info = await probeVideo(binaries.ffprobe.path, path);
  const timeOf = (index: number): number => info.times[index] ?? index / info.fps;
  const first = firstIndex(start, info.times.length, timeOf);
  const warnings: string[] = [];
  return {
    path,
    width: info.width,
    height: info.height,
    fps: info.fps,
    frameCount: Math.max(0, info.times.length - first),
    warnings,
    async *frames() {
      let index = 0;
      for await (const data of decode(path, binaries, info, warnings, signal)) {
        if (index >= first) yield { data, width: info.width, height: info.height, index, time: timeOf(index) };
        index++;
      }
      if (index > 0 && index <= first) throw startOutOfRange(path, first, index);
      if (index < info.times.length && !signal?.aborted) {
        warnings.push(`${path}: ${index} of ${info.times.length} frames could be decoded; the file may be damaged or cut off`);
      }
    },
  };
}

/** Index of the first frame wanted. */
function firstIndex(start: OpenOptions['start'], count: number, timeOf: (index: number) => number): number {
  if (!start) return 0;
  if ('frame' in start) return start.frame;
  let index = 0;
  // half a millisecond of grace: times are printed rounded
  while (index < count && timeOf(index) < start.time - 5e-4) index++;
  return index;
}

function startOutOfRange(path: string, first: number, count: number): TrackerError {
  return new TrackerError('START_OUT_OF_RANGE', `video ${path}: it has ${count} frames, the start asks for frame ${first}`, {
    hint: `give a start from 0 to ${count - 1}`,
  });
}

/** Raw frames of a file, 3 * width * height bytes each. */
async function* decode(
  path: string,
  binaries: Binaries,
  { width, height }: Size,
  warnings: string[],
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  const command = createCommand(path, binaries)
    .outputOptions([...passthroughOption(binaries.ffmpeg.version), '-map', '0:v:0', '-pix_fmt', 'rgb24', '-an', '-sn'])
    .format('rawvideo');
  const errors: string[] = [];
  let failure: unknown;
  let ended = false;
  command.on('stderr', (line: string) => {
    if (/error|invalid|corrupt|missing|truncat/i.test(line) && errors.length < 20) errors.push(line.trim());
  });
  command.on('error', (error: unknown) => {
    failure = error;
    ended = true;
  });
  command.on('end', () => (ended = true));
  const stream = command.pipe() as PassThrough;
  const stop = (): void => void command.kill('SIGKILL');
  signal?.addEventListener('abort', stop, { once: true });
  const size = 3 * width * height;
  let count = 0;
  try {
    let frame = new Uint8Array(size);
    let filled = 0;
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      if (signal?.aborted) return;
      for (let at = 0; at < chunk.length; ) {
        const part = Math.min(size - filled, chunk.length - at);
        frame.set(chunk.subarray(at, at + part), filled);
        filled += part;
        at += part;
        if (filled < size) continue;
        yield frame;
        count++;
        frame = new Uint8Array(size);
        filled = 0;
      }
    }
    if (!ended) await Promise.race([once(command, 'end'), once(command, 'error')]).catch(() => undefined);
  } finally {
    signal?.removeEventListener('abort', stop);
    if (!ended) stop();
  }
  if (signal?.aborted) return;
  if (count === 0) {
    const why = [...errors.slice(-3), failure === undefined ? '' : messageOf(failure)].join(' ').trim();
    throw new TrackerError('VIDEO_UNREADABLE', `video ${path}: not one frame could be decoded (${why})`, {
      hint: 'check that the file is whole and plays',
      cause: failure,
    });
  }
  if (errors.length > 0) warnings.push(`${path}: while decoding: ${errors.at(-1)}`);
}

/**
 * A fluent-ffmpeg command without its questions about formats and encoders: it misreads the answers of FFmpeg 7 and later.
 */
export function createCommand(input: string | NodeJS.ReadableStream, binaries: Binaries): FfmpegCommand {
  const command = ffmpegCommand(input as string).setFfmpegPath(binaries.ffmpeg.path);
  const nothing = (callback: (error: null, found: object) => void): void => callback(null, {});
  const skip = (callback: (error?: null) => void): void => callback(null);
  return Object.assign(command, { availableFormats: nothing, availableEncoders: nothing, _checkCapabilities: skip });
}

// --- images ---

async function imagesOfFolder(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => IMAGE_EXTENSIONS.has(extname(name).toLowerCase()));
  if (names.length === 0) {
    throw new TrackerError('VIDEO_UNREADABLE', `folder ${folder}: no image found in it`, {
      hint: `expected files ending in ${[...IMAGE_EXTENSIONS].join(' ')}`,
    });
  }
  return naturalSort(names).map((name) => join(folder, name));
}

function naturalSort(names: readonly string[]): string[] {
  const { compare } = new Intl.Collator('en', { numeric: true });
  return names.toSorted(compare);
}

/** Files of a glob ("img/*.jpg") or of a printf pattern (img/%08d.jpg). */
async function matchPattern(pattern: string): Promise<string[]> {
  const number = /%(0?)(\d*)d/;
  if (!number.test(pattern)) {
    if (!/[*?]/.test(pattern)) return [];
    return naturalSort(await globFiles(pattern));
  }
  const escaped = basename(pattern).replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  const expression = new RegExp(`^${escaped.replace(number, (_, __, width: string) => String.raw`(\d{${width || 1},})`)}$`);
  const names = await readdir(dirname(pattern)).catch(() => []);
  return naturalSort(names.filter((name) => expression.test(name))).map((name) => join(dirname(pattern), name));
}

/** Wild cards * and ? stand in the file name; the folder is named in full. */
async function globFiles(pattern: string): Promise<string[]> {
  const expression = new RegExp(
    `^${basename(pattern)
      .replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
  );
  const names = await readdir(dirname(pattern)).catch(() => []);
  return names.filter((name) => expression.test(name)).map((name) => join(dirname(pattern), name));
}

async function openImages(path: string, files: readonly string[], { start, signal }: OpenOptions): Promise<VideoSource> {
  const first = firstIndex(start, files.length, (index) => index / IMAGE_FPS);
  if (first >= files.length) throw startOutOfRange(path, first, files.length);
  const warnings: string[] = [];
  const sample = await firstReadable(path, files.slice(first));
  return {
    path,
    width: sample.width,
    height: sample.height,
    fps: IMAGE_FPS,
    frameCount: files.length - first,
    warnings,
    async *frames() {
      for (let index = first; index < files.length && !signal?.aborted; index++) {
        const image = await decodeImage(files[index]!).catch((error: unknown) => {
          warnings.push(`frame ${index} left out: ${messageOf(error)}`);
        });
        if (image) yield { ...image, index, time: index / IMAGE_FPS };
      }
    },
  };
}

async function firstReadable(path: string, files: readonly string[]): Promise<Size> {
  let last: unknown;
  for (const file of files) {
    try {
      return await decodeImage(file);
    } catch (error) {
      last = error;
    }
  }
  throw new TrackerError('VIDEO_UNREADABLE', `${path}: not one of ${files.length} images could be read (${messageOf(last)})`, {
    hint: 'check that the images are whole',
    cause: last,
  });
}
