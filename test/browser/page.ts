/** What the tests do in the page: bundled for it, and called by its name there. */
import { createFrameReader, type FrameInput } from '../../src/browser/frames.js';
import {
  createTracker,
  createTrackerGroup,
  TrackerError,
  type BrowserOptions,
  type FrameBox,
  type ModelProgress,
  type TrackerDescription,
  type TrackResult,
} from '../../src/browser/index.js';

/** Of the demo clip. */
const SIZE = { width: 640, height: 480 };

interface Tracked {
  readonly results: readonly (readonly TrackResult[])[];
  readonly description: TrackerDescription;
  readonly progress: readonly ModelProgress[];
  readonly msPerFrame: number;
}

/** The first frames, as the server has them: /frames/N. */
async function track(
  boxes: readonly FrameBox[],
  count: number,
  options: Omit<Partial<BrowserOptions>, 'onProgress'>,
): Promise<Tracked> {
  const progress: ModelProgress[] = [];
  const all: BrowserOptions = { models: '/models', onProgress: (at) => progress.push(at), ...options };
  const { description, init, update, release } = boxes.length === 1 ? await alone(all) : await createTrackerGroup(all);
  const results = [await init(await frame(0), boxes)];
  let ms = 0;
  for (let i = 1; i < count; i++) {
    const next = await frame(i);
    const began = performance.now();
    results.push(await update(next));
    ms += performance.now() - began;
  }
  await release();
  return { results, description, progress, msPerFrame: ms / (count - 1) };
}

/** A tracker of one object, called as a group is. */
async function alone(options: BrowserOptions) {
  const tracker = await createTracker(options);
  return {
    description: tracker.description,
    init: async (frame: FrameInput, boxes: readonly FrameBox[]) => [await tracker.init(frame, boxes[0]!)],
    update: async (frame: FrameInput) => [await tracker.update(frame)],
    release: () => tracker.release(),
  };
}

async function rgbOf(index: number): Promise<Uint8Array> {
  return new Uint8Array(await (await fetch(`/frames/${index}`)).arrayBuffer());
}

async function frame(index: number): Promise<ImageData> {
  const rgb = await rgbOf(index);
  const image = new ImageData(SIZE.width, SIZE.height);
  for (let from = 0, to = 0; from < rgb.length; from += 3, to += 4) {
    image.data.set(rgb.subarray(from, from + 3), to);
    image.data[to + 3] = 255;
  }
  return image;
}

/** "CODE: message" of what it throws. */
async function refusal(options: BrowserOptions): Promise<string> {
  return createTracker(options).then(() => 'none', told);
}

function told(error: unknown): string {
  return error instanceof TrackerError ? `${error.code}: ${error.message}` : String(error);
}

interface ReadAll {
  /** Class -> mean difference from what ffmpeg decoded. */
  readonly differences: Record<string, number>;
  readonly refusals: readonly string[];
}

/** @param foreign address of a picture of another origin */
async function readAll(foreign: string): Promise<ReadAll> {
  const read = createFrameReader();
  const rgb = await rgbOf(0);
  const image = await frame(0);
  const element = Object.assign(document.createElement('canvas'), SIZE);
  element.getContext('2d')!.putImageData(image, 0, 0);
  const offscreen = new OffscreenCanvas(SIZE.width, SIZE.height);
  offscreen.getContext('2d')!.putImageData(image, 0, 0);
  const bitmap = await createImageBitmap(image);
  const videoFrame = new VideoFrame(element, { timestamp: 0 });
  const video = await demoVideo();
  const differences: Record<string, number> = {};
  for (const input of [image, bitmap, element, offscreen, videoFrame, video]) {
    const sum = read(input).data.reduce((sum, value, i) => sum + Math.abs(value - rgb[i]!), 0);
    differences[input.constructor.name] = sum / rgb.length;
  }
  videoFrame.close();
  bitmap.close();
  const picture = new Image();
  picture.src = foreign;
  await picture.decode();
  element.getContext('2d')!.drawImage(picture, 0, 0);
  const inputs = [videoFrame, bitmap, document.createElement('video'), element, document.createElement('div')];
  return { differences, refusals: inputs.map((input) => refusalOf(() => read(input as FrameInput))) };
}

async function demoVideo(): Promise<HTMLVideoElement> {
  const video = document.createElement('video');
  const loaded = new Promise((resolve, reject) => {
    video.addEventListener('loadeddata', resolve);
    video.addEventListener('error', () => reject(new Error(video.error?.message)));
  });
  video.src = '/demo.mp4';
  await loaded;
  return video;
}

function refusalOf(action: () => unknown): string {
  try {
    action();
    return 'none';
  } catch (error) {
    return told(error);
  }
}

const inPage = { track, refusal, readAll };
export type InPage = typeof inPage;
Object.assign(globalThis, { inPage });
