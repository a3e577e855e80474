/**
 * Label Studio, tasks with VideoRectangle regions. Positions are per cent of the picture. Frames count from 1, and time is that number over
 * the rate (label-studio, regions/VideoRegion.js: serialize). Between two keyframes the box is interpolated; `enabled: false` says that the
 * object is gone behind this keyframe, in whose own frame it still is (isInLifespan there; extract_key_frames in label-studio-sdk).
 * What is tracked is written as a prediction, which Label Studio imports as a pre-annotation.
 */
import { z } from 'zod';
import type { Size } from '../../geometry.js';
import {
  byObject,
  checkedRow,
  faultOf,
  inOrder,
  invalid,
  needFps,
  needSize,
  parseJson,
  rounded,
  timeOf,
  wholeWriter,
  type Media,
  type TrackFormat,
  type TrackRow,
} from './format.js';

const FIRST = 1;
const LABEL = 'object';

export const labelStudio: TrackFormat = {
  title: 'Label Studio',
  endings: ['.ls.json', '.labelstudio.json'],
  writer(media) {
    const size = needSize(media, 'Label Studio');
    const fps = needFps(media, 'Label Studio');
    return wholeWriter((rows) => `${JSON.stringify([task(rows, media, size, fps)])}\n`);
  },
  parse(text, media, where) {
    const value = parseJson(text, where);
    const found = z.array(Task).safeParse(Array.isArray(value) ? value : [value]);
    if (!found.success) throw invalid(where, `no tasks of Label Studio: ${faultOf(found.error)}`);
    const [task, ...others] = found.data;
    if (!task || others.length > 0) throw invalid(where, `found ${found.data.length} tasks, expected one`);
    return inOrder(rowsOf(task, media, where));
  },
};

// --- writing ---

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
    frame: frame + FIRST,
    time: rounded((frame + FIRST) / fps, 6),
    x: percent(box.x, width),
    y: percent(box.y, height),
    width: percent(box.w, width),
    height: percent(box.h, height),
    rotation: 0,
    enabled: visible[i + 1]?.frame === frame + 1,
    confidence: rounded(confidence, 4),
  }));
}

// --- reading ---

/** A few numbers can ask for any number of boxes in between. */
const MAX_ROWS = 2_000_000;

const Region = z.object({
  type: z.string(),
  meta: z.object({ object: z.number().int().optional() }).nullish(),
  value: z.looseObject({}),
});

const RegionValue = z.object({
  framesCount: z.number().optional(),
  duration: z.number().optional(),
  sequence: z.array(
    z.object({
      frame: z.number().int(),
      x: z.number(),
      y: z.number(),
      width: z.number(),
      height: z.number(),
      rotation: z.number().nullish(),
      enabled: z.boolean().optional(),
      confidence: z.number().optional(),
    }),
  ),
});

type Sequence = z.infer<typeof RegionValue>['sequence'];

const Results = z.array(z.object({ result: z.array(Region) })).optional();

const Task = z.object({
  data: z
    .looseObject({ width: z.number().optional(), height: z.number().optional(), fps: z.number().optional() })
    .optional(),
  annotations: Results,
  predictions: Results,
});

/** What a person made, where there is any; else what was predicted. */
function rowsOf({ data, annotations, predictions }: z.infer<typeof Task>, media: Media, where: string): TrackRow[] {
  const { width, height, fps } = data ?? {};
  const size = needSize({ ...(width && height ? { width, height } : {}), ...media }, 'Label Studio');
  const results = [annotations, predictions].find((list) => list && list.length > 0)?.[0]?.result ?? [];
  const regions = results.filter(({ type }) => type === 'videorectangle');
  let room = MAX_ROWS;
  return regions.flatMap(({ value, meta }, i) => {
    const place = `${where}, region ${i + 1}`;
    const found = RegionValue.safeParse(value);
    if (!found.success) throw invalid(place, faultOf(found.error));
    const { framesCount, duration, sequence } = found.data;
    const rate = media.fps ?? fps ?? (framesCount && duration ? framesCount / duration : undefined);
    const known = { ...media, ...(rate === undefined ? {} : { fps: rate }) };
    const rows = rowsOfRegion(sequence, meta?.object ?? i + 1, framesCount ?? 0, size, known, room, place);
    room -= rows.length;
    return rows;
  });
}

function rowsOfRegion(
  sequence: Sequence,
  id: number,
  framesCount: number,
  size: Size,
  media: Media,
  room: number,
  where: string,
): TrackRow[] {
  let left = room;
  const keyframes = sequence.toSorted((a, b) => a.frame - b.frame);
  return keyframes.flatMap((keyframe, i) => {
    const { rotation, enabled = true } = keyframe;
    if (rotation)
      throw invalid(where, `frame ${keyframe.frame}: a box turned by ${rotation} degrees, expected an upright one`);
    const next = keyframes[i + 1];
    // an enabled one holds until the next, the last one until the end
    const behind = next?.frame ?? framesCount + 1;
    const count = enabled ? Math.max(1, behind - keyframe.frame) : 1;
    left -= count;
    if (!(left >= 0)) throw invalid(where, `more than ${MAX_ROWS} boxes between its keyframes`);
    return Array.from({ length: count }, (_, step) => {
      const share = next ? step / (next.frame - keyframe.frame || 1) : 0;
      const between = (key: 'x' | 'y' | 'width' | 'height'): number =>
        keyframe[key] + share * ((next?.[key] ?? 0) - keyframe[key]);
      const frame = keyframe.frame - FIRST + step;
      const box = {
        x: (between('x') * size.width) / 100,
        y: (between('y') * size.height) / 100,
        w: (between('width') * size.width) / 100,
        h: (between('height') * size.height) / 100,
      };
      const confidence = keyframe.confidence ?? 1;
      return checkedRow({ frame, time: timeOf(frame, media), id, box, confidence, state: 'tracking' }, where);
    });
  });
}
