/** A video whose frames are read from anywhere, again and again: for looking about in it. */
import { stat } from 'node:fs/promises';
import { TrackerError } from '../errors.js';
import type { Size } from '../geometry.js';
import type { Frame } from '../image/frame.js';
import { isHttp } from './address.js';
import { findBinaries, type Binaries } from './binaries.js';
import { decodeIndex, frameAt, quickFrame, readPackets, type FrameIndex } from './frame-index.js';
import { imagesInFolder, isPicture } from './images.js';
import { fitted, openPictures, type PictureFile } from './pictures.js';
import { probeVideo, SQUARE, type PixelAspect, type VideoInfo } from './probe.js';
import { decode, imagesHaveNoStreams, type Seek } from './read.js';

export interface SeekableVideo extends Size {
  readonly path: string;
  readonly fps: number;
  /** As of VideoSource. */
  readonly pixelAspect: PixelAspect;
  /** Notes for people on how the video is read, without its path; there may be more once its frames were read. */
  readonly notes: readonly string[];
  /** Frames; until they are counted an estimate, or those that were found so far. */
  frameCount(): number;
  /** Their number is sure. */
  isCounted(): boolean;
  /** Settles soon: jumps are as quick as they will be, and where the file's packets tell all frames, these are counted. Never rejects. */
  readonly ready: Promise<void>;
  /** Settles when the frames have been counted, by decoding all of them where that is the only way. Never rejects. */
  readonly counted: Promise<void>;
  /** Seconds from the first frame; undefined where it is not known yet. */
  timeOf(frame: number): number | undefined;
  /** A frame, not behind the given one, that is reached quickly. */
  quickFrame(frame: number): number;
  /**
   * The frames from number `first` on, in order, numbered and timed as openVideo does; none where it lies behind the end. Of files
   * whose packets do not tell where a frame is, those before it are decoded too. Several readers may be at work at once.
   * @throws TrackerError VIDEO_UNREADABLE where not one frame could be read
   */
  frames(first: number, signal?: AbortSignal): AsyncGenerator<Frame, void, void>;
  /** Ends the counting of frames. */
  close(): Promise<void>;
}

