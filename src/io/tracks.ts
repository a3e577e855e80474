/** Boxes of one or several objects in the formats that others read: the registry, and reading and writing of files. */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { messageOf, TrackerError } from '../errors.js';
import { writeWhole } from '../files/write.js';
import { ass } from './formats/ass.js';
import { coco } from './formats/coco.js';
import { cvat } from './formats/cvat.js';
import { inOrder, parseJson, type Media, type TrackFormat, type TrackRow, type TrackWriter } from './formats/format.js';
import { labelStudio } from './formats/label-studio.js';
import { mot } from './formats/mot.js';
import { csv, jsonl } from './formats/text.js';

export type { Media, TrackFormat, TrackRow, TrackWriter } from './formats/format.js';

/** One file a format under formats/. */
export const FORMATS = { csv, jsonl, mot, coco, cvat, labelstudio: labelStudio, ass } as const satisfies Record<
  string,
  TrackFormat
>;

/** Formats of tracks that are written and read. */
export type FormatName = keyof typeof FORMATS;

export const FORMAT_NAMES = Object.keys(FORMATS) as FormatName[];

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
  const json = name.endsWith('.json');
  const endings = FORMAT_NAMES.map((format) => FORMATS[format].endings[0]).join(' ');
  throw new TrackerError('OPTION_INVALID', `boxes ${file}: expected a name that ends in one of ${endings}`, {
    hint: json ? 'name it x.coco.json or x.ls.json, or give --format' : 'name it so, or give --format',
  });
}

/** Where a file to be read is called .json, what is in it tells. @throws TrackerError OPTION_INVALID, DATA_INVALID */
function formatOfText(file: string, text: string): FormatName {
  const known = FORMAT_NAMES.some((name) => FORMATS[name].endings.some((end) => file.toLowerCase().endsWith(end)));
  if (known || !file.toLowerCase().endsWith('.json')) return formatOfName(file);
  const value = parseJson(text, file);
  return typeof value === 'object' && value !== null && 'images' in value ? 'coco' : 'labelstudio';
}

/** What is known of a file before it is read. */
export interface ReadOptions {
  /** Left out: by the file's name, or, of .json, by what is in it. */
  readonly format?: FormatName | undefined;
  /** What is known of the video; Label Studio needs its size, times need its rate. */
  readonly media?: Media;
}

/**
 * Rows in order of frames and objects. Formats that tell no confidence give 1, and no time 0 where the rate is unknown; an object that a
 * format marks as out of sight is `lost`.
 * @throws TrackerError INPUT_NOT_FOUND, DATA_INVALID naming the place, OPTION_INVALID
 */
export async function readTracks(file: string, { format, media }: ReadOptions = {}): Promise<TrackRow[]> {
  if (format === undefined && !file.toLowerCase().endsWith('.json')) formatOfName(file);
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new TrackerError('INPUT_NOT_FOUND', `boxes ${file}: ${messageOf(cause)}`, { hint: 'check the path', cause });
  });
  return parseTracks(text, format ?? formatOfText(file, text), media ?? { name: basename(file) }, file);
}

/** @param where name of the text in messages. @throws TrackerError DATA_INVALID, OPTION_INVALID */
export function parseTracks(text: string, format: FormatName, media: Media, where: string): TrackRow[] {
  return FORMATS[format].parse(text, media, where);
}

/** @throws TrackerError OPTION_INVALID where the format needs to know more of the video */
export function createTrackWriter(format: FormatName, media: Media): TrackWriter {
  return FORMATS[format].writer(media);
}

/** A whole file as text. */
export function formatTracks(rows: readonly TrackRow[], format: FormatName, media: Media): string {
  const ids = rows.some(({ id }) => id !== 1);
  const writer = createTrackWriter(format, { ids, ...media });
  const texts = [writer.begin()];
  for (const row of inOrder(rows)) texts.push(writer.row(row));
  texts.push(writer.end());
  return texts.join('');
}

/** @throws TrackerError OUTPUT_FAILED, OPTION_INVALID */
export async function writeTracks(
  file: string,
  rows: readonly TrackRow[],
  media: Media,
  format: FormatName = formatOfName(file),
): Promise<void> {
  await writeWhole(file, formatTracks(rows, format, media));
}
