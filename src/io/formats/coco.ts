/**
 * COCO, video flavour, written: videos, images with frame_id, annotations with a track id. A box is [left, top, width, height], continuous pixels
 * from 0, "0-indexed" (cocodataset.org/#format-data). Ids count from 1, frame_id from 0 (CocoVID as mmtracking reads it; TAO says
 * frame_index). The number of the object stands where the readers look: instance_id (mmtracking), track_id (TAO), and, with occluded, in
 * attributes (CVAT, Datumaro). An object that is absent has no annotation in that image.
 */
import { needSize, rounded, roundedBox, wholeWriter, type Media, type TrackRow, type WrittenFormat } from './format.js';

const CATEGORY = { id: 1, name: 'object', supercategory: '' };
const VIDEO_ID = 1;

export const coco: WrittenFormat = {
  title: 'COCO for video',
  endings: ['.coco.json'],
  writer(media) {
    const size = needSize(media, 'COCO');
    return wholeWriter((rows) => `${JSON.stringify(document(rows, media, size))}\n`);
  },
};

function document(rows: readonly TrackRow[], media: Media, size: { width: number; height: number }): object {
  const frames = [...new Set(rows.map(({ frame }) => frame))];
  const length = media.frameCount ?? Math.max(0, ...frames.slice(-1).map((last) => last + 1));
  const visible = rows.filter(({ state }) => state !== 'lost');
  return {
    info: { description: media.name },
    licenses: [],
    videos: [{ id: VIDEO_ID, name: media.name, ...size, length, fps: media.fps }],
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