export interface SeekableOptions {
  readonly binaries?: Binaries | undefined;
  /** The images, in order, where the path stands for some; left out: all that lie in the folder. */
  readonly images?: readonly PictureFile[] | undefined;
  /** Number of the video stream, as ffprobe counts; left out: the one that players show. */
  readonly stream?: number | undefined;
  /** Aborted: counting the frames ends. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * @param path file, folder of images, or an http(s) address whose server gives parts
 * @throws TrackerError INPUT_NOT_FOUND, VIDEO_UNREADABLE, FFMPEG_MISSING, OPTION_INVALID where there is no such stream
 */
export async function openSeekable(path: string, options: SeekableOptions = {}): Promise<SeekableVideo> {
  if (isHttp(path)) {
    const binaries = options.binaries ?? (await findBinaries());
    return openFile(path, await probeVideo(binaries, path, options), binaries, options.signal);
  }
  if (options.images) return openImages(path, options.images);
  const found = await stat(path).catch((cause: unknown) => {
    throw new TrackerError('INPUT_NOT_FOUND', `video ${path}: no such file or folder`, {
      hint: 'check the path',
      cause,
    });
  });
  const images = found.isDirectory() ? await imagesInFolder(path) : (await isPicture(path)) ? [path] : undefined;
  if (images) {
    if (options.stream !== undefined) throw imagesHaveNoStreams(path);
    return openImages(path, images);
  }
  const binaries = options.binaries ?? (await findBinaries());
  return openFile(path, await probeVideo(binaries, path, options), binaries, options.signal);
}

function openFile(path: string, info: VideoInfo, binaries: Binaries, signal?: AbortSignal): SeekableVideo {
  const counter = createCounter(path, info, binaries, signal);
  const { width, height, fps, pixelAspect } = info;
  const notes = [...info.notes];
  const inOrder = { onResized: noteOnce(notes), onDamage: noteOnce(notes) };
  // what is not decoded on the way is no damage
  const fromThere = { ...inOrder, onDamage: () => undefined };
  return {
    path,
    width,
    height,
    fps,
    pixelAspect,
    notes,
    frameCount: counter.count,
    isCounted: counter.isCounted,
    ready: counter.ready,
    counted: counter.counted,
    timeOf: (frame) => counter.index()?.times[frame],
    quickFrame: (frame) => {
      const index = counter.index();
      // without an index every jump begins at the first frame
      return index?.jumps ? quickFrame(index, frame) : 0;
    },
    async *frames(first, signal) {
      if (first > 0) await counter.ready;
      const index = first > 0 ? counter.index() : undefined;
      if (index && first >= index.times.length) return;
      let next = first;
      if (index?.jumps) {
        for await (const frame of decode(path, binaries, info, { signal }, fromThere, seekTo(index, first))) {
          // another one than the index says: what is damaged is not shown
          if (frameAt(index, frame.time) !== next) break;
          yield frame;
          next++;
        }
        if (signal?.aborted || next === index.times.length) return;
        if (next > first) counter.recount();
      }
      // the sure way: from the beginning
      let count = 0;
      for await (const frame of decode(path, binaries, info, { signal }, inOrder)) {
        count++;
        if (frame.index >= next) yield frame;
      }
      if (!signal?.aborted && counter.isCounted() && count !== counter.count()) counter.recount();
    },
    close: counter.close,
  };
}

/** Every reader comes upon it anew: the first word on it is enough. */
function noteOnce(notes: string[]): (text: string) => void {
  let isNoted = false;
  return (text) => {
    if (!isNoted) notes.push(text);
    isNoted = true;
  };
}

/** Knows, sooner or later, which frames a file has. */
interface Counter extends Pick<SeekableVideo, 'isCounted' | 'ready' | 'counted' | 'close'> {
  index(): FrameIndex | undefined;
  count(): number;
  /** Drops the packets' index, which turned out to be wrong: from now on only decoded frames count. */
  recount(): void;
}

function createCounter(path: string, info: VideoInfo, binaries: Binaries, signal?: AbortSignal): Counter {
  const closing = new AbortController();
  const ended = signal ? AbortSignal.any([signal, closing.signal]) : closing.signal;
  let known: FrameIndex | undefined;
  let estimate = info.frameCount;
  let found = 0;
  let decoding: Promise<void> | undefined;
  const packets = readPackets(path, info, binaries, ended);
  const decodeAll = async (): Promise<void> => {
    const onCount = (frames: number): void => void (found = frames);
    // with one thread: the frames are to be looked at and tracked meanwhile
    known = await decodeIndex(path, info, await packets, binaries, { signal: ended, threads: 1, onCount });
  };
  const takePackets = async (): Promise<void> => {
    const { index, count } = await packets;
    known = index;
    if (count > 0) estimate = count;
  };
  const ready = takePackets();
  const counted = ready.then(() => (known ? undefined : (decoding = decodeAll())));
  return {
    ready,
    counted,
    index: () => known,
    isCounted: () => known !== undefined,
    count: () => known?.times.length ?? Math.max(estimate, found),
    recount() {
      if (decoding) return;
      known = undefined;
      decoding = decodeAll();
    },
    async close() {
      closing.abort();
      await counted;
      await decoding;
    },
  };
}

/** Half a frame before it, so that rounding does not matter. */
function seekTo({ times, offset }: FrameIndex, frame: number): Seek {
  const time = (times[frame]! + times[frame - 1]!) / 2;
  return { at: time + offset, origin: -time, frame };
}

async function openImages(path: string, files: readonly PictureFile[]): Promise<SeekableVideo> {
  if (files.length === 0) {
    throw new TrackerError('INPUT_NOT_FOUND', `video ${path}: a folder without images`, {
      hint: 'give a video file or a folder of images',
    });
  }
  const pictures = await openPictures(path, files);
  const size = await pictures.sizeFrom(0);
  const notes: string[] = [...pictures.warnings];
  const note = (text: string): void => void (notes.includes(text) || notes.push(text));
  return {
    path,
    ...size,
    fps: pictures.fps,
    pixelAspect: SQUARE,
    notes,
    frameCount: () => pictures.count,
    isCounted: () => true,
    ready: Promise.resolve(),
    counted: Promise.resolve(),
    timeOf: (frame) => (frame < pictures.count ? pictures.timeOf(frame) : undefined),
    quickFrame: (frame) => pictures.quickFrame(frame),
    close: async () => undefined,
    async *frames(first, signal) {
      let lost: string | undefined;
      let count = 0;
      for await (const frame of fitted(pictures, size, first, { signal, onLost: (what) => (lost ??= what) }, note)) {
        count++;
        yield frame;
      }
      if (count > 0 || lost === undefined) return;
      throw new TrackerError('VIDEO_UNREADABLE', `video ${path}: ${lost}`, { hint: 'check that the images are whole' });
    },
  };
}
