/** Layout of data sets: finds sequences, reads annotations and checks them against the frames. */
import { access, readdir, readlink, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import type { GroundTruth } from './ground-truth.js';
import { messageOf, TrackerError } from '../errors.js';
import { readTextFile } from '../io/text-file.js';
import { isHidden } from '../video/images.js';
import { countFrames } from '../video/pictures.js';
import type { AnnotatedSequence } from './types.js';

export interface Dataset {
  readonly name: string;
  readonly title: string;
  /** Protocol that its published scores use. */
  readonly protocol: string;
  /** The tracker is started anew after each failure. */
  readonly restarts?: true;
  /** The folders as they are expected below a root. */
  readonly layout: string;
  /** Names of its sequences. @throws TrackerError DATA_INVALID naming the path and the layout */
  list(root: string): Promise<string[]>;
  /** @throws TrackerError DATA_INVALID, INPUT_NOT_FOUND naming file and line */
  read(root: string, name: string): Promise<AnnotatedSequence>;
}

export async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

/**
 * Names of the folders in a folder, in order; none where it is not there. Links are followed, but not back up, where they would never end; one
 * that leads nowhere counts, so that reading it says so.
 */
export async function foldersIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const own = await realpath(folder).catch(() => folder);
  const isFolder = async (name: string): Promise<boolean> => {
    const real = await realpath(path.join(folder, name)).catch(() => undefined);
    if (real === undefined) return true;
    return !(own + path.sep).startsWith(real + path.sep) && (await stat(real)).isDirectory();
  };
  const names = entries.filter(({ name }) => !isHidden(name));
  const kept = await Promise.all(
    names.map(async (entry) => entry.isDirectory() || (entry.isSymbolicLink() && (await isFolder(entry.name)))),
  );
  return names
    .filter((_, i) => kept[i])
    .map(({ name }) => name)
    .toSorted();
}

/** @throws TrackerError DATA_INVALID where it is a link that leads nowhere, or to itself */
export async function checkLink(folder: string): Promise<void> {
  if (await exists(folder)) return;
  const target = await readlink(folder).catch(() => undefined);
  if (target === undefined) return;
  throw new TrackerError('DATA_INVALID', `${folder}: it is a link to ${target}, which cannot be reached`, {
    hint: 'mend the link, or remove it',
  });
}

/** Names of the files in a folder that end so, without the ending, in order; none where the folder is not there. */
export async function filesIn(folder: string, ending: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names
    .filter((name) => name.endsWith(ending) && !isHidden(name))
    .map((name) => name.slice(0, -ending.length))
    .toSorted();
}

/** The first of some paths below `folder` that is there. @throws TrackerError DATA_INVALID listing what was expected */
export async function oneOf(
  folder: string,
  candidates: readonly string[],
  { layout }: Pick<Dataset, 'layout'>,
): Promise<string> {
  for (const candidate of candidates) {
    const file = path.join(folder, candidate);
    if (await exists(file)) return file;
  }
  throw new TrackerError('DATA_INVALID', `${folder}: found none of ${candidates.join(', ')}`, {
    hint: `expected layout: ${layout}`,
  });
}

/** `names` themselves. @throws TrackerError DATA_INVALID where there are none */
export function required(names: string[], root: string, { name, layout }: Pick<Dataset, 'name' | 'layout'>): string[] {
  if (names.length > 0) return names;
  throw new TrackerError('DATA_INVALID', `${root}: no sequence of ${name} found`, {
    hint: `expected layout: ${layout}`,
  });
}

/** Names of a list file, one a line; undefined where it is not there. */
export async function readNames(file: string): Promise<string[] | undefined> {
  if (!(await exists(file))) return undefined;
  const text = await readTextFile(file, { what: 'list' });
  return text.split(/\s+/).filter((name) => name !== '');
}

/** Annotations may have so many rows more or fewer than there are frames: sets are known to differ by one. */
const TOLERANCE = 1;

/**
 * A sequence of images: its annotation is cut to its frames.
 * @param start image that the first row belongs to
 * @throws TrackerError DATA_INVALID where there are fewer frames than rows by more than one, naming both counts, or where it is doubtful which
 *   the frames are
 */
export async function imageSequence(
  name: string,
  folder: string,
  boxes: GroundTruth,
  more: Partial<AnnotatedSequence> & { readonly start?: number } = {},
): Promise<AnnotatedSequence> {
  const start = more.start ?? 0;
  const { count: frames, warnings } = await countFrames(folder).catch((cause: unknown) => {
    throw new TrackerError('DATA_INVALID', `sequence ${name}: frames ${folder}: ${messageOf(cause)}`, {
      hint: 'fetch the frames of that sequence',
      cause,
    });
  });
  if (warnings.length > 0) {
    throw new TrackerError('DATA_INVALID', `sequence ${name}: frames ${folder}: ${warnings.join('; ')}`, {
      hint: 'leave one image a frame in the folder',
    });
  }
  const annotated = boxes.truth.length / 4;
  if (frames - start < annotated - TOLERANCE) {
    throw new TrackerError(
      'DATA_INVALID',
      `sequence ${name}: found ${frames} images in ${folder}, expected ${start + annotated} after its annotation`,
      { hint: 'fetch the frames of that sequence again' },
    );
  }
  const kept = Math.min(annotated, frames - start);
  return {
    name,
    source: folder,
    ...more,
    start,
    truth: boxes.truth.subarray(0, 4 * kept),
    annotation: boxes.annotation,
    polygons: boxes.polygons?.subarray(0, 8 * kept),
    absent: more.absent?.slice(0, kept),
  };
}

/** First boxes of sets whose other boxes a server keeps: rows of NaN to the last image. */
export async function padded(boxes: GroundTruth, folder: string): Promise<GroundTruth> {
  if (boxes.truth.length > 4) return boxes;
  const truth = new Float64Array(4 * (await countFrames(folder).catch(() => ({ count: 1 }))).count).fill(Number.NaN);
  truth.set(boxes.truth);
  return { truth };
}
