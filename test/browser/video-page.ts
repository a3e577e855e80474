/** What the tests of video files do in the page: bundled for it, and called by its name there. */
import { createFrameReader } from '../../src/browser/frames.js';
import { openVideoFile, TrackerError, trackVideo, type FrameBox, type FrameInput } from '../../src/browser/index.js';

export interface ReadVideo {
  readonly width: number;
  readonly height: number;
  readonly decoder: string;
  readonly notes: readonly string[];
  readonly fps: number;
  readonly times: readonly number[];
  /** Of frames, by number, that were read: number, time and mean of all values. */
  readonly frames: readonly (readonly [index: number, time: number, mean: number])[];
}

async function fileOf(address: string): Promise<File> {
  return new File([await (await fetch(address)).blob()], address.split('/').at(-1)!);
}

async function readVideo(address: string, first = 0): Promise<ReadVideo> {
  const notices: string[] = [];
  const video = await openVideoFile(await fileOf(address), { onNotice: (note) => notices.push(note) });
  const read = createFrameReader();
  const frames: (readonly [number, number, number])[] = [];
  for await (const { image, index, time } of video.frames(first)) {
    const { data } = read(image);
    frames.push([index, time, data.reduce((sum, value) => sum + value, 0) / data.length]);
  }
  video.close();
  const { width, height, decoder, fps, times } = video;
  return { width, height, decoder, notes: notices, fps, times: [...times], frames };
}

/** "CODE: message" of what it throws, and how many errors of other kinds the page saw. */
async function refusal(address: string): Promise<string> {
  try {
    const video = await openVideoFile(await fileOf(address), { onNotice: () => undefined });
    for await (const { index } of video.frames()) if (index < 0) return 'a frame';
    return 'none';
  } catch (error) {
    return error instanceof TrackerError ? `${error.code}: ${error.message}` : `unexpected: ${String(error)}`;
  }
}

export interface Flat {
  readonly frames: number;
  /** Pictures that were open at one time, at most. */
  readonly open: number;
  /** Bytes of the heap, each so many frames. */
  readonly heap: readonly number[];
  readonly last: number;
}

/** Tracks with a stand-in that looks at nothing, and counts the pictures that are open. */
async function readFlat(address: string, every: number): Promise<Flat> {
  const counted = countPictures();
  const still: FrameBox = { x: 1, y: 1, w: 10, h: 10 };
  const result = { box: still, confidence: 1, state: 'tracking' } as const;
  const follow = async (frame: FrameInput) => {
    if (!('timestamp' in frame)) throw new Error('a VideoFrame was expected');
    return result;
  };
  const heap: number[] = [];
  let [frames, last] = [0, -1];
  for await (const { frame, time } of trackVideo({ init: follow, update: follow }, await fileOf(address), still)) {
    if (frame !== frames++) throw new Error(`frame ${frame} is the one after ${frames - 2}`);
    last = time;
    if (frame % every === 0)
      heap.push((performance as unknown as { memory: { usedJSHeapSize: number } }).memory.usedJSHeapSize);
  }
  return { frames, open: counted.most(), heap, last };
}

/** Counts what decoders put out and what is copied, less what is closed. */
function countPictures(): { most: () => number } {
  let [open, most] = [0, 0];
  const opened = (): void => void (most = Math.max(most, ++open));
  const Decoder = globalThis.VideoDecoder;
  globalThis.VideoDecoder = class extends Decoder {
    constructor({ output, error }: VideoDecoderInit) {
      super({
        error,
        output: (frame) => {
          opened();
          output(frame);
        },
      });
    }
  };
  const Frame = globalThis.VideoFrame;
  globalThis.VideoFrame = new Proxy(Frame, {
    construct(target, given) {
      opened();
      return Reflect.construct(target, given) as VideoFrame;
    },
  });
  const { clone, close } = Frame.prototype;
  Frame.prototype.clone = function () {
    opened();
    return clone.call(this);
  };
  Frame.prototype.close = function () {
    if (this.format !== null) open--;
    close.call(this);
  };
  return { most: () => most };
}

const videoPage = { readVideo, refusal, readFlat };
export type VideoPage = typeof videoPage;
Object.assign(globalThis, { videoPage });
