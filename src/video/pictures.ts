/** Image files one after the other, as a video: each picture is a frame, and a file may hold several. */
import { basename } from 'node:path';
import { messageOf, TrackerError } from '../errors.js';
import type { Size } from '../geometry.js';
import { decodeApng } from '../image/apng.js';
import { decodePages, flattenRgba, type RgbImage } from '../image/decode.js';
import { fitImage } from '../image/fit.js';
import type { Frame } from '../image/frame.js';
import { holdsOne, readPages, STILL, type Pages } from '../image/pages.js';
import { mapLimited } from '../limit.js';
import { doubtsAbout, imagesInFolder, passedOver } from './images.js';

/** Rate that images without times of their own are taken to have. */
export const IMAGE_FPS = 25;

/** A frame that may not be read: it keeps its number. */
export interface LockedPicture {
  readonly name: string;
  readonly why: string;
}

export type PictureFile = string | LockedPicture;

export interface Pictures {
  /** Number of pictures. */
  readonly count: number;
  /** Average frames a second. */
  readonly fps: number;
  /** Doubts about the files, found before one is decoded. */
  readonly warnings: readonly string[];
  /** Seconds from the first picture. */
  timeOf(frame: number): number;
  /** Name of the file that a picture is in. */
  nameOf(frame: number): string;
  /** A picture, not behind the given one, that is reached quickly. */
  quickFrame(frame: number): number;
  /** Size of the first picture that can be read, from number `first` on. @throws TrackerError VIDEO_UNREADABLE where none can */
  sizeFrom(first: number): Promise<Size>;
  /** Pictures from number `first` on, in order; one that cannot be decoded is left out, and the others keep their numbers. */
  frames(first: number, options?: PictureOptions): AsyncGenerator<Frame, void, void>;
}

export interface PictureOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called with each picture that is left out, for people. */
  readonly onLost?: (what: string) => void;
}

interface Source {
  readonly file: PictureFile;
  readonly pages: Pages;
  /** Number of the frame that its first picture is. */
  readonly first: number;
}

/** @param path the folder, the pattern or the file; it is called so in messages */
export async function openPictures(path: string, files: readonly PictureFile[]): Promise<Pictures> {
  const sources = await readSources(files);
  const warnings = [...warningsOf(sources), ...(await passedOver(path))];
  const { times, milliseconds } = timesOf(sources);
  const count = times.length;
  const sourceOf = (frame: number): Source | undefined => sources.findLast(({ first }) => first <= frame);

  async function* frames(first: number, { signal, onLost }: PictureOptions = {}): AsyncGenerator<Frame, void, void> {
    for (const source of sources) {
      const skipped = Math.max(0, first - source.first);
      if (skipped >= source.pages.numbers.length) continue;
      let index = source.first + skipped;
      for await (const picture of decodeFrom(source, skipped)) {
        if (signal?.aborted) return;
        if ('data' in picture) yield { ...picture, index, time: times[index]! };
        else onLost?.(`frame ${index} left out: ${picture.why}`);
        index++;
      }
    }
  }
  return {
    count,
    fps: (1000 * count) / milliseconds,
    warnings,
    timeOf: (frame) => times[frame]!,
    nameOf: (frame) => nameOf(sourceOf(frame)!.file),
    quickFrame(frame) {
      const source = sourceOf(frame);
      // it is decoded from its first picture on
      return source?.pages.kind === 'apng' ? source.first : frame;
    },
    async sizeFrom(first) {
      let reason: string | undefined;
      for await (const { width, height } of frames(first, { onLost: (lost) => (reason ??= lost) }))
        return { width, height };
      throw new TrackerError(
        'VIDEO_UNREADABLE',
        `${path}: not one of ${count - first} images could be read (${reason})`,
        { hint: 'check that the images are whole' },
      );
    },
    frames,
  };
}

/** How many frames a folder of images has, and what is doubtful about them. @throws Error of the file system */
export async function countFrames(folder: string): Promise<Pick<Pictures, 'count' | 'warnings'>> {
  const sources = await readSources(await imagesInFolder(folder));
  return { count: sources.reduce((sum, { pages }) => sum + pages.numbers.length, 0), warnings: warningsOf(sources) };
}

async function readSources(files: readonly PictureFile[]): Promise<Source[]> {
  const trusted = files.length > 1;
  const all = await mapLimited(files, async (file) =>
    typeof file !== 'string' || (trusted && holdsOne(file)) ? STILL : readPages(file),
  );
  let first = 0;
  return files.map((file, i) => {
    const source = { file, pages: all[i]!, first };
    first += source.pages.numbers.length;
    return source;
  });
}

