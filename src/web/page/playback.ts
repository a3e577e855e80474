/** Which frame is seen: jumping to one, and playing from one to the next. */
import { lastFrame, type Model } from './model.js';

export interface Playback {
  /** Shows a frame; the view may run along with the tracking. */
  seek(frame: number): Promise<void>;
  /** A person chose the frame: the view no longer runs along. */
  goTo(frame: number): void;
  play(): Promise<void>;
}

/** Source of frames' pictures; see pictures.ts. */
export interface PictureSource<Picture> {
  show(frame: number, onPicture: (frame: number, picture: Picture) => void): Promise<void>;
  ahead(frame: number): void;
}

export interface PlaybackHandlers<Picture> {
  /** There is another picture to be seen. */
  onPicture(picture: Picture): void;
  /** The model changed. */
  onChange(): void;
}

/** Pictures that are fetched before a playing video needs them. */
const AHEAD = 4;

/** @param signal aborted: nothing is shown any more */
export function createPlayback<Picture extends { readonly time: number | undefined }>(
  model: Model,
  pictures: PictureSource<Picture>,
  { onPicture, onChange }: PlaybackHandlers<Picture>,
  signal: AbortSignal,
): Playback {
  const seek = async (frame: number): Promise<void> => {
    model.frame = Math.min(lastFrame(model), Math.max(0, frame));
    await pictures.show(model.frame, (shown, found) => {
      if (signal.aborted) return;
      model.shown = shown;
      model.shownTime = found.time;
      onPicture(found);
    });
  };
  const goTo = (frame: number): void => {
    model.following = false;
    model.playing = false;
    void seek(frame);
    onChange();
  };
  const play = async (): Promise<void> => {
    model.playing = true;
    model.following = false;
    if (model.frame >= lastFrame(model)) model.frame = -1;
    try {
      while (model.playing && model.frame < lastFrame(model) && !signal.aborted) {
        const [began, before] = [performance.now(), model.shownTime];
        await seek(model.frame + 1);
        for (let i = 1; i <= AHEAD; i++) if (model.frame + i <= lastFrame(model)) pictures.ahead(model.frame + i);
        await delay(began + 1000 * secondsSince(model, before) - performance.now());
      }
    } finally {
      model.playing = false;
      onChange();
    }
  };
  return { seek, goTo, play };
}

/** From a frame to the one that is seen: it varies where the rate does. */
export function secondsSince({ shownTime, video }: Model, before: number | undefined): number {
  const passed = (shownTime ?? Number.NaN) - (before ?? Number.NaN);
  return passed > 0 ? passed : 1 / video.fps;
}

const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
