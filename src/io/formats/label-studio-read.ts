/**
 * Label Studio, read: the JSON export of tasks with VideoRectangle regions (JSON-MIN has no keyframes of a task).
 *
 * Frames count from 1 at the rate that the labelling set-up says, 24 a second where it says none, whatever the video has (tags/object/Video).
 * Each keyframe carries its time, which is its number over that rate: so the rate is known, and keyframes go to the frames of the video at
 * their times, (frame - 1) / rate. Between keyframes everything moves evenly; `enabled: false` says that the object is gone behind a keyframe.
 * A turned box is turned about its left top corner, and is covered by an upright one.
 *
 * A task's cancelled annotations (skipped tasks) and those without a box do not count. Of several others the one marked as ground truth is
 * taken, else the one that was changed last, and that is said. Without an annotation the predictions are taken.
 */
import * as z from 'zod';
import type { FrameBox, Size } from '../../geometry.js';
import {
  checkedRow,
  counted,
  faultOf,
  invalid,
  MAX_FILLED,
  needSize,
  parseJson,
  rounded,
  timeOf,
  type Media,
  type ReadContext,
  type ReadRow,
} from './format.js';
import { FIRST_FRAME } from './label-studio.js';
import { boxBetween, coverTurnedAboutCorner } from './shapes.js';

const VIDEO_BOX = 'videorectangle';

const RegionSchema = z.looseObject({
  type: z.string(),
  meta: z.looseObject({ object: z.number().int().nullish() }).nullish(),
  value: z.looseObject({}),
});

const KeyframeSchema = z.object({
  frame: z.number().int(),
  time: z.number().nullish(),
  x: z.number(),
  y: z.number(),
  width: z.number(),
  height: z.number(),
  rotation: z.number().nullish(),
  enabled: z.boolean().nullish(),
  auto: z.boolean().nullish(),
  confidence: z.number().nullish(),
});

const ValueSchema = z.object({
  framesCount: z.number().nullish(),
  duration: z.number().nullish(),
  sequence: z.array(KeyframeSchema),
});

const AnnotationSchema = z.looseObject({
  id: z.union([z.number(), z.string()]).nullish(),
  was_cancelled: z.boolean().nullish(),
  ground_truth: z.boolean().nullish(),
  created_at: z.string().nullish(),
  updated_at: z.string().nullish(),
  result: z.array(RegionSchema).nullish(),
});

const TaskSchema = z.looseObject({
  id: z.union([z.number(), z.string()]).nullish(),
  data: z
    .looseObject({ width: z.unknown().optional(), height: z.unknown().optional(), fps: z.unknown().optional() })
    .nullish(),
  annotations: z.array(AnnotationSchema).nullish(),
  predictions: z.array(AnnotationSchema).nullish(),
});

type Task = z.infer<typeof TaskSchema>;
type Annotation = z.infer<typeof AnnotationSchema>;
type Region = z.infer<typeof RegionSchema>;
type Keyframe = z.infer<typeof KeyframeSchema>;
type Sequence = z.infer<typeof ValueSchema>['sequence'];

export function parseLabelStudio(text: string, context: ReadContext): ReadRow[] {
  const { where } = context;
  const value = parseJson(text, where);
  const found = z.array(TaskSchema).safeParse(Array.isArray(value) ? value : [value]);
  if (!found.success) throw invalid(where, `no tasks of Label Studio: ${faultOf(found.error)}`);
  refuseJsonMin(found.data, where);
  const task = chooseTask(found.data, context);
  return task ? rowsOf(task, context) : [];
}

/** @throws TrackerError DATA_INVALID */
function refuseJsonMin(tasks: readonly Task[], where: string): void {
  const isList = (value: unknown): boolean =>
    Array.isArray(value) && z.looseObject({ sequence: z.array(z.unknown()) }).safeParse(value[0]).success;
  const task = tasks.find(
    ({ annotations, predictions, ...rest }) => !annotations && !predictions && Object.values(rest).some(isList),
  );
  if (task)
    throw invalid(
      where,
      'found a JSON-MIN export, expected a JSON export',
      undefined,
      'export from Label Studio as JSON',
    );
}

