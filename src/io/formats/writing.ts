/** The formats of tracks by name, as they are written. Nothing here needs Node, and nothing that only reading needs. */
import { ass } from './ass.js';
import { coco } from './coco.js';
import { cvat } from './cvat.js';
import { inOrder, type Media, type TrackRow, type TrackWriter, type WrittenFormat } from './format.js';
import { labelStudio } from './label-studio.js';
import { mot } from './mot.js';
import { csv, jsonl } from './text.js';

/** One file a format of this folder. */
export const WRITTEN = { csv, jsonl, mot, coco, cvat, labelstudio: labelStudio, ass } as const satisfies Record<
  string,
  WrittenFormat
>;

/** Formats of tracks that are written and read. */
export type FormatName = keyof typeof WRITTEN;

export const FORMAT_NAMES = Object.keys(WRITTEN) as FormatName[];

/** @throws TrackerError OPTION_INVALID where the format needs to know more of the video */
export function createTrackWriter(format: FormatName, media: Media): TrackWriter {
  return WRITTEN[format].writer(media);
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
