/** The files that results are exported to. One more format is one more entry of FORMATS. */
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { Size } from '../geometry.js';
import type { Frame } from '../image/frame.js';
import { formatHead, formatRow, type BoxFormat, type BoxRow } from '../io/boxes.js';

/** One object in one frame. */
export interface TrackRow extends BoxRow {
  /** Number of the object, from 1. */
  readonly id: number;
}

export interface ExportedTracks extends Size {
  /** Of the video. */
  readonly name: string;
  readonly fps: number;
  readonly frameCount: number;
  /** Frame by frame, and by object within a frame. */
  readonly rows: readonly TrackRow[];
  /** The video's frames from a number on, for formats that show them. */
  readonly frames: (first: number) => AsyncIterable<Frame>;
}

export interface ExportFormat {
  readonly name: string;
  readonly title: string;
  /** Of the file's name. */
  readonly ending: string;
  /** @throws TrackerError */
  write(file: string, tracks: ExportedTracks): Promise<void>;
}

export const FORMATS: readonly ExportFormat[] = [
  { name: 'csv', title: 'CSV', ending: '.csv', write: (file, tracks) => writeText(file, rowsOf(tracks, 'csv')) },
  {
    name: 'jsonl',
    title: 'JSON lines',
    ending: '.jsonl',
    write: (file, tracks) => writeText(file, rowsOf(tracks, 'jsonl')),
  },
];

async function writeText(file: string, parts: Iterable<string>): Promise<void> {
  await pipeline(parts, createWriteStream(file));
}

/** The very file that `track` writes: the rows of one object alone have no number. */
function* rowsOf({ rows }: ExportedTracks, format: BoxFormat): Generator<string> {
  const several = new Set(rows.map(({ id }) => id)).size > 1;
  yield formatHead(format, several);
  for (const { id, ...row } of rows) yield formatRow(several ? { ...row, id } : row, format);
}
