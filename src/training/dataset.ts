/** Training footage in plain folders: sequences (video.mp4 + groundtruth.txt) and photographs (boxes.jsonl). */
import { createReadStream } from 'node:fs';
import { access, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { messageOf, TrackerError } from '../errors.js';
import type { FrameBox } from '../geometry.js';

export interface Sequence {
  readonly name: string;
  /** What openVideo() takes: a video file, a folder of images, a pattern. */
  readonly video: string;
  /** Frame of the video that the first box belongs to; 0 where left out. */
  readonly start?: number;
  /** The file that the boxes come from. */
  readonly annotation?: string;
  /** One box a frame; undefined where the object is absent (NaN in the file). */
  readonly boxes: readonly (FrameBox | undefined)[];
}

export interface Photo {
  readonly file: string;
  readonly width: number;
  readonly height: number;
  readonly boxes: readonly FrameBox[];
}

const LAYOUT = 'expected NAME/video.mp4 and NAME/groundtruth.txt (x,y,w,h a line) for each sequence';

/** The sequences of a folder, in order of name. @throws TrackerError DATA_INVALID naming path and line */
export async function readSequences(folder: string): Promise<Sequence[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
    throw new TrackerError('DATA_INVALID', `sequences ${folder}: cannot be listed (${messageOf(cause)})`, {
      hint: LAYOUT,
      cause,
    });
  });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  const sequences = await Promise.all(names.toSorted().map((name) => readSequence(join(folder, name), name)));
  if (sequences.length === 0) {
    throw new TrackerError('DATA_INVALID', `sequences ${folder}: no sequence found`, { hint: LAYOUT });
  }
  return sequences;
}

async function readSequence(folder: string, name: string): Promise<Sequence> {
  const video = join(folder, 'video.mp4');
  const truth = join(folder, 'groundtruth.txt');
  await Promise.all([video, truth].map((path) => access(path))).catch((cause: unknown) => {
    throw new TrackerError('DATA_INVALID', `sequence ${folder}: ${messageOf(cause)}`, { hint: LAYOUT, cause });
  });
  return { name, video, annotation: truth, boxes: parseGroundTruth(await readFile(truth, 'utf8'), truth) };
}

/** One box a line, x,y,w,h; NaN where absent. @throws TrackerError DATA_INVALID naming the line */
export function parseGroundTruth(text: string, where: string): (FrameBox | undefined)[] {
  return text
    .trimEnd()
    .split(/\r?\n/)
    .map((line, index) => {
      const values = line.split(/[,\t ]+/).map(Number);
      const [x, y, w, h] = values;
      if (values.length !== 4 || !/^[-+.,\t \deEnNaA]+$/.test(line)) {
        throw new TrackerError('DATA_INVALID', `${where}:${index + 1}: found "${line}", expected x,y,w,h`, {
          hint: 'mend the line; absent frames are NaN,NaN,NaN,NaN',
        });
      }
      return values.every(Number.isFinite) ? { x: x!, y: y!, w: w!, h: h! } : undefined;
    });
}

/** The photographs of a folder with boxes.jsonl. @throws TrackerError DATA_INVALID naming the line */
export async function readPhotos(folder: string): Promise<Photo[]> {
  const path = join(folder, 'boxes.jsonl');
  await access(path).catch((cause: unknown) => {
    throw new TrackerError('DATA_INVALID', `photographs ${path}: cannot be read (${messageOf(cause)})`, {
      hint: 'expected boxes.jsonl with one {"file","width","height","boxes":[[x,y,w,h,label],...]} a line',
      cause,
    });
  });
  const photos: Photo[] = [];
  const lines = createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY });
  let number = 0;
  for await (const line of lines) {
    number++;
    if (line.trim() !== '') photos.push(parsePhoto(line, folder, `${path}:${number}`));
  }
  return photos;
}

function parsePhoto(line: string, folder: string, where: string): Photo {
  try {
    const row = JSON.parse(line) as {
      file: string;
      width: number;
      height: number;
      boxes: [number, number, number, number][];
    };
    const boxes = row.boxes.map(([x, y, w, h]) => ({ x, y, w, h }));
    return { file: join(folder, row.file), width: row.width, height: row.height, boxes };
  } catch (cause) {
    throw new TrackerError('DATA_INVALID', `${where}: ${messageOf(cause)}`, {
      hint: 'expected {"file","width","height","boxes":[[x,y,w,h,label],...]}',
      cause,
    });
  }
}
