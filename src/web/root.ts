/** The files that the page may see: those under one folder, and nothing that a link leads out to. */
import { opendir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { TrackerError } from '../errors.js';
import { IMAGE_EXTENSIONS } from '../image/decode.js';
import { imagesInFolder } from '../video/images.js';
import { hasNoEnd } from '../video/read.js';
import { findSource, nameOf, notFoundHint, type Source } from '../video/source.js';
import { spool, type SpoolOptions } from '../video/spool.js';
import type { FileInfo, FileList } from './messages.js';

/** The kinds of files that are offered. Playlists are not: they name other files. */
export const VIDEO_EXTENSIONS: readonly string[] =
  'mp4 m4v mov mkv webm avi mpg mpeg ts mts m2ts wmv flv 3gp ogv mxf y4m'.split(' ').map((ending) => `.${ending}`);

const MAX_FILES = 2000;
const MAX_DEPTH = 6;
/** Folder entries that are looked at for one list. */
const MAX_ENTRIES = 50_000;

export interface Root {
  /** Real path. */
  readonly folder: string;
  /** Relative path of the only video there is, where one was named. */
  readonly only: string | undefined;
  /** Input of the only video where it lies in no folder of the user's: an address, or the temporary file of a stream. */
  readonly input?: string;
  /** Removes what was made for it. */
  close?(): void;
}

/** What was asked for, as it lies on the disk. */
export interface Footage {
  /** Relative to the root, forward slashes. */
  readonly path: string;
  /** Real path. */
  readonly file: string;
  /** Of a folder: its images, real paths. */
  readonly images?: readonly string[];
}

/**
 * @param given a video, also behind an address or in a pipe, a folder of images or a folder that holds some
 * @throws TrackerError INPUT_NOT_FOUND; those of findSource() and spool(); OPTION_INVALID for what is live
 */
export async function openRoot(given: string, options: SpoolOptions = {}): Promise<Root> {
  const source = await findSource(given, options);
  if (source.kind === 'live') throw hasNoEnd(given);
  if (source.kind === 'address') return { folder: '', only: nameOf(given), input: given };
  if (source.kind === 'stream') return spooledRoot(given, source, options);
  const folder = await realpath(source.path).catch((cause: unknown) => {
    throw new TrackerError('INPUT_NOT_FOUND', `${given}: no such file or folder`, { hint: notFoundHint(given), cause });
  });
  if ((await stat(folder)).isDirectory()) return { folder, only: undefined };
  return { folder: path.dirname(folder), only: path.basename(folder) };
}

async function spooledRoot(
  given: string,
  source: Extract<Source, { kind: 'stream' }>,
  { onNote, ...options }: SpoolOptions,
): Promise<Root> {
  const { file, problem, remove } = await spool(given, source, { ...options, ...(onNote ? { onNote } : {}) });
  if (problem !== undefined) onNote?.(`${given}: ${problem}`);
  return { folder: path.dirname(file), only: nameOf(given), input: file, close: remove };
}

/** A message for the page: where things lie on the disk, or which token an address has, is nobody's business. */
export function concealed({ folder, input, only }: Root, message: string): string {
  return input === undefined ? message.replaceAll(folder + path.sep, '') : message.replaceAll(input, only ?? '');
}

/**
 * @param asked relative to the root, forward slashes; "." is the root itself, as a folder of images
 * @throws TrackerError INPUT_NOT_FOUND: there is none, or it lies outside the root
 */
export async function findFootage(root: Root, asked: string): Promise<Footage> {
  if (root.input !== undefined) {
    if (asked !== root.only) throw notFound(asked, `only ${root.only} is open`);
    return { path: asked, file: root.input };
  }
  const file = await inside(root, path.resolve(root.folder, asked));
  if (file === undefined || asked.includes('\0')) throw notFound(asked, 'no such file or folder under the root');
  const relative = toRelative(root, file) || '.';
  if (root.only !== undefined && relative !== root.only) throw notFound(asked, `only ${root.only} is open`);
  const found = await stat(file);
  if (found.isDirectory()) {
    const images = await imagesInside(root, file);
    if (images.length === 0) throw notFound(asked, `a folder without images (${IMAGE_EXTENSIONS.join(' ')})`);
    return { path: relative, file, images };
  }
  // what was named on the command line may be of any kind
  const offered = VIDEO_EXTENSIONS.includes(path.extname(file).toLowerCase()) || root.only !== undefined;
  if (!found.isFile() || !offered) throw notFound(asked, `expected one of ${VIDEO_EXTENSIONS.join(' ')}`);
  return { path: relative, file };
}

function notFound(asked: string, why: string): TrackerError {
  return new TrackerError('INPUT_NOT_FOUND', `video ${asked.slice(0, 200)}: ${why}`, {
    hint: 'choose one of the list, or start ebm-tracker serve with another folder',
  });
}

/** The real path; undefined where there is none or it lies outside. */
async function inside({ folder }: Root, file: string): Promise<string | undefined> {
  const real = await realpath(file).catch(() => undefined);
  if (real === undefined) return undefined;
  return real === folder || real.startsWith(folder.endsWith(path.sep) ? folder : folder + path.sep) ? real : undefined;
}

function toRelative({ folder }: Root, file: string): string {
  return path.relative(folder, file).split(path.sep).join('/');
}

async function imagesInside(root: Root, folder: string): Promise<string[]> {
  const real = await Promise.all((await imagesInFolder(folder)).map((file) => inside(root, file)));
  return real.filter((file) => file !== undefined);
}

/** Videos and folders of images, in natural order; hidden ones and what links lead to are left out. */
export async function listFootage(root: Root): Promise<FileList> {
  const files: FileInfo[] = [];
  let entries = 0;
  if (root.only !== undefined && root.input !== undefined) {
    const size = await stat(root.input).then(
      (found) => found.size,
      () => 0,
    );
    return { files: [{ path: root.only, kind: 'video', size }], more: false };
  }
  if (root.only !== undefined) {
    const { size } = await stat(path.join(root.folder, root.only));
    return { files: [{ path: root.only, kind: 'video', size }], more: false };
  }
  const full = (): boolean => files.length >= MAX_FILES || entries >= MAX_ENTRIES;
  const walk = async (folder: string, depth: number): Promise<void> => {
    const folders: string[] = [];
    let images = 0;
    for await (const entry of await opendir(folder)) {
      if (full()) return;
      entries++;
      const ending = path.extname(entry.name).toLowerCase();
      const file = path.join(folder, entry.name);
      if (entry.name.startsWith('.') || entry.name === 'node_modules') continue;
      if (entry.isDirectory()) folders.push(file);
      else if (entry.isFile() && IMAGE_EXTENSIONS.includes(ending)) images++;
      else if (entry.isFile() && VIDEO_EXTENSIONS.includes(ending)) {
        const found = await stat(file).catch(() => undefined);
        if (found) files.push({ path: toRelative(root, file), kind: 'video', size: found.size });
      }
    }
    if (images > 0) files.push({ path: toRelative(root, folder) || '.', kind: 'images', size: images });
    if (depth < MAX_DEPTH) for (const below of folders) await walk(below, depth + 1).catch(() => undefined);
  };
  await walk(root.folder, 0);
  const { compare } = new Intl.Collator('en', { numeric: true });
  return { files: files.toSorted((a, b) => compare(a.path, b.path)), more: full() };
}
