/**
 * COCO, video flavour: videos, images with frame_id, annotations with a track id. A box is [left, top, width, height], continuous pixels
 * from 0, "0-indexed" (cocodataset.org/#format-data). Ids count from 1, frame_id from 0 (CocoVID as mmtracking reads it; TAO says
 * frame_index). The number of the object stands where the readers look: instance_id (mmtracking), track_id (TAO), and, with occluded, in
 * attributes (CVAT, Datumaro). An object that is absent has no annotation in that image.
 */
import { z } from 'zod';
import type { TrackState } from '../../result.js';
import {
  checkedRow,
  faultOf,
  inOrder,
  invalid,
  isState,
  needSize,
  parseJson,
  rounded,
  roundedBox,
  timeOf,
  wholeWriter,
  type Media,
  type TrackFormat,
  type TrackRow,
} from './format.js';

const CATEGORY = { id: 1, name: 'object', supercategory: '' };
const VIDEO_ID = 1;

export const coco: TrackFormat = {
  title: 'COCO for video',
  endings: ['.coco.json'],
  writer(media) {
    const size = needSize(media, 'COCO');
    return wholeWriter((rows) => `${JSON.stringify(document(rows, media, size))}\n`);
  },
  parse(text, media, where) {
    const found = Schema.safeParse(parseJson(text, where));
    if (!found.success) throw invalid(where, `no COCO file: ${faultOf(found.error)}`);
    return inOrder(rowsOf(found.data, media, where));
  },
};

function document(rows: readonly TrackRow[], media: Media, size: { width: number; height: number }): object {
  const frames = [...new Set(rows.map(({ frame }) => frame))];
  const length = media.frameCount ?? Math.max(0, ...frames.slice(-1).map((last) => last + 1));
  const visible = rows.filter(({ state }) => state !== 'lost');
  return {
    info: { description: media.name },
    licenses: [],
    videos: [
      { id: VIDEO_ID, name: media.name, ...size, length, ...(media.fps === undefined ? {} : { fps: media.fps }) },
    ],
    categories: [CATEGORY],
    images: frames.map((frame) => ({
      id: frame + 1,
      video_id: VIDEO_ID,
      frame_id: frame,
      frame_index: frame,
      file_name: `frame_${String(frame).padStart(6, '0')}.jpg`,
      ...size,
    })),
    annotations: visible.map(annotation),
  };
}

function annotation(row: TrackRow, index: number): object {
  const { x, y, w, h } = roundedBox(row.box);
  return {
    id: index + 1,
    image_id: row.frame + 1,
    video_id: VIDEO_ID,
    category_id: CATEGORY.id,
    instance_id: row.id,
    track_id: row.id,
    bbox: [x, y, w, h],
    area: rounded(w * h, 3),
    segmentation: [],
    iscrowd: 0,
    score: rounded(row.confidence, 4),
    attributes: { track_id: row.id, occluded: row.state === 'uncertain', time: rounded(row.time, 6), state: row.state },
  };
}

const Whole = z.number().int();

const Schema = z.object({
  images: z.array(
    z.object({
      id: Whole,
      video_id: Whole.optional(),
      frame_id: Whole.optional(),
      frame_index: Whole.optional(),
    }),
  ),
  videos: z.array(z.object({ id: Whole, fps: z.number().positive().optional() })).optional(),
  annotations: z.array(
    z.object({
      image_id: Whole,
      bbox: z.array(z.number()).length(4),
      track_id: Whole.optional(),
      instance_id: Whole.optional(),
      score: z.number().optional(),
      attributes: z
        .object({
          track_id: Whole.optional(),
          occluded: z.union([z.boolean(), z.number()]).optional(),
          time: z.number().optional(),
          state: z.string().optional(),
        })
        .optional(),
    }),
  ),
});

type Coco = z.infer<typeof Schema>;

function rowsOf({ images, videos, annotations }: Coco, media: Media, where: string): TrackRow[] {
  const videoIds = new Set(images.map(({ video_id }) => video_id));
  if (videoIds.size > 1) throw invalid(where, `found images of ${videoIds.size} videos, expected one`);
  const frames = frameNumbers(images);
  const rate = { ...media, ...(videos?.[0]?.fps === undefined ? {} : { fps: media.fps ?? videos[0].fps }) };
  return annotations.map((annotation, i) => {
    const place = `${where}, annotation ${i + 1}`;
    const frame = frames.get(annotation.image_id);
    if (frame === undefined) throw invalid(place, `image_id ${annotation.image_id}: no such image`);
    const { bbox, attributes = {}, score = 1 } = annotation;
    const [x = 0, y = 0, w = 0, h = 0] = bbox;
    const id = annotation.track_id ?? annotation.instance_id ?? attributes.track_id ?? 1;
    const time = attributes.time ?? timeOf(frame, rate);
    return checkedRow({ frame, time, id, box: { x, y, w, h }, confidence: score, state: stateOf(attributes) }, place);
  });
}

function stateOf({
  state,
  occluded,
}: {
  state?: string | undefined;
  occluded?: boolean | number | undefined;
}): TrackState {
  if (isState(state)) return state;
  return occluded ? 'uncertain' : 'tracking';
}

/** Image id -> frame. Images that do not say follow each other. */
function frameNumbers(images: Coco['images']): Map<number, number> {
  const ordered = images.toSorted((a, b) => a.id - b.id);
  return new Map(ordered.map(({ id, frame_id, frame_index }, place) => [id, frame_id ?? frame_index ?? place]));
}
