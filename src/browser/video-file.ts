/** A video file in a page, frame by frame: mediabunny finds the coded frames, and WebCodecs decodes them. */
import { messageOf, TrackerError } from '../errors.js';
import type { Size } from '../geometry.js';
import type * as Demuxer from './demuxer.js';
import type { Input, InputVideoTrack, VideoSample } from './demuxer.js';
import { elementPictures } from './video-element.js';
import { unreadable, type VideoPicture } from './video-picture.js';

/** A video file that is open. */
export interface VideoFile extends Size {
  /** Name of the file; of a Blob without one: "video". */
  readonly name: string;
  /** Frames a second, on average. */
  readonly fps: number;
  /** Presentation times, seconds from the first frame: entry i is frame i. */
  readonly times: Float64Array;
  /** webcodecs, or the video element where the browser has no WebCodecs for it. */
  readonly decoder: 'webcodecs' | 'element';
  /** Notes for people: which decoder is used where it is not WebCodecs, and where a damaged file ends. */
  readonly notes: readonly string[];
  /**
   * Every coded frame from number `first` on, once, in order of time. Few are decoded ahead, and each is closed when the next one is asked
   * for. A file that is damaged further on ends there, with a note. Several readers may be at work at once.
   * @throws TrackerError VIDEO_UNREADABLE where not one frame could be read
   */
  frames(first?: number, signal?: AbortSignal): AsyncGenerator<VideoPicture, void, void>;
  /** Lets go of the file. */
  close(): void;
}

/** Who is told of what a person should know. */
export interface VideoFileOptions {
  /** Told of each note when it is made; left out: console.warn. */
  readonly onNotice?: (note: string) => void;
}

/** From one coded frame to the next, seconds: less is the same time. */
const SAME_TIME = 1e-6;

type Media = typeof Demuxer;

/**
 * Opens a file: mp4, mov, webm or mkv with a codec that this browser decodes.
 * @throws TrackerError VIDEO_UNREADABLE naming what was found
 */
export async function openVideoFile(file: Blob, options: VideoFileOptions = {}): Promise<VideoFile> {
  const name = (file as Partial<File>).name ?? 'video';
  const media = await import('./demuxer.js');
  const input = new media.Input({
    source: new media.BlobSource(file),
    formats: [media.MP4, media.QTFF, media.WEBM, media.MATROSKA],
  });
  try {
    return await openTrack(media, input, file, name, options);
  } catch (error) {
    input.dispose();
    throw error instanceof TrackerError ? error : unreadable(name, whyUnread(media, error), error);
  }
}

async function openTrack(
  media: Media,
  input: Input,
  file: Blob,
  name: string,
  { onNotice = (note) => console.warn(`${name}: ${note}`) }: VideoFileOptions,
): Promise<VideoFile> {
  const track = await input.getPrimaryVideoTrack();
  if (!track) throw unreadable(name, 'found no video in it');
  const stamps = await timesOf(media, track);
  if (stamps.length === 0) throw unreadable(name, 'found no frame in it');
  const notes: string[] = [];
  const note = (text: string): void => {
    notes.push(text);
    onNotice(text);
  };
  const lacks = await missingDecoder(track);
  const size = await storedSize(track);
  const element = lacks === undefined ? undefined : await elementPictures(file, name, size, stamps);
  if (lacks !== undefined) note(`${lacks}: the frames are read from a video element, which is slower`);
  const onDamage = (index: number, error: unknown): void => {
    if (index === 0) throw unreadable(name, messageOf(error), error);
    note(`is damaged: it ends after ${index} of ${stamps.length} frames (${messageOf(error)})`);
  };
  return {
    name,
    ...size,
    fps: rateOf(stamps),
    times: stamps.map((stamp) => stamp - stamps[0]!),
    decoder: element ? 'element' : 'webcodecs',
    notes,
    frames: (first = 0, signal) =>
      element?.frames(first, signal, onDamage) ?? decoded(media, track, { size, stamps, first, signal, onDamage }),
    close() {
      element?.close();
      input.dispose();
    },
  };
}

