/**
 * COCO, read. The frame of an image is its frame_id or frame_index; where it has none, its place in the folder that the video is; else the
 * number in its file name (CVAT: frame_000005.PNG is frame 5 of the video, also of a task with a step); else its place in the order of ids.
 *
 * A box that is turned (CVAT: attributes.rotation, degrees about the centre, while bbox is the box before it was turned) is covered by an
 * upright one.
 */
import * as z from 'zod';
import type { FrameBox } from '../../geometry.js';
import type { TrackState } from '../../result.js';
import { createFrameFinder, numbersInNames } from './frame-names.js';
import {
  checkedRow,
  counted,
  faultOf,
  invalid,
  isState,
  noteSize,
  parseJson,
  timeOf,
  type Media,
  type ReadContext,
  type ReadRow,
} from './format.js';
import { coverPoints, coverTurned } from './shapes.js';

const Whole = z.number().int();

const ImageSchema = z.object({
  id: Whole,
  video_id: Whole.nullish(),
  frame_id: Whole.nullish(),
  frame_index: Whole.nullish(),
  prev_image_id: Whole.nullish(),
  file_name: z.string().nullish(),
  width: z.number().nullish(),
  height: z.number().nullish(),
});

const AnnotationSchema = z.object({
  image_id: Whole,
  bbox: z.array(z.number()).nullish(),
  segmentation: z.unknown().optional(),
  track_id: Whole.nullish(),
  instance_id: Whole.nullish(),
  score: z.number().nullish(),
  attributes: z
    .looseObject({
      track_id: Whole.nullish(),
      occluded: z.union([z.boolean(), z.number()]).nullish(),
      outside: z.union([z.boolean(), z.number()]).nullish(),
      rotation: z.number().nullish(),
      time: z.number().nullish(),
      state: z.string().nullish(),
    })
    .nullish(),
});

const Schema = z.object({
  images: z.array(ImageSchema),
  videos: z.array(z.object({ id: Whole, name: z.string().nullish(), fps: z.number().positive().nullish() })).nullish(),
  annotations: z.array(AnnotationSchema),
});

type Coco = z.infer<typeof Schema>;
type Image = z.infer<typeof ImageSchema>;
type Annotation = z.infer<typeof AnnotationSchema>;

export function parseCoco(text: string, context: ReadContext): ReadRow[] {
  const { where, media } = context;
  const value = parseJson(text, where);
  if (Array.isArray(value))
    throw invalid(
      where,
      'found a list of results, whose image ids tell no frame; expected images and annotations',
      undefined,
      'give the annotation file that has "images", with these results as its "annotations"',
    );
  const found = Schema.safeParse(value);
  if (!found.success) throw invalid(where, `no COCO file: ${faultOf(found.error)}`);
  const { videos, annotations } = found.data;
  const images = chooseVideo(found.data, context);
  noteSize(context, { width: images[0]?.width ?? undefined, height: images[0]?.height ?? undefined });
  const frames = frameNumbers(images, context);
  const others = new Set(found.data.images.map(({ id }) => id).filter((id) => !frames.has(id)));
  const fps = media.fps ?? videos?.find(({ id }) => id === images[0]?.video_id)?.fps ?? videos?.[0]?.fps ?? undefined;
  const known = { ...media, fps };
  return annotations.flatMap((annotation, i): ReadRow[] => {
    if (others.has(annotation.image_id)) return [];
    const row = rowOf(annotation, frames, known, context, i + 1);
    return row ? [row] : [];
  });
}

// --- images ---

/** The images of the video that is asked for, or of the only one. @throws TrackerError DATA_INVALID */
function chooseVideo({ images, videos }: Coco, { task: asked, where }: ReadContext): Image[] {
  const ids = [...new Set(images.map(({ video_id }) => video_id ?? undefined))];
  const nameOf = (id: number | undefined): string => {
    const name = videos?.find((video) => video.id === id)?.name;
    return name ? `${id} (${name})` : String(id);
  };
  if (asked !== undefined) {
    const video = videos?.find(({ id, name }) => String(id) === asked || name === asked)?.id ?? Number(asked);
    if (ids.includes(video)) return images.filter(({ video_id }) => video_id === video);
    throw invalid(where, `video "${asked}": found ${ids.map(nameOf).join(', ')}`, undefined, 'give one with --task');
  }
  if (ids.length <= 1) return images;
  throw invalid(
    where,
    `found images of ${ids.length} videos: ${ids.map(nameOf).join(', ')}; expected one`,
    undefined,
    'choose one: ebm-tracker convert IN OUT --task ID',
  );
}

/** Image id -> frame. @throws TrackerError DATA_INVALID where two images are one frame */
function frameNumbers(images: readonly Image[], context: ReadContext): Map<number, number> {
  const ordered = images.toSorted((a, b) => a.id - b.id);
  const numbers = toldNumbers(ordered, context) ?? foundNames(ordered, context.media) ?? namedNumbers(ordered, context);
  const frames = numbers ?? placesOf(ordered, context);
  const owners = new Map<number, Image>();
  for (const [i, image] of ordered.entries()) {
    const before = owners.get(frames[i]!);
    if (before) {
      throw invalid(
        context.where,
        `image ${image.id}${inBrackets(image)} is frame ${frames[i]}, and so is image ${before.id}${inBrackets(before)}`,
        undefined,
        'expected the images of one video, each once: export one task or one video alone',
      );
    }
    owners.set(frames[i]!, image);
  }
  return new Map(ordered.map(({ id }, i) => [id, frames[i]!]));
}

