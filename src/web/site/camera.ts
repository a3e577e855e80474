/**
 * The camera as a video that goes on. Its frames are numbered as they are taken: by the tracker while one is at work, else for the view. Pictures
 * of them are kept, the newest ones, so that a person can look back and draw in them.
 */
import type { VideoPicture } from '../../browser/video-picture.js';
import { messageOf, TrackerError } from '../../errors.js';
import { pictureOf, type SiteVideo } from './video.js';

/** Milliseconds from one frame for the view to the next. */
const VIEW_MS = 66;
/** Most bytes of pictures that are kept. */
const KEPT_BYTES = 200e6;
const QUALITY = 0.92;

/** @param onFrame told of each frame that was taken for the view. @throws TrackerError INPUT_NOT_FOUND where there is no camera, or no leave to use it */
export async function openCamera(onFrame: (frame: number) => void): Promise<SiteVideo> {
  const stream = await openStream();
  const video = Object.assign(document.createElement('video'), { muted: true, playsInline: true, srcObject: stream });
  await video.play();
  const camera = new Camera(video, stream, onFrame);
  await camera.begin();
  return camera;
}

async function openStream(): Promise<MediaStream> {
  try {
    return await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' }, audio: false });
  } catch (cause) {
    throw new TrackerError('INPUT_NOT_FOUND', `camera: ${messageOf(cause)}`, {
      hint: 'plug one in, or allow this page to use it',
      cause,
    });
  }
}

class Camera implements SiteVideo {
  readonly name = 'camera';
  readonly live = true;
  readonly notes: string[] = [];
  readonly times: number[] = [];
  readonly counted = Promise.resolve();
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  private readonly kept = new Map<number, Blob>();
  private keptBytes = 0;
  private began: number | undefined;
  /** Trackings that take its frames. */
  private takers = 0;
  private closed = false;
  private readonly canvas: OffscreenCanvas;

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly stream: MediaStream,
    private readonly onFrame: (frame: number) => void,
  ) {
    this.width = video.videoWidth;
    this.height = video.videoHeight;
    this.fps = stream.getVideoTracks()[0]?.getSettings().frameRate ?? 30;
    this.canvas = new OffscreenCanvas(this.width, this.height);
  }

  /** Takes the first frame, and goes on by itself. */
  async begin(): Promise<void> {
    const first = await this.take();
    first?.image.close();
    void this.view();
  }

  frameCount(): number {
    return this.times.length;
  }

  isCounted(): boolean {
    return this.closed;
  }

  timeOf(frame: number): number | undefined {
    return this.times[frame];
  }

  /** The frame that a person drew in, then always the newest one: what came while a frame was worked on is left out. */
  async *frames(first: number, signal?: AbortSignal): AsyncGenerator<VideoPicture, void, void> {
    this.takers++;
    try {
      let next = first < this.times.length ? await this.look(first) : await this.take();
      while (next) {
        try {
          if (signal?.aborted) return;
          yield next;
        } finally {
          next.image.close();
        }
        next = await this.take();
      }
    } finally {
      this.takers--;
    }
  }

  async picture(frame: number) {
    const found = await this.look(frame);
    const picture = await pictureOf(found);
    found.image.close();
    return picture;
  }

  async offer(): Promise<void> {
    // it is kept already
  }

  async close(): Promise<void> {
    this.closed = true;
    for (const track of this.stream.getTracks()) track.stop();
    this.video.srcObject = null;
  }

  private async view(): Promise<void> {
    while (!this.closed) {
      const taken = this.takers === 0 ? await this.take() : undefined;
      taken?.image.close();
      if (taken) this.onFrame(taken.index);
      await new Promise((resolve) => setTimeout(resolve, VIEW_MS));
    }
  }

  /** The next frame that comes; undefined: the camera is closed. */
  private async take(): Promise<VideoPicture | undefined> {
    await nextFrame(this.video);
    if (this.closed) return undefined;
    const image = await createImageBitmap(this.video);
    const now = performance.now() / 1000;
    this.began ??= now;
    const [index, time] = [this.times.length, now - this.began];
    this.times.push(time);
    await this.keep(index, image);
    return { image, index, time };
  }

  private async keep(index: number, image: ImageBitmap): Promise<void> {
    this.canvas.getContext('2d', { alpha: false })!.drawImage(image, 0, 0);
    const blob = await this.canvas.convertToBlob({ type: 'image/jpeg', quality: QUALITY });
    this.kept.set(index, blob);
    this.keptBytes += blob.size;
    for (const [oldest, { size }] of this.kept) {
      if (this.keptBytes <= KEPT_BYTES) return;
      this.kept.delete(oldest);
      this.keptBytes -= size;
    }
  }

  private async look(frame: number): Promise<VideoPicture> {
    const blob = this.kept.get(frame);
    if (blob) return { image: await createImageBitmap(blob), index: frame, time: this.times[frame]! };
    throw new TrackerError('INPUT_NOT_FOUND', `frame ${frame}: its picture is not kept any more`, {
      hint: 'go to a later one',
    });
  }
}

/** Milliseconds after which a frame is taken as it is: a page that nobody sees is told of none. */
const HIDDEN_MS = 500;

function nextFrame(video: HTMLVideoElement): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, HIDDEN_MS);
    video.requestVideoFrameCallback(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
