/** Training footage in plain folders: sequences (video.mp4 + groundtruth.txt) and photographs (boxes.jsonl). */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { learnableBoxes, readGroundTruth } from './ground-truth.js';
import { messageOf, TrackerError } from '../errors.js';
import { checkLink, foldersIn } from './layout.js';
import type { FrameBox } from '../geometry.js';
import { faultsOf } from '../io/number-rows.js';
import { readTextFile, splitLines } from '../io/text-file.js';
import { isObject } from '../json.js';

/** Origin of footage, as far as it is known. */
export interface Provenance {
  /** The data set it belongs to. */
  readonly origin?: string | undefined;
  /** Sequences of one group show the same people and places; left out: it is a group of its own. */
  readonly group?: string | undefined;
  /** How often its data set is drawn in training; left out: 1. */
  readonly weight?: number | undefined;
}

export interface Sequence extends Provenance {
  readonly name: string;
  /** Argument of openVideo(): a video file, a folder of images, a pattern. */
  readonly video: string;
  /** Frame of the video that the first box belongs to; 0 where left out. */
  readonly start?: number;
  /** The file that the boxes come from. */
  readonly annotation?: string | undefined;
  /** One box a frame; undefined where the object is absent (NaN in the file). */
  readonly boxes: readonly (FrameBox | undefined)[];
}

export interface Photo extends Provenance {
  readonly file: string;
  readonly width: number;
  readonly height: number;
  readonly boxes: readonly FrameBox[];
}

const LAYOUT = 'expected NAME/video.mp4 and NAME/groundtruth.txt (x,y,w,h a line) for each sequence';

/** The sequences of a folder, in order of name; links are followed. @throws TrackerError DATA_INVALID naming path and line */
export async function readSequences(folder: string): Promise<Sequence[]> {
  await access(folder).catch((cause: unknown) => {
    throw new TrackerError('DATA_INVALID', `sequences ${folder}: cannot be listed (${messageOf(cause)})`, {
      hint: LAYOUT,
      cause,
    });
  });
  const names = await foldersIn(folder);
  const sequences = await Promise.all(names.map((name) => readSequence(join(folder, name), name)));
  if (sequences.length === 0) {
    throw new TrackerError('DATA_INVALID', `sequences ${folder}: no sequence found`, { hint: LAYOUT });
  }
  return sequences;
}

async function readSequence(folder: string, name: string): Promise<Sequence> {
  await checkLink(folder);
  const video = join(folder, 'video.mp4');
  const truth = join(folder, 'groundtruth.txt');
  await Promise.all([video, truth].map((path) => access(path))).catch((cause: unknown) => {
    throw new TrackerError('DATA_INVALID', `sequence ${folder}: ${messageOf(cause)}`, { hint: LAYOUT, cause });
  });
  const { boxes, faults } = learnableBoxes((await readGroundTruth(truth)).truth, truth);
  if (faults.length > 0) throw faultsOf(truth, faults);
  return { name, video, annotation: truth, boxes, ...(await readProvenance(folder)) };
}

/** Origin and group of a sequence's folder, as far as its meta.json names them. @throws TrackerError DATA_INVALID where the file is not JSON */
export async function readProvenance(folder: string): Promise<Pick<Provenance, 'origin' | 'group'>> {
  const path = join(folder, 'meta.json');
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  if (!isThere) return {};
  const text = await readTextFile(path, { what: 'description' });
  let meta: unknown;
  try {
    meta = JSON.parse(text);
  } catch (cause) {
    throw new TrackerError('DATA_INVALID', `${path}: ${messageOf(cause)}`, {
      hint: 'expected {"origin": "...", "group": "..."}; the file may be left out',
      cause,
    });
  }
  const { origin, dataset, group } = isObject(meta) ? meta : {};
  const named = origin ?? dataset;
  return {
    origin: typeof named === 'string' ? named : undefined,
    group: typeof group === 'string' ? group : undefined,
  };
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
  const lines = splitLines(await readTextFile(path, { what: 'photographs' }));
  return lines.flatMap((line, i) => (line.trim() === '' ? [] : [parsePhoto(line, folder, `${path}:${i + 1}`)]));
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
