/** Types and helpers that all formats of tracks share: the row, the video it is about, writing and reading text. */
import type { z } from 'zod';
import { shortened, TrackerError } from '../../errors.js';
import type { FrameBox, Size } from '../../geometry.js';
import type { TrackState } from '../../result.js';
import type { BoxRow } from '../boxes.js';

/** One object in one frame. */
export interface TrackRow extends BoxRow {
  /** Number of the object, from 1. */
  readonly id: number;
}

/** A row as it stands in a file: without a number where the file does not say which object it is. */
export interface ReadRow extends BoxRow {
  /** Line, annotation or region of the file that it comes from, from 1. */
  readonly at: number;
}

/** The video that boxes belong to, as far as it is known. */
export interface Media extends Partial<Size> {
  /** Its file name. */
  readonly name: string;
  /** Frames a second. */
  readonly fps?: number | undefined;
  /** Frames it has. */
  readonly frameCount?: number | undefined;
  /** File names of a folder of pictures, frame by frame. */
  readonly frameNames?: readonly string[] | undefined;
  /** Times of its frames, seconds from the first: entry i is frame i. Left out: they follow at the rate. */
  readonly times?: ArrayLike<number> | undefined;
  /** True if rows of CSV and JSON lines carry the object's number; files of one object do without. */
  readonly ids?: boolean;
}

/** Texts to append one after the other. Rows come frame by frame. */
export interface TrackWriter {
  /** Header of a file. */
  begin(): string;
  /** One row. Empty where the format can only be written as a whole. */
  row(row: TrackRow): string;
  /** Footer of a file. */
  end(): string;
}

/** A format as it is written. */
export interface WrittenFormat {
  /** Title for people, such as "COCO for video". */
  readonly title: string;
  /** Extensions of file names; the first one is proposed. */
  readonly endings: readonly string[];
  /** @throws TrackerError OPTION_INVALID where the format needs to know more of the video */
  writer(media: Media): TrackWriter;
}

/** A format as it is read. The static page only writes: readers stand apart, so that it goes without them and their libraries. */
export interface ReadFormat {
  /** Unit of the file that holds one row; messages name and number it. */
  readonly unit: 'line' | 'annotation' | 'region';
  /**
   * Rows in any order. An object may stand twice in a frame: that is looked at behind this.
   * @throws TrackerError DATA_INVALID; OPTION_INVALID where more must be known of the video
   */
  parse(text: string, context: ReadContext): ReadRow[];
}

export interface TrackFormat extends WrittenFormat, ReadFormat {}

/** Context of a reader: options, and functions that collect its notes. */
export interface ReadContext {
  /** Name of the text in messages. */
  readonly where: string;
  readonly media: Media;
  /** Name or number of the task (CVAT, Label Studio) or video (COCO) that is wanted, of a file that holds several. */
  readonly task: string | undefined;
  /** True if shapes other than boxes are read as their extent. */
  readonly extent: boolean;
  /** Says aloud what was made of something that can be read in several ways. */
  note(text: string): void;
  /** Counts what is no box and was left out. @param noun in the singular @param rest what follows it */
  skip(noun: string, rest?: string): void;
  /** Counts what is there and holds nothing: no fault by itself. */
  empty(noun: string, rest?: string): void;
  /** Counts shapes that are no box and whose extent was taken. */
  take(noun: string): void;
}

/** @throws TrackerError OPTION_INVALID */
export function needSize({ name, width, height }: Media, what: string): Size {
  if (width !== undefined && height !== undefined) return { width, height };
  throw missing(`${what} of ${name}: the size of the video is not known`, '--size 1280x720');
}

/** @throws TrackerError OPTION_INVALID */
export function needFps({ name, fps }: Media, what: string): number {
  if (fps !== undefined) return fps;
  throw missing(`${what} of ${name}: the frame rate of the video is not known`, '--fps 25');
}

function missing(message: string, flag: string): TrackerError {
  return new TrackerError('OPTION_INVALID', message, { hint: `give the video (--video FILE), or ${flag}` });
}

export function invalid(where: string, what: string, cause?: unknown, hint?: string): TrackerError {
  return new TrackerError('DATA_INVALID', `${where}: ${shortened(what, 400)}`, {
    hint: hint ?? 'mend the file there, or say which format it has (ebm-tracker convert --from)',
    cause,
  });
}