// --- which task, which annotation ---

const boxesIn = ({ result }: Annotation): Region[] => (result ?? []).filter(({ type }) => type === VIDEO_BOX);
const allOf = ({ annotations, predictions }: Task): Annotation[] => [...(annotations ?? []), ...(predictions ?? [])];
const hasBoxes = (task: Task): boolean => allOf(task).some((annotation) => boxesIn(annotation).length > 0);

/**
 * The task that is asked for, or the only one with boxes; undefined where none has any: all is counted then as what was left out.
 * @throws TrackerError DATA_INVALID
 */
function chooseTask(tasks: readonly Task[], context: ReadContext): Task | undefined {
  const { task: asked, where, note } = context;
  const known = tasks.map(taskName).join(', ');
  if (asked !== undefined) {
    const own = tasks.find((task) => String(task.id) === asked || videoOf(task) === asked);
    if (own) return own;
    throw invalid(where, `task "${asked}": found ${known}`, undefined, 'give one of these with --task');
  }
  if (tasks.length <= 1) return tasks[0];
  const [first, second] = tasks.filter(hasBoxes);
  if (!first) {
    for (const task of tasks) {
      if (allOf(task).length === 0) context.skip('task', ' without an annotation');
      countOthers(task, context);
    }
    return undefined;
  }
  if (!second) {
    note(`read task ${taskName(first)}; the other ${tasks.length - 1} have no box`);
    return first;
  }
  const message = `found ${tasks.length} tasks, each of a video of its own: ${known}; expected one`;
  throw invalid(where, message, undefined, 'choose one: ebm-tracker convert IN OUT --task ID');
}

/** File name of a task's video. */
function videoOf({ data }: Task): string | undefined {
  const file = ['video', 'video_url', 'image'].map((key) => data?.[key]).find((value) => typeof value === 'string');
  return file?.split(/[\\/]/).at(-1);
}

function taskName(task: Task): string {
  const [id, video] = [task.id ?? 'without id', videoOf(task)];
  return video === undefined ? String(id) : `${id} (${video})`;
}

function countOthers(task: Task, { skip, empty }: ReadContext): void {
  for (const { was_cancelled, result } of allOf(task)) {
    if (was_cancelled) skip('cancelled annotation');
    else if (!result || result.length === 0) empty('annotation', ' without a region');
    else for (const { type } of result) skip(`${type} region`);
  }
}

/** Undefined where no annotation of the task has a box. */
function chooseAnnotation(task: Task, context: ReadContext): Annotation | undefined {
  const { note, skip } = context;
  const annotations = task.annotations ?? [];
  const valid = annotations.filter(({ was_cancelled }) => !was_cancelled);
  const source = valid.length > 0 ? valid : (task.predictions ?? []);
  const withBoxes = source.filter((annotation) => boxesIn(annotation).length > 0);
  if (withBoxes.length === 0) {
    countOthers(task, context);
    return undefined;
  }
  for (let i = valid.length; i < annotations.length; i++) skip('cancelled annotation');
  const what = valid.length > 0 ? 'annotation' : 'prediction';
  if (what === 'prediction' && annotations.length > 0) note('every annotation is cancelled: took the prediction');
  const marked = withBoxes.filter(({ ground_truth }) => ground_truth);
  const taken = (marked.length > 0 ? marked : withBoxes).reduce((last, one) =>
    changed(one) >= changed(last) ? one : last,
  );
  const others = withBoxes.filter((one) => one !== taken).map(({ id }) => id ?? 'without id');
  const why = marked.length > 0 ? 'it is marked as ground truth' : 'it was changed last';
  if (others.length > 0) note(`took ${what} ${taken.id ?? 'without id'} (${why}), and not ${others.join(', ')}`);
  return taken;
}

/** ISO times compare as texts. */
const changed = ({ updated_at, created_at }: Annotation): string => updated_at ?? created_at ?? '';

