/** A video file that the browser decodes, as sessions and the page want it. */
import type { VideoFile } from '../../browser/video-file.js';
import type { VideoPicture } from '../../browser/video-picture.js';
import type { Picture } from '../page/service.js';
import type { SessionVideo } from '../session.js';

/** A video, and its pictures for people. */
export interface SiteVideo extends SessionVideo<VideoPicture> {
  /** Name of the file, as exports have it. */
  readonly name: string;
  /** Seconds from the first frame: entry i is frame i. */
  readonly times: ArrayLike<number>;
  /** @throws TrackerError */
  picture(frame: number): Promise<Picture>;
  /** Takes a frame that was decoded anyhow. */
  offer(frame: VideoPicture): Promise<void>;
}

/** A longer side than this is made smaller: the page has no room for it. */
const MAX_SIDE = 1920;
/** Frames that are read on to, rather than to jump. */
const READ_ON = 12;
/** Frames that were offered and are kept. */
const KEPT = 4;

export function createSiteVideo(file: VideoFile): SiteVideo {
  const { name, width, height, fps, times, notes } = file;
  const offered = new Map<number, Picture>();
  const reader = createReader(file);
  return {
    name,
    width,
    height,
    fps,
    times,
    notes,
    frameCount: () => times.length,
    isCounted: () => true,
    counted: Promise.resolve(),
    timeOf: (frame) => times[frame],
    frames: (first, signal) => file.frames(first, signal),
    picture: async (frame) => offered.get(frame) ?? reader.read(frame),
    async offer(frame) {
      offered.set(frame.index, await pictureOf(frame));
      for (const oldest of offered.keys()) if (offered.size > KEPT) offered.delete(oldest);
    },
    async close() {
      await reader.close();
      file.close();
    },
  };
}

interface Reader {
  read(frame: number): Promise<Picture>;
  close(): Promise<void>;
}

/** One decoder for all who ask: they take turns, since what one reads is often what the next one wants. */
function createReader(file: VideoFile): Reader {
  let frames: AsyncGenerator<VideoPicture, void, void> | undefined;
  let next = 0;
  let turn: Promise<unknown> = Promise.resolve();
  const read = async (frame: number): Promise<Picture> => {
    if (!frames || frame < next || frame > next + READ_ON) {
      await frames?.return();
      frames = file.frames(frame);
    }
    for (;;) {
      const { value } = await frames.next();
      // a damaged file ends sooner than it says
      if (!value) throw new Error(`frame ${frame} cannot be read`);
      next = value.index + 1;
      if (value.index >= frame) return pictureOf(value);
    }
  };
  return {
    read(frame) {
      const picture = turn.then(() => read(frame));
      turn = picture.catch(() => void (frames = undefined));
      return picture;
    },
    async close() {
      await turn;
      await frames?.return();
    },
  };
}

export async function pictureOf({ image, time }: Pick<VideoPicture, 'image' | 'time'>): Promise<Picture> {
  const [width, height] =
    'displayWidth' in image ? [image.displayWidth, image.displayHeight] : [image.width, image.height];
  const scale = Math.min(1, MAX_SIDE / Math.max(width, height));
  const smaller = { resizeWidth: Math.round(scale * width), resizeHeight: Math.round(scale * height) };
  return { bitmap: await (scale < 1 ? createImageBitmap(image, smaller) : createImageBitmap(image)), time };
}
