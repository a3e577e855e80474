/** The formats of tracks by name, and tracks as text. Nothing here needs Node. */
import { ass } from './ass.js';
import { coco } from './coco.js';
import { cvat } from './cvat.js';
import { inOrder, type Media, type TrackFormat, type TrackRow, type TrackWriter } from './format.js';
import { labelStudio } from './label-studio.js';
import { mot } from './mot.js';
import { csv, jsonl } from './text.js';

/** One file a format of this folder. */
export const FORMATS = { csv, jsonl, mot, coco, cvat, labelstudio: labelStudio, ass } as const satisfies Record<
  string,
  TrackFormat
>;

/** Formats of tracks that are written and read. */
export type FormatName = keyof typeof FORMATS;

export const FORMAT_NAMES = Object.keys(FORMATS) as FormatName[];

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
