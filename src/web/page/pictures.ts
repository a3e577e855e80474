/** Pictures of frames: the one that is wanted last comes first, the next ones of a playing video ahead of time. */
import type { Picture, VideoService } from './service.js';

export interface Pictures {
  /**
   * Shows the frame, and on the way there, where that takes long, one before it. Nothing is shown any more once another one is wanted.
   * @throws whatever the service throws
   */
  show(frame: number, onPicture: (frame: number, picture: Picture) => void): Promise<void>;
  /** Fetched, and kept, if it is not there. */
  ahead(frame: number): void;
  close(): void;
}

const KEPT = 16;

export function createPictures(service: Pick<VideoService, 'frame' | 'near'>): Pictures {
  const kept = new Map<number, Promise<Picture>>();
  const { signal, abort } = makeAbort();
  let wanted = -1;
  /** One request at a time: of a fast scrub only the last place is fetched. */
  let busy: Promise<unknown> = Promise.resolve();

  const keep = (frame: number, picture: Promise<Picture>): void => {
    kept.delete(frame);
    kept.set(frame, picture);
    picture.catch(() => kept.delete(frame));
    for (const oldest of kept.keys()) {
      if (kept.size <= KEPT) break;
      kept.delete(oldest);
    }
  };
  const inTurn = async <T>(frame: number, ask: () => Promise<T>): Promise<T | undefined> => {
    await busy;
    if (wanted !== frame) return undefined;
    const answer = ask();
    busy = answer.catch(() => undefined);
    return answer;
  };

  return {
    async show(frame, onPicture) {
      wanted = frame;
      if (!kept.has(frame)) {
        const near = await inTurn(frame, () => service.near(frame, signal));
        if (!near) return;
        keep(near.frame, Promise.resolve(near.picture));
        if (wanted !== frame) return;
        onPicture(near.frame, near.picture);
        if (near.frame === frame) return;
        if (!kept.has(frame)) await inTurn(frame, async () => keep(frame, service.frame(frame, signal)));
      }
      const picture = kept.get(frame);
      if (!picture) return;
      busy = picture.catch(() => undefined);
      const shown = await picture;
      keep(frame, picture);
      if (wanted === frame) onPicture(frame, shown);
    },
    ahead(frame) {
      if (!kept.has(frame)) keep(frame, service.frame(frame, signal));
    },
    close: abort,
  };
}

function makeAbort(): { signal: AbortSignal; abort: () => void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}