/** Times of all frames that are shown, seconds, in their order; from the file's index or, where it has none, from its packets. */
async function timesOf(media: Media, track: InputVideoTrack): Promise<Float64Array> {
  // VP8 has packets of frames that are never shown, which say so in their first byte
  const hides = (await track.getCodec()) === 'vp8';
  const sink = new media.EncodedPacketSink(track);
  const stamps: number[] = [];
  try {
    for await (const { timestamp, data } of sink.packets(undefined, undefined, { metadataOnly: !hides }))
      if (!hides || ((data[0] ?? 0) & 0x10) !== 0) stamps.push(timestamp);
  } catch (error) {
    // what a cut file still holds is read
    if (stamps.length === 0) throw error;
  }
  // players do not show what an edit list puts before the beginning
  const shown = stamps.filter((stamp) => stamp > -SAME_TIME);
  return Float64Array.from(shown.length > 0 ? shown : stamps).toSorted();
}

function rateOf(stamps: Float64Array): number {
  const seconds = stamps.at(-1)! - stamps[0]!;
  return seconds > 0 ? (stamps.length - 1) / seconds : 30;
}

/** Why WebCodecs does not decode it; undefined: it does. */
async function missingDecoder(track: InputVideoTrack): Promise<string | undefined> {
  if (!('VideoDecoder' in globalThis)) return 'this browser has no WebCodecs, or gives none to this page';
  const config = await track.getDecoderConfig().catch(() => null);
  if (await track.canDecode()) return undefined;
  return `WebCodecs of this browser does not decode ${config?.codec ?? 'its codec'}`;
}

interface Reading {
  readonly size: Size;
  readonly stamps: Float64Array;
  readonly first: number;
  readonly signal: AbortSignal | undefined;
  /** Throws where it is told of no frame. */
  readonly onDamage: (index: number, error: unknown) => void;
}

async function* decoded(
  media: Media,
  track: InputVideoTrack,
  { size, stamps, first, signal, onDamage }: Reading,
): AsyncGenerator<VideoPicture, void, void> {
  const begin = stamps[first];
  if (begin === undefined) return;
  let next = first;
  const samples = new media.VideoSampleSink(track).samples(begin);
  try {
    for (;;) {
      const sample = await nextOf(samples, (error) => onDamage(next, error));
      if (!sample) return;
      const index = indexOf(sample.timestamp, stamps, next);
      if (signal?.aborted || index === undefined) {
        sample.close();
        if (signal?.aborted) return;
        continue;
      }
      next = index + 1;
      const image = upright(sample, size);
      sample.close();
      try {
        yield { image, index, time: stamps[index]! - stamps[0]! };
      } finally {
        image.close();
      }
    }
  } finally {
    await samples.return();
  }
}

async function nextOf(
  samples: AsyncGenerator<VideoSample, void, unknown>,
  onError: (error: unknown) => void,
): Promise<VideoSample | undefined> {
  try {
    const { value } = await samples.next();
    return value ?? undefined;
  } catch (error) {
    onError(error);
    return undefined;
  }
}

/** Number of the frame of a time, not before `next`. */
function indexOf(stamp: number, stamps: Float64Array, next: number): number | undefined {
  for (let i = next; i < stamps.length; i++) {
    if (Math.abs(stamps[i]! - stamp) < SAME_TIME) return i;
    if (stamps[i]! > stamp) return undefined;
  }
  return undefined;
}

/** Upright, in the pixels that are stored: what players stretch stays as it is, as on Node. */
async function storedSize(track: InputVideoTrack): Promise<Size> {
  const [across, down] = [await track.getCodedWidth(), await track.getCodedHeight()];
  return isTurned(await track.getRotation()) ? { width: down, height: across } : { width: across, height: down };
}

const isTurned = (rotation: number): boolean => rotation % 180 !== 0;

function upright(sample: VideoSample, { width, height }: Size): VideoFrame {
  const { rotation, flip, pixelAspectRatio, microsecondTimestamp: timestamp } = sample;
  if (rotation === 0 && !flip && pixelAspectRatio.num === pixelAspectRatio.den) return sample.toVideoFrame();
  const canvas = new OffscreenCanvas(width, height);
  sample.draw(canvas.getContext('2d', { alpha: false })!, 0, 0, width, height);
  return new VideoFrame(canvas, { timestamp });
}

function whyUnread(media: Media, error: unknown): string {
  if (error instanceof media.UnsupportedInputFormatError) return 'expected mp4, mov, webm or mkv, found something else';
  return messageOf(error);
}