const inBrackets = ({ file_name }: Image): string => (file_name ? ` (${file_name})` : '');

/** By frame_id or frame_index; undefined where not all images have one. */
function toldNumbers(images: readonly Image[], { media, note }: ReadContext): number[] | undefined {
  const told = images.map(({ frame_id, frame_index }) => frame_id ?? frame_index ?? undefined);
  if (told.length === 0 || !told.every((frame) => frame !== undefined)) return undefined;
  const smallest = told.reduce((least, frame) => Math.min(least, frame), Infinity);
  const largest = told.reduce((most, frame) => Math.max(most, frame), 0);
  // ByteTrack and CenterTrack, whose files have prev_image_id, count from 1
  const linked = images.every(({ prev_image_id }) => prev_image_id !== undefined);
  const full = largest === media.frameCount && images.every(({ frame_index }) => frame_index === undefined);
  if (smallest !== 1 || !(linked || full)) return told;
  note(`frame_id is counted from 1: its ${largest} is frame ${largest - 1}`);
  return told.map((frame) => frame - 1);
}

/** By the places of the pictures in the folder that the video is; undefined where one is not in it. */
function foundNames(images: readonly Image[], media: Media): number[] | undefined {
  const find = createFrameFinder(media);
  const found = images.map(({ file_name }) => find(file_name ?? ''));
  return found.every((frame) => frame !== undefined) ? found : undefined;
}

/** CVAT's name of a frame of a video: it counts from 0. */
const CVAT_NAME = /(?:^|[\\/])frame_\d{6}\.PNG$/;

/**
 * By the numbers in file names: counted from 1 where the smallest is 1 or the largest is the video's number of frames, else from 0.
 * @returns undefined where names have no numbers, or the video has no frame of any of them
 */
function namedNumbers(images: readonly Image[], { media, note }: ReadContext): number[] | undefined {
  const { frameCount = Infinity } = media;
  const names = images.map(({ file_name }) => file_name ?? '');
  const numbers = numbersInNames(names);
  if (!numbers || numbers.length === 0) return undefined;
  const smallest = numbers.reduce((least, number) => Math.min(least, number), Infinity);
  const largest = numbers.reduce((most, number) => Math.max(most, number), 0);
  const fromOne = smallest === 1 || (smallest > 1 && largest === frameCount);
  const first = fromOne && !names.every((name) => CVAT_NAME.test(name)) ? 1 : 0;
  if (smallest - first >= frameCount) return undefined;
  note(`frames are the numbers in the file names, counted from ${first}: ${names[0]} is frame ${numbers[0]! - first}`);
  return numbers.map((number) => number - first);
}

/** By the order of ids. */
function placesOf(images: readonly Image[], { note }: ReadContext): number[] {
  if (images.length > 1)
    note(
      `neither frame_id nor file names tell the frames: its ${images.length} images are taken as frames 0 to ${images.length - 1}`,
    );
  return images.map((_, place) => place);
}

// --- annotations ---

/** Undefined where the annotation has no box. */
function rowOf(
  annotation: Annotation,
  frames: ReadonlyMap<number, number>,
  media: Media,
  context: ReadContext,
  at: number,
): ReadRow | undefined {
  const place = `${context.where}, annotation ${at}`;
  const frame = frames.get(annotation.image_id);
  if (frame === undefined) throw invalid(place, `image_id ${annotation.image_id}: no such image`);
  const { score } = annotation;
  const attributes = annotation.attributes ?? {};
  const box = boxOf(annotation, context, place);
  if (!box) return undefined;
  const id = annotation.track_id ?? annotation.instance_id ?? attributes.track_id ?? undefined;
  const time = attributes.time ?? timeOf(frame, media);
  const row = { frame, time, box, confidence: score ?? 1, state: stateOf(attributes), at };
  return checkedRow(id === undefined ? row : { ...row, id }, place);
}

function boxOf(
  { bbox, segmentation, attributes }: Annotation,
  context: ReadContext,
  place: string,
): FrameBox | undefined {
  if (bbox && bbox.length > 0) {
    if (bbox.length !== 4)
      throw invalid(
        place,
        `bbox: found ${counted(bbox.length, 'number')}, expected left, top, width, height`,
        undefined,
        'give the upright box that covers a turned one, or its angle as attributes.rotation',
      );
    const [x = 0, y = 0, w = 0, h = 0] = bbox;
    return coverTurned({ box: { x, y, w, h }, rotation: attributes?.rotation ?? 0 });
  }
  const polygons = z.array(z.array(z.number()).min(6)).min(1).safeParse(segmentation);
  if (polygons.success && context.extent) {
    context.take('polygon');
    return coverPoints(polygons.data.flat());
  }
  if (polygons.success) context.skip('polygon', ' without a bbox');
  else context.skip('annotation', ' without a bbox');
  return undefined;
}

function stateOf({ state, occluded, outside }: NonNullable<Annotation['attributes']>): TrackState {
  if (outside) return 'lost';
  if (isState(state)) return state;
  return occluded ? 'uncertain' : 'tracking';
}
