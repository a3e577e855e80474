/**
 * A file that is written bit by bit for as long as a run lasts. Each piece is on its way to the disk when its append() resolves, so that a killed
 * run keeps it: under the file's own name where nothing was there before, else beside the older file, which stays until the new one is whole.
 */
import { open, rm, type FileHandle } from 'node:fs/promises';
import { messageOf, TrackerError } from '../errors.js';
import { findPlace, type Place } from './place.js';
import { isReaderGone, modeOf, outputFailed, putInPlace } from './write.js';

export interface GrowingFile {
  /** The file that it is written to until it is whole, where an older one stays in its place till then. */
  readonly waiting?: string | undefined;
  /** @returns false where the reader of a pipe has seen enough: nothing more is wanted. @throws TrackerError OUTPUT_FAILED */
  append(text: string): Promise<boolean>;
  /** It is whole: it takes its place. @throws TrackerError OUTPUT_FAILED, naming where it is kept */
  finish(): Promise<void>;
  /** The run has failed: what was written is kept, an older file stays. Never throws. @returns where it is kept; undefined where nothing is */
  keep(): Promise<string | undefined>;
}

/** Runs that were killed leave a file each. */
const MAX_KEPT = 1000;

/** Names for what waits beside an older file, in the order in which they are tried: boxes.csv.partial, boxes.csv.partial2 ... */
export function partialNames(file: string): string[] {
  return Array.from({ length: MAX_KEPT }, (_, i) => `${file}.partial${i === 0 ? '' : i + 1}`);
}

/** @throws TrackerError OUTPUT_FAILED */
export async function openGrowing(file: string): Promise<GrowingFile> {
  const place = await findPlace(file);
  try {
    return place.kind === 'stream' ? await openStream(file) : await openBeside(file, place);
  } catch (cause) {
    throw outputFailed(file, cause);
  }
}

async function openStream(file: string): Promise<GrowingFile> {
  const handle = await open(file, 'w');
  let wanted = true;
  return {
    async append(text) {
      if (!wanted) return false;
      await handle.appendFile(text).catch((cause: unknown) => {
        if (!isReaderGone(cause)) throw outputFailed(file, cause);
        wanted = false;
      });
      return wanted;
    },
    finish: () => handle.close(),
    keep: () =>
      handle.close().then(
        () => undefined,
        () => undefined,
      ),
  };
}

async function openBeside(file: string, place: Place): Promise<GrowingFile> {
  const { handle, path } = await create(place);
  let written = false;
  const close = async (): Promise<void> => {
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  };
  const waits = path !== place.path;
  return {
    waiting: waits ? path : undefined,
    async append(text) {
      await handle.appendFile(text).catch((cause: unknown) => {
        throw outputFailed(file, cause);
      });
      written ||= text !== '';
      return true;
    },
    async finish() {
      try {
        await close();
        if (waits) await putInPlace(path, place.path);
      } catch (cause) {
        const hint = `the written part is kept in ${path}`;
        throw new TrackerError('OUTPUT_FAILED', `output ${file}: not finished (${messageOf(cause)})`, { hint, cause });
      }
    },
    async keep() {
      await close().catch(() => undefined);
      if (written) return path;
      await rm(path, { force: true }).catch(() => undefined);
      return undefined;
    },
  };
}

/** A new file: under its own name, or beside an older one. Nothing that is there is opened, what an earlier run has left neither. */
async function create({ path, kind }: Place): Promise<{ handle: FileHandle; path: string }> {
  const mode = kind === 'file' ? await modeOf(path) : undefined;
  const names = partialNames(path);
  for (const name of kind === 'new' ? [path, ...names] : names) {
    const handle = await open(name, 'wx', mode).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    if (handle) return { handle, path: name };
  }
  throw new Error(`${names[0]} and ${MAX_KEPT - 1} more of runs that were stopped are there: remove them`);
}