// --- rows ---

function rowsOf(task: Task, context: ReadContext): ReadRow[] {
  const annotation = chooseAnnotation(task, context);
  if (!annotation) return [];
  for (const { type } of annotation.result ?? []) if (type !== VIDEO_BOX) context.skip(`${type} region`);
  const { where, media } = context;
  const { width, height } = task.data ?? {};
  const told = positive(width) && positive(height) ? { width: positive(width)!, height: positive(height)! } : {};
  const size = needSize({ ...told, ...media }, 'Label Studio');
  const regions = boxesIn(annotation).map((region, i) => ({
    ...checkedValue(region, `${where}, region ${i + 1}`),
    region,
  }));
  const clock = clockOf(regions, task, context);
  const ids = objectNumbers(regions.map(({ region }) => region));
  let room = MAX_FILLED;
  return regions.flatMap(({ sequence, framesCount }, i) => {
    const keyframes = keyframesOf(sequence, clock, size, `${where}, region ${i + 1}`);
    const end = framesCount ? clock.endOf(framesCount) : (media.frameCount ?? 0) - 1;
    const rows = fill(keyframes, end, { id: ids[i]!, at: i + 1 }, clock.media, room, `${where}, region ${i + 1}`);
    room -= rows.length;
    return rows;
  });
}

type Value = z.infer<typeof ValueSchema>;

function checkedValue({ value }: Region, place: string): Value {
  const found = ValueSchema.safeParse(value);
  if (!found.success) throw invalid(place, faultOf(found.error));
  return found.data;
}

/** A positive number, also one that is written as text. */
function positive(value: unknown): number | undefined {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) && number > 0 ? number : undefined;
}

/** Our own number where the region has it, else its place; each once. */
function objectNumbers(regions: readonly Region[]): number[] {
  const taken = new Set(regions.map(({ meta }) => meta?.object));
  return regions.map(({ meta }, i) => {
    if (meta?.object !== undefined && meta.object !== null) return meta.object;
    let id = i + 1;
    while (taken.has(id)) id++;
    taken.add(id);
    return id;
  });
}

// --- time ---

/** From Label Studio's frames to those of the video. */
interface Clock {
  readonly media: Media;
  frameOf(number: number): number;
  /** The last frame that a box stands in which stands until the end. */
  endOf(framesCount: number): number;
}

function clockOf(values: readonly Value[], { data }: Task, { media, note }: ReadContext): Clock {
  const told = positive(data?.fps);
  const rate = rateOf(values.flatMap(({ sequence }) => sequence)) ?? told ?? countedRate(values);
  const fps = media.fps ?? rate;
  const same: Clock = {
    media: { name: media.name, fps },
    frameOf: (number) => number - FIRST_FRAME,
    endOf: (framesCount) => framesCount - 1,
  };
  if (rate === undefined || fps === undefined) return same;
  if (media.fps === undefined) {
    if (told === undefined)
      note(
        `frames are counted at its own rate, ${rounded(rate, 3)} a second: give the video (--video FILE) where that has another`,
      );
    return same;
  }
  const last = values.flatMap(({ sequence }) => sequence).reduce((most, { frame }) => Math.max(most, frame), 0);
  const ratio = fps / rate;
  // times are written rounded, and lengths are estimated: a rate that puts no keyframe elsewhere is the same
  if (Math.abs(last * ratio - last) < 0.5) return same;
  note(
    `was annotated at ${rounded(rate, 3)} frames a second, ${media.name} has ${rounded(fps, 3)}: keyframes went to the frames of their times`,
  );
  const count = media.frameCount ?? Infinity;
  return {
    media: same.media,
    frameOf: (number) => Math.round((number - FIRST_FRAME) * ratio),
    endOf: (framesCount) => Math.min(count, Math.ceil(framesCount * ratio - 1e-6)) - 1,
  };
}

