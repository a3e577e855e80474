/** Boxes of one or several objects in the formats that others read: reading and writing of files. */
import { basename } from 'node:path';
import { TrackerError } from '../errors.js';
import { writeWhole } from '../files/write.js';
import { isObject } from '../json.js';
import { inOrder, parseJson, type Media, type ReadRow, type TrackRow } from './formats/format.js';
import { FORMATS } from './formats/registry.js';
import {
  createContext,
  identified,
  refuseTwice,
  tellSkipped,
  type ContextOptions,
  type CountingContext,
} from './formats/reading.js';
import { FORMAT_NAMES, formatTracks, type FormatName } from './formats/writing.js';
import { readTextFile } from './text-file.js';

export type { Media, ReadRow, TrackFormat, TrackRow, TrackWriter } from './formats/format.js';
export { FORMATS } from './formats/registry.js';
export { createTrackWriter, FORMAT_NAMES, formatTracks, type FormatName } from './formats/writing.js';

/** @throws TrackerError OPTION_INVALID */
export function parseFormatName(text: string): FormatName {
  const name = FORMAT_NAMES.find((known) => known === text);
  if (name) return name;
  throw new TrackerError('OPTION_INVALID', `format: found "${text}", expected one of ${FORMAT_NAMES.join(', ')}`, {
    hint: 'for example --format coco',
  });
}

/** By the file's ending; a longer one goes before a shorter one. @throws TrackerError OPTION_INVALID */
export function formatOfName(file: string): FormatName {
  const name = basename(file).toLowerCase();
  const found = FORMAT_NAMES.find((format) => FORMATS[format].endings.some((ending) => name.endsWith(ending)));
  if (found) return found;
  const hint = name.endsWith('.json')
    ? 'name it x.coco.json or x.ls.json, or give --format'
    : /\.(zip|gz|7z|tar)$/.test(name)
      ? 'unpack the archive, and give the file of annotations that is inside'
      : 'name it so, or give --format';
  const endings = FORMAT_NAMES.map((format) => FORMATS[format].endings[0]).join(' ');
  throw new TrackerError('OPTION_INVALID', `boxes ${file}: expected a name that ends in one of ${endings}`, {
    hint,
  });
}

/** Format of a text: by the file's name, or by the content of .json. @throws TrackerError OPTION_INVALID, DATA_INVALID */
function formatOfText(file: string, text: string): FormatName {
  if (!isPlainJson(file)) return formatOfName(file);
  const value = parseJson(text, file);
  const results = Array.isArray(value) && isObject(value[0]) && 'image_id' in value[0];
  return results || (isObject(value) && 'images' in value) ? 'coco' : 'labelstudio';
}

function isPlainJson(file: string): boolean {
  const name = file.toLowerCase();
  const known = FORMAT_NAMES.some((format) => FORMATS[format].endings.some((end) => name.endsWith(end)));
  return !known && name.endsWith('.json');
}

/** Options for reading a text. */
export interface ParseOptions {
  /** Which task (CVAT, Label Studio) or video (COCO), by number or name, of a file that holds several. */
  readonly task?: string | undefined;
  /** Takes the extent of polygons, masks, ellipses, skeletons and the like as boxes; left out: they are left out. */
  readonly extent?: boolean | undefined;
  /** True if a text without any box is an error; left out: false. */
  readonly required?: boolean | undefined;
  /** Is told what was left out, and how things were read that can be read in several ways. */
  readonly onNote?: ((note: string) => void) | undefined;
}

/** Options for reading a file. */
export interface ReadOptions extends ParseOptions {
  /** Format of the file; left out: told by its name or, for .json, by its content. */
  readonly format?: FormatName | undefined;
  /** Facts about the video; Label Studio needs its size, times need its rate. */
  readonly media?: Media | undefined;
}

/**
 * Rows in order of frames and objects; none where the file holds nothing at all. Formats that tell no confidence give 1, and no time 0 where
 * the rate is unknown; an object that a format marks as out of sight is `lost`. What lies between keyframes is filled in.
 * @throws TrackerError INPUT_NOT_FOUND, OPTION_INVALID; DATA_INVALID naming the place, also where an object stands twice in a frame, where
 *   nothing says which of several boxes is which object, or where there is something, but no box
 * @example
 * ```ts
 * const rows = await readTracks('boxes.csv');
 * ```
 */
export async function readTracks(file: string, options: ReadOptions = {}): Promise<TrackRow[]> {
  const { text, format, media } = await readTrackText(file, options);
  return parseTracks(text, format, media, file, options);
}

async function readTrackText(
  file: string,
  { format, media }: ReadOptions,
): Promise<{ text: string; format: FormatName; media: Media }> {
  if (format === undefined && !file.toLowerCase().endsWith('.json')) formatOfName(file);
  const text = await readTextFile(file, { what: 'boxes' });
  return { text, format: format ?? formatOfText(file, text), media: media ?? { name: basename(file) } };
}

/** @param where name of the text in messages. @throws TrackerError as readTracks() */
export function parseTracks(
  text: string,
  format: FormatName,
  media: Media,
  where: string,
  options: ParseOptions = {},
): TrackRow[] {
  const { rows, context } = parseRows(text, format, { ...options, media, where });
  const tracks = identified(rows, FORMATS[format].unit, context);
  noteEnd(tracks, context);
  return tracks;
}

/** Rows as first boxes need them: without a number where the file does not say which object it is. @throws TrackerError as readTracks() */
export async function readTrackRows(file: string, options: ReadOptions = {}): Promise<ReadRow[]> {
  const { text, format, media } = await readTrackText(file, options);
  return parseRows(text, format, { ...options, media, where: file }).rows;
}

/** In order. */
function parseRows(
  text: string,
  format: FormatName,
  options: ContextOptions & Pick<ParseOptions, 'required'>,
): { rows: ReadRow[]; context: CountingContext } {
  const context = createContext(options);
  const rows = inOrder(FORMATS[format].parse(text.replace(/^\uFEFF/, ''), context));
  tellSkipped(rows, context, options.required ?? false);
  refuseTwice(rows, FORMATS[format].unit, context);
  return { rows, context };
}

/** Says aloud where boxes lie behind the end of the video. */
function noteEnd(rows: readonly TrackRow[], { media, note }: CountingContext): void {
  const last = rows.at(-1)?.frame ?? 0;
  const { frameCount = Infinity } = media;
  if (last >= frameCount)
    note(`has boxes up to frame ${last}, ${media.name} has ${frameCount} frames: is it another video?`);
}

/**
 * @throws TrackerError OUTPUT_FAILED, OPTION_INVALID
 * @example
 * ```ts
 * await writeTracks('boxes.coco.json', rows, { name: 'clip.mp4', width: 640, height: 480, fps: 30 });
 * ```
 */
export async function writeTracks(
  file: string,
  rows: readonly TrackRow[],
  media: Media,
  format: FormatName = formatOfName(file),
): Promise<void> {
  await writeWhole(file, formatTracks(rows, format, media));
}
