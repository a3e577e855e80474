/** A video whose frames are read from anywhere, again and again: for looking about in it. */
import { stat } from 'node:fs/promises';
import { TrackerError } from '../errors.js';
import type { Size } from '../geometry.js';
import type { Frame } from '../image/frame.js';
import { isHttp } from './address.js';
import { findBinaries, type Binaries } from './binaries.js';
import { frameAt, quickFrame, readFrameIndex, type FrameIndex } from './frame-index.js';
import { imagesInFolder, isPicture } from './images.js';
import { openPictures, type PictureFile } from './pictures.js';
import { probeVideo, type VideoInfo } from './probe.js';
import { decode } from './read.js';

export interface SeekableVideo extends Size {
  readonly path: string;
  readonly fps: number;
  /** Frames, an estimate until `counted` has settled; 0 where the file does not tell. */
  frameCount(): number;
  /** Settles when the frames have been counted, as far as that is possible without decoding. Never rejects. */
  readonly counted: Promise<void>;
  /** A frame, not behind the given one, that is reached quickly. */
  quickFrame(frame: number): number;
  /**
   * The frames from number `first` on, in order, numbered and timed as openVideo does; none where it lies behind the end. Of files
   * whose packets do not tell where a frame is, those before it are decoded too. Several readers may be at work at once.
   * @throws TrackerError VIDEO_UNREADABLE where not one frame could be read
   */
  frames(first: number, signal?: AbortSignal): AsyncGenerator<Frame, void, void>;
}

export interface SeekableOptions {
  readonly binaries?: Binaries;
  /** The images, in order, where the path stands for some; left out: all that lie in the folder. */
  readonly images?: readonly PictureFile[];
  /** Aborted: counting the frames ends. */
  readonly signal?: AbortSignal;
}

/**
 * @param path file, folder of images, or an http(s) address whose server gives parts
 * @throws TrackerError INPUT_NOT_FOUND, VIDEO_UNREADABLE, FFMPEG_MISSING
 */
export async function openSeekable(path: string, options: SeekableOptions = {}): Promise<SeekableVideo> {
  if (isHttp(path)) {
    const binaries = options.binaries ?? (await findBinaries());
    return openFile(path, await probeVideo(binaries, path), binaries, options.signal);
  }
  if (options.images) return openImages(path, options.images);
  const found = await stat(path).catch((cause: unknown) => {
    throw new TrackerError('INPUT_NOT_FOUND', `video ${path}: no such file or folder`, {
      hint: 'check the path',
      cause,
    });
  });
  if (found.isDirectory()) return openImages(path, await imagesInFolder(path));
  if (await isPicture(path)) return openImages(path, [path]);
  const binaries = options.binaries ?? (await findBinaries());
  return openFile(path, await probeVideo(binaries, path), binaries, options.signal);
}

function openFile(path: string, info: VideoInfo, binaries: Binaries, signal?: AbortSignal): SeekableVideo {
  let known: FrameIndex | undefined;
  const indexed = readFrameIndex(path, info, binaries, signal).then((index) => (known = index));
  const { width, height, fps } = info;
  return {
    path,
    width,
    height,
    fps,
    frameCount: () => known?.times.length ?? info.frameCount,
    counted: indexed.then(() => undefined),
    // without an index every jump begins at the first frame
    quickFrame: (frame) => (known ? quickFrame(known, frame) : 0),
    async *frames(first, signal) {
      const options = signal ? { signal } : {};
      const index = first === 0 ? undefined : await indexed;
      if (index && first >= index.times.length) return;
      if (index) {
        let arrived = false;
        for await (const frame of decode(path, binaries, info, options, [], seekTo(index, first))) {
          const number = frameAt(index, frame.time);
          if (!arrived && number !== first) break;
          arrived = true;
          yield { ...frame, index: number };
        }
        if (arrived || signal?.aborted) return;
      }
      // the sure way: from the beginning
      for await (const frame of decode(path, binaries, info, options, [])) if (frame.index >= first) yield frame;
    },
  };
}

/** Half a frame before it, so that rounding does not matter. */
function seekTo({ times, offset }: FrameIndex, frame: number) {
  const time = (times[frame]! + times[frame - 1]!) / 2;
  return { at: time + offset, origin: -time };
}

async function openImages(path: string, files: readonly PictureFile[]): Promise<SeekableVideo> {
  if (files.length === 0) {
    throw new TrackerError('INPUT_NOT_FOUND', `video ${path}: a folder without images`, {
      hint: 'give a video file or a folder of images',
    });
  }
  const pictures = await openPictures(path, files);
  const size = await pictures.sizeFrom(0);
  return {
    path,
    ...size,
    fps: pictures.fps,
    frameCount: () => pictures.count,
    counted: Promise.resolve(),
    quickFrame: (frame) => pictures.quickFrame(frame),
    async *frames(first, signal) {
      let lost: string | undefined;
      let count = 0;
      for await (const frame of pictures.frames(first, { signal, onLost: (what) => (lost ??= what) })) {
        count++;
        yield frame;
      }
      if (count > 0 || lost === undefined) return;
      throw new TrackerError('VIDEO_UNREADABLE', `video ${path}: ${lost}`, { hint: 'check that the images are whole' });
    },
  };
}