/** Frames a second by the times of keyframes: of two, as far apart as possible, or of one. What was filled in has rounded times. */
function rateOf(keyframes: readonly Keyframe[]): number | undefined {
  const timed = keyframes.filter(({ auto, time }) => !auto && positive(time) !== undefined);
  if (timed.length === 0) return undefined;
  const first = timed.reduce((one, other) => (other.frame < one.frame ? other : one));
  const last = timed.reduce((one, other) => (other.frame > one.frame ? other : one));
  return positive((last.frame - first.frame) / (last.time! - first.time!)) ?? positive(last.frame / last.time!);
}

/** Frames a second by the length of the video. */
function countedRate(values: readonly Value[]): number | undefined {
  const value = values.find(({ framesCount, duration }) => positive(framesCount) && positive(duration));
  return value && value.framesCount! / value.duration!;
}

// --- keyframes ---

/** A keyframe in frames and pixels of the video. */
interface VideoKeyframe {
  readonly frame: number;
  readonly box: FrameBox;
  readonly rotation: number;
  readonly enabled: boolean;
  readonly confidence: number;
}

function keyframesOf(sequence: Sequence, clock: Clock, size: Size, place: string): VideoKeyframe[] {
  const sorted = sequence.toSorted((a, b) => a.frame - b.frame);
  refuseTwice(sorted, place);
  const keyframes: VideoKeyframe[] = [];
  for (const keyframe of sorted) {
    if (keyframe.frame < FIRST_FRAME)
      throw invalid(place, `frame: found ${keyframe.frame}, expected 1 or more: Label Studio counts frames from 1`);
    const own = toVideo(keyframe, clock, size);
    // of two that a lower rate puts on one frame the last one says what follows
    if (keyframes.at(-1)?.frame === own.frame) keyframes.pop();
    keyframes.push(own);
  }
  return keyframes;
}

function refuseTwice(sorted: Sequence, place: string): void {
  const numbers = ({ x, y, width, height }: Keyframe): string =>
    [x, y, width, height].map((value) => rounded(value, 3)).join(',');
  for (const [i, keyframe] of sorted.entries()) {
    const before = sorted[i - 1];
    if (before?.frame === keyframe.frame && numbers(before) !== numbers(keyframe))
      throw invalid(
        place,
        `frame ${keyframe.frame} has two keyframes: ${numbers(before)} and ${numbers(keyframe)} per cent`,
      );
  }
}

function toVideo(
  { frame, x, y, width, height, rotation, enabled, confidence }: Keyframe,
  clock: Clock,
  size: Size,
): VideoKeyframe {
  const box = {
    x: (x * size.width) / 100,
    y: (y * size.height) / 100,
    w: (width * size.width) / 100,
    h: (height * size.height) / 100,
  };
  return {
    frame: clock.frameOf(frame),
    box,
    rotation: rotation ?? 0,
    enabled: enabled ?? true,
    confidence: confidence ?? 1,
  };
}

/** An enabled keyframe holds until the next, the last one until the end. */
function fill(
  keyframes: readonly VideoKeyframe[],
  last: number,
  { id, at }: { id: number; at: number },
  media: Media,
  room: number,
  place: string,
): ReadRow[] {
  let left = room;
  return keyframes.flatMap((keyframe, i) => {
    const next = keyframes[i + 1];
    const behind = next?.frame ?? last + 1;
    const count = keyframe.enabled ? Math.max(1, behind - keyframe.frame) : 1;
    left -= count;
    if (!(left >= 0)) throw invalid(place, `more than ${counted(MAX_FILLED, 'box')} between its keyframes`);
    return Array.from({ length: count }, (_, step): ReadRow => {
      const share = next ? step / (next.frame - keyframe.frame || 1) : 0;
      const rotation = keyframe.rotation + share * ((next?.rotation ?? 0) - keyframe.rotation);
      const box = coverTurnedAboutCorner(next ? boxBetween(keyframe.box, next.box, share) : keyframe.box, rotation);
      const frame = keyframe.frame + step;
      const { confidence } = keyframe;
      return checkedRow({ frame, time: timeOf(frame, media), id, box, confidence, state: 'tracking', at }, place);
    });
  });
}
