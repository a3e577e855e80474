/** Pictures of frames: the one that is wanted last comes first, the next ones of a playing video ahead of time. */
import { api } from './api.js';

export interface Pictures {
  /** Resolves to undefined where another frame was wanted meanwhile. @throws RefusedError */
  load(frame: number): Promise<ImageBitmap | undefined>;
  /** Fetched, and kept, if it is not there. */
  ahead(frame: number): void;
  close(): void;
}

const KEPT = 16;

export function createPictures(video: string): Pictures {
  const kept = new Map<number, Promise<ImageBitmap>>();
  const abort = new AbortController();
  let wanted = -1;

  const fetchFrame = (frame: number): Promise<ImageBitmap> => {
    const there = kept.get(frame);
    kept.delete(frame);
    const picture = there ?? api.frame(video, frame, abort.signal);
    kept.set(frame, picture);
    if (!there) picture.catch(() => kept.delete(frame));
    for (const oldest of kept.keys()) {
      if (kept.size <= KEPT) break;
      kept.delete(oldest);
    }
    return picture;
  };
  let busy: Promise<unknown> = Promise.resolve();

  return {
    async load(frame) {
      wanted = frame;
      if (!kept.has(frame)) {
        // one request at a time: of a fast scrub only the last place is fetched
        await busy;
        if (wanted !== frame) return undefined;
      }
      const picture = fetchFrame(frame);
      busy = picture.catch(() => undefined);
      const bitmap = await picture;
      return wanted === frame ? bitmap : undefined;
    },
    ahead(frame) {
      fetchFrame(frame).catch(() => undefined);
    },
    close: () => abort.abort(),
  };
}
