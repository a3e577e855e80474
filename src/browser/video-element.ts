/** Frames of a video file where the browser has no WebCodecs for it: a video element goes from time to time. */
import { messageOf } from '../errors.js';
import type { Size } from '../geometry.js';
import { unreadable, type VideoPicture } from './video-picture.js';

/** Frames that a video element shows. */
export interface ElementPictures {
  /** As VideoFile.frames(). @param onDamage told of the frame that cannot be shown; it may throw */
  frames(
    first: number,
    signal: AbortSignal | undefined,
    onDamage: (index: number, error: unknown) => void,
  ): AsyncGenerator<VideoPicture, void, void>;
  close(): void;
}

/** Seconds that a frame is waited for. */
const PATIENCE = 20;
/** The last frame is looked for so many seconds behind its beginning. */
const INTO_LAST = 0.001;

/**
 * @param size of the pictures; the element's own may be stretched
 * @param stamps times of the frames in the file, seconds
 * @throws TrackerError VIDEO_UNREADABLE; also in a worker, where there are no elements
 */
export async function elementPictures(
  file: Blob,
  name: string,
  size: Size,
  stamps: Float64Array,
): Promise<ElementPictures> {
  if (!('document' in globalThis)) throw unreadable(name, 'this browser has no WebCodecs in a worker');
  const address = URL.createObjectURL(file);
  const open = async (): Promise<HTMLVideoElement> => {
    const video = Object.assign(document.createElement('video'), { muted: true, preload: 'auto', src: address });
    await happens(video, 'loadeddata');
    return video;
  };
  const close = (video: HTMLVideoElement): void => {
    video.removeAttribute('src');
    video.load();
  };
  try {
    close(await open());
    return { frames, close: () => URL.revokeObjectURL(address) };
  } catch (error) {
    URL.revokeObjectURL(address);
    throw unreadable(name, messageOf(error), error);
  }

  async function* frames(
    first: number,
    signal: AbortSignal | undefined,
    onDamage: (index: number, error: unknown) => void,
  ): AsyncGenerator<VideoPicture, void, void> {
    const video = await open();
    try {
      for (let index = first; index < stamps.length; index++) {
        if (signal?.aborted) return;
        const image = await pictureAt(video, size, middleOf(stamps, index)).catch((error: unknown) => {
          onDamage(index, error);
          return undefined;
        });
        if (!image) return;
        try {
          yield { image, index, time: stamps[index]! - stamps[0]! };
        } finally {
          image.close();
        }
      }
    } finally {
      close(video);
    }
  }
}

/** A time at which rounding leads to no other frame. */
function middleOf(stamps: Float64Array, index: number): number {
  const stamp = stamps[index]!;
  const next = stamps[index + 1];
  return next === undefined ? stamp + INTO_LAST : (stamp + next) / 2;
}

async function pictureAt(video: HTMLVideoElement, { width, height }: Size, time: number): Promise<ImageBitmap> {
  if (Math.abs(video.currentTime - time) > Number.EPSILON) {
    const shown = happens(video, 'seeked');
    video.currentTime = time;
    await shown;
  }
  const isStretched = video.videoWidth !== width || video.videoHeight !== height;
  return isStretched
    ? createImageBitmap(video, { resizeWidth: width, resizeHeight: height })
    : createImageBitmap(video);
}

function happens(video: HTMLVideoElement, event: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const ended = new AbortController();
    const { signal } = ended;
    const end = (error?: Error): void => {
      clearTimeout(timer);
      ended.abort();
      if (error) reject(error);
      else resolve();
    };
    const timer = setTimeout(() => end(new Error(`no frame came in ${PATIENCE} s`)), PATIENCE * 1000);
    video.addEventListener(event, () => end(), { signal });
    video.addEventListener('error', () => end(new Error(video.error?.message || 'the browser cannot play it')), {
      signal,
    });
  });
}
