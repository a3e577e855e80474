/** Finds where a path leads on the disk, and tells which paths are one file. */
import { fstatSync, type BigIntStats } from 'node:fs';
import { readlink, realpath, stat } from 'node:fs/promises';
import path from 'node:path';

/**
 * new: nothing is there yet. file: a regular file, which can be replaced. folder. stream: a pipe, a device, an open file of a process
 * (/dev/stdout, /dev/fd/3): it can only be written into, never replaced.
 */
export type PlaceKind = 'new' | 'file' | 'folder' | 'stream';

export interface Place {
  /** Links are followed, also those of folders. Where a link's target is not there, this is that target. */
  readonly path: string;
  readonly kind: PlaceKind;
  /** Undefined where nothing is there. */
  readonly found?: BigIntStats;
}

/** Folders whose entries stand for open files of a process: behind them lies something that somebody has open. */
const OPEN_FILES = /^\/(dev|dev\/fd|proc\/.+\/fd)$/;
/** As many links in a row as Linux follows. */
const MAX_LINKS = 40;

/** Never throws: what cannot be looked at counts as not there. */
export async function findPlace(given: string): Promise<Place> {
  const found = await statOf(given);
  const { target, open } = await followLinks(given);
  if (!found) return { path: target, kind: 'new' };
  if (found.isDirectory()) return { path: await realpath(given).catch(() => target), kind: 'folder', found };
  if (open || !found.isFile()) return { path: given, kind: 'stream', found };
  return { path: await realpath(given).catch(() => target), kind: 'file', found };
}

/** The end of a chain of links, and whether the chain goes through a folder of open files. */
async function followLinks(given: string): Promise<{ target: string; open: boolean }> {
  let at = given;
  for (let links = 0; links < MAX_LINKS; links++) {
    // the folder first: ".." of a link means the parent of what the folder really is
    const folder = await realpath(path.dirname(at)).catch(() => path.resolve(path.dirname(at)));
    if (OPEN_FILES.test(folder)) return { target: at, open: true };
    at = path.join(folder, path.basename(at));
    const next = await readlink(at).catch(() => undefined);
    if (next === undefined) break;
    at = path.isAbsolute(next) ? next : `${folder}${path.sep}${next}`;
  }
  return { target: at, open: false };
}

export async function statOf(file: string): Promise<BigIntStats | undefined> {
  return stat(file, { bigint: true }).catch(() => undefined);
}

/** Status of an open file; undefined where it is closed. */
export function statOfDescriptor(descriptor: number): BigIntStats | undefined {
  try {
    return fstatSync(descriptor, { bigint: true });
  } catch {
    return undefined;
  }
}

/** The same device and inode. File systems that count no inodes say 0 for all. */
export function isSameFile(a: BigIntStats | undefined, b: BigIntStats | undefined): boolean {
  return a !== undefined && b !== undefined && a.ino !== 0n && a.ino === b.ino && a.dev === b.dev;
}

/** The file systems that these systems use by default take "A.csv" and "a.csv" for one name, and so any spelling of an accented letter. */
const FOLDS_NAMES = process.platform === 'darwin' || process.platform === 'win32';

/** Tells whether two real paths are one name, for files that are not there yet. */
export function isSamePath(a: string, b: string): boolean {
  const folded = (file: string): string => (FOLDS_NAMES ? file.normalize('NFC').toLowerCase() : file);
  return folded(a) === folded(b);
}

/** Tells whether two places are one file, whatever they are called. */
export function isSamePlace(a: Place, b: Place): boolean {
  return isSameFile(a.found, b.found) || isSamePath(a.path, b.path);
}