/** The first fault, and how many more there are. */
export function faultOf({ issues }: z.ZodError): string {
  const [first] = issues;
  const what = first?.message.replace('received undefined', 'found none') ?? '';
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : '';
  return `${first?.path.join('.') || 'the whole'}: ${what}${more}`;
}

/** Frames are counted to here: years at 25 a second. */
export const MAX_FRAME = 2 ** 31 - 1;

/** @throws TrackerError DATA_INVALID where a number is not finite, or is no frame or no object */
export function checkedRow<T extends BoxRow>(row: T, where: string): T {
  const { frame, id, time, box, confidence } = row;
  const numbers = { time, x: box.x, y: box.y, w: box.w, h: box.h, confidence };
  for (const [name, value] of Object.entries(numbers)) {
    if (!Number.isFinite(value)) throw invalid(where, `${name}: found ${value}, expected a finite number`);
  }
  if (!Number.isInteger(frame) || frame < 0 || frame > MAX_FRAME)
    throw invalid(where, `frame: found ${frame}, expected 0 to ${MAX_FRAME}, counted from the first frame`);
  if (id !== undefined && (!Number.isSafeInteger(id) || id < 0))
    throw invalid(where, `object: found ${id}, expected a whole number`);
  if (box.w < 0 || box.h < 0) throw invalid(where, `box: found ${box.w} x ${box.h}, expected no negative size`);
  return row;
}

const STATES: readonly string[] = ['tracking', 'uncertain', 'lost', 'found'] satisfies TrackState[];

export function isState(text: unknown): text is TrackState {
  return typeof text === 'string' && STATES.includes(text);
}

/** Seconds of a frame, as far as the video is known; 0 otherwise. */
export function timeOf(frame: number, { fps, times }: Media): number {
  return times?.[frame] ?? (fps === undefined ? 0 : frame / fps);
}

/** In order of frames, and of objects within them. */
export function inOrder<T extends BoxRow>(rows: readonly T[]): T[] {
  return rows.toSorted((a, b) => a.frame - b.frame || (a.id ?? -1) - (b.id ?? -1));
}

/** Rows of each object. */
export function byObject(rows: readonly TrackRow[]): Map<number, TrackRow[]> {
  const objects = new Map<number, TrackRow[]>();
  for (const row of rows) {
    const own = objects.get(row.id);
    if (own) own.push(row);
    else objects.set(row.id, [row]);
  }
  return objects;
}

/** For texts: at most so many decimals, and none that are not needed. */
export function rounded(value: number, decimals: number): number {
  return Number(value.toFixed(decimals));
}

/** To 1/1000 pixel. */
export function roundedBox({ x, y, w, h }: FrameBox): FrameBox {
  return { x: rounded(x, 3), y: rounded(y, 3), w: rounded(w, 3), h: rounded(h, 3) };
}

/** Keyframes and lengths of a few digits can ask for any number of boxes: so many are made of one file at most. */
export const MAX_FILLED = 2_000_000;

/** "1 polygon", "2 polygons", "2 boxes" */
export function counted(count: number, noun: string): string {
  if (count === 1) return `1 ${noun}`;
  return `${count} ${noun}${noun.endsWith('x') ? 'es' : 's'}`;
}

/** Says aloud where a file is about pictures of another size than the video's. */
export function noteSize(
  { media, note }: ReadContext,
  size: { width?: number | undefined; height?: number | undefined },
): void {
  const { width, height } = size;
  if (width === undefined || height === undefined || media.width === undefined || media.height === undefined) return;
  if (width === media.width && height === media.height) return;
  note(
    `its pictures have ${width} x ${height} pixels, ${media.name} has ${media.width} x ${media.height}: the boxes were not scaled`,
  );
}

/** JSON, or an error that says so. @throws TrackerError DATA_INVALID */
export function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw invalid(where, `expected JSON, found: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  }
}

/** Writes nothing before the end. */
export function wholeWriter(text: (rows: readonly TrackRow[]) => string): TrackWriter {
  const rows: TrackRow[] = [];
  return {
    begin: () => '',
    row(row) {
      rows.push(row);
      return '';
    },
    end: () => text(rows),
  };
}