/** Added up in milliseconds, which are whole numbers mostly: a thousand times 0.04 would not be 40. */
function timesOf(sources: readonly Source[]): { times: Float64Array; milliseconds: number } {
  const delays = sources.flatMap(({ pages }) => pages.delays ?? pages.numbers.map(() => 1000 / IMAGE_FPS));
  const times = new Float64Array(delays.length);
  let milliseconds = 0;
  for (const [i, delay] of delays.entries()) {
    times[i] = milliseconds / 1000;
    milliseconds += delay;
  }
  return { times, milliseconds };
}

function warningsOf(sources: readonly Source[]): string[] {
  const files = sources.flatMap(({ file }) => (typeof file === 'string' ? [file] : []));
  const faults = sources.flatMap(({ file, pages }) =>
    pages.fault === undefined ? [] : [`${nameOf(file)}: ${pages.fault}`],
  );
  const isMixed = new Set(sources.map(({ pages }) => pages.numbers.length === 1)).size > 1;
  const several = isMixed ? sources.filter(({ pages }) => pages.numbers.length > 1) : [];
  const mixed = several.map(({ file, pages, first }) => {
    const { length } = pages.numbers;
    return `${nameOf(file)} holds ${length} pictures, which are the frames ${first} to ${first + length - 1}`;
  });
  return [...doubtsAbout(files), ...mixed, ...faults];
}

const nameOf = (file: PictureFile): string => (typeof file === 'string' ? file : file.name);

// --- decoding ---

interface Lost {
  readonly why: string;
}

/** One entry a picture, from a position in the file on. */
function decodeFrom({ file, pages }: Source, from: number): AsyncGenerator<RgbImage | Lost, void, void> {
  if (typeof file !== 'string') return locked(file);
  if (pages.kind === 'video') return locked({ name: file, why: 'it is a sequence: name the file itself' });
  return pages.kind === 'apng' ? decodeAnimation(file, pages, from) : decodeRuns(file, pages, from);
}

async function* locked({ name, why }: LockedPicture): AsyncGenerator<Lost, void, void> {
  yield { why: `image ${name}: ${why}` };
}

/** Each picture is made of those before. */
async function* decodeAnimation(
  file: string,
  { numbers }: Pages,
  from: number,
): AsyncGenerator<RgbImage | Lost, void, void> {
  let position = 0;
  let reason = 'it is cut off';
  try {
    for await (const { width, height, ...picture } of decodeApng(file)) {
      if (position++ < from) continue;
      yield 'why' in picture
        ? { why: `image ${file}: ${picture.why}` }
        : { data: flattenRgba(picture.rgba), width, height };
    }
  } catch (error) {
    reason = messageOf(error);
  }
  for (; position < numbers.length; position++) if (position >= from) yield { why: `image ${file}: ${reason}` };
}

/** Bytes of the pictures that are decoded at once. */
const RUN_BYTES = 48 * 2 ** 20;

/**
 * The pages of an animation are made of those before: one by one, each of a thousand would decode hundreds of others. At first few at once,
 * because somebody waits for the first.
 */
async function* decodeRuns(
  file: string,
  { numbers, fault }: Pages,
  from: number,
): AsyncGenerator<RgbImage | Lost, void, void> {
  const failOn = fault === undefined ? 'error' : 'truncated';
  const decode = (page: number, pages: number): Promise<RgbImage[] | Lost> =>
    decodePages(file, page, pages, failOn).catch((error: unknown) => ({ why: messageOf(error) }));
  let longest = 1;
  for (let at = from; at < numbers.length;) {
    const run = runLength(numbers, at, longest);
    const decoded = await decode(numbers[at]!, run);
    if (!('why' in decoded)) {
      yield* decoded;
      at += run;
      longest = Math.min(2 * longest, Math.max(1, Math.floor(RUN_BYTES / decoded[0]!.data.length)));
    } else if (run > 1) {
      // one of them is damaged, or has another size: each by itself
      longest = 1;
    } else {
      yield decoded;
      at++;
    }
  }
}

/** Pages that follow each other in the file. */
function runLength(numbers: readonly number[], at: number, longest: number): number {
  let length = 1;
  while (length < longest && numbers[at + length] === numbers[at]! + length) length++;
  return length;
}

/** Pictures from a number on, those of another size scaled to that of the video. @param onResized is told of each that was */
export async function* fitted(
  pictures: Pictures,
  size: Size,
  first: number,
  options: PictureOptions,
  onResized: (what: string) => void,
): AsyncGenerator<Frame, void, void> {
  for await (const frame of pictures.frames(first, options)) {
    if (frame.width !== size.width || frame.height !== size.height) {
      const [found, expected] = [frame, size].map(({ width, height }) => `${width} x ${height}`);
      const name = basename(pictures.nameOf(frame.index));
      onResized(
        `frame ${frame.index} (${name}) has ${found} pixels, it was scaled to ${expected} as the first image has`,
      );
    }
    yield { ...frame, ...(await fitImage(frame, size)) };
  }
}
