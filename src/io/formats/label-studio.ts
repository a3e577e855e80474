/**
 * Label Studio, tasks with VideoRectangle regions, written. Positions are per cent of the picture. Frames count from 1, and time is that number
 * over the rate (label-studio, regions/VideoRegion.js: serialize). Between two keyframes the box is interpolated; `enabled: false` says that
 * the object is gone behind this keyframe, in whose own frame it still is (isInLifespan there; extract_key_frames in label-studio-sdk). What is
 * tracked is written as a prediction, which Label Studio imports as a pre-annotation.
 */
import type { Size } from '../../geometry.js';
import {
  byObject,
  needFps,
  needSize,
  rounded,
  wholeWriter,
  type Media,
  type TrackRow,
  type WrittenFormat,
} from './format.js';

/** Number of a video's first frame. */
export const FIRST_FRAME = 1;
const LABEL = 'object';

export const labelStudio: WrittenFormat = {
  title: 'Label Studio',
  endings: ['.ls.json', '.labelstudio.json'],
  writer(media) {
    const size = needSize(media, 'Label Studio');
    const fps = needFps(media, 'Label Studio');
    return wholeWriter((rows) => `${JSON.stringify([task(rows, media, size, fps)])}\n`);
  },
};

function task(rows: readonly TrackRow[], media: Media, size: Size, fps: number): object {
  const last = rows.reduce((end, { frame }) => Math.max(end, frame), -1);
  const framesCount = Math.max(media.frameCount ?? 0, last + 1);
  const regions = [...byObject(rows)].map(([id, own]) => ({
    id: `object-${id}`,
    type: 'videorectangle',
    from_name: 'box',
    to_name: 'video',
    origin: 'prediction',
    meta: { object: id },
    value: {
      framesCount,
      duration: rounded(framesCount / fps, 6),
      labels: [LABEL],
      sequence: sequence(own, size, fps),
    },
  }));
  return {
    // width, height and fps are for this program: percentages alone say no pixels
    data: { video: media.name, ...size, fps },
    predictions: [{ model_version: 'ebm-tracker', result: regions }],
  };
}

interface Keyframe {
  readonly frame: number;
  readonly time: number;
  /** Per cent of the picture. */
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly rotation: number;
  readonly enabled: boolean;
  readonly confidence: number;
}

function sequence(rows: readonly TrackRow[], { width, height }: Size, fps: number): Keyframe[] {
  const visible = rows.filter(({ state }) => state !== 'lost');
  const percent = (value: number, side: number): number => rounded((100 * value) / side, 7);
  return visible.map(({ frame, box, confidence }, i) => ({
    frame: frame + FIRST_FRAME,
    time: rounded((frame + FIRST_FRAME) / fps, 6),
    x: percent(box.x, width),
    y: percent(box.y, height),
    width: percent(box.w, width),
    height: percent(box.h, height),
    rotation: 0,
    enabled: visible[i + 1]?.frame === frame + 1,
    confidence: rounded(confidence, 4),
  }));
}
