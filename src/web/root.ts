/** The files that the page may see: those under one folder, and nothing that a link leads out to. */
import { opendir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { TrackerError } from '../errors.js';
import { IMAGE_EXTENSIONS } from '../image/decode.js';
import { holdsOne, holdsSeveral } from '../image/pages.js';
import { mapLimited } from '../limit.js';
import { imagesInFolder, isHidden, isImage, matchPattern } from '../video/images.js';
import type { PictureFile } from '../video/pictures.js';
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
/** Images that are looked into for one list, whether they hold several pictures. */
const MAX_LOOKS = 2000;

export interface Root {
  /** Real path. */
  readonly folder: string;
  /** Relative path of the only video there is, where one was named. */
  readonly only: string | undefined;
  /** Input of the only video where it lies in no folder of the user's: an address, or the temporary file of a stream. */
  readonly input?: string;
  /** Removes what was made for it. */
  close?(): void;
  /** The images, where a pattern of them was named. */
  readonly images?: readonly string[];
}

/** Video that was asked for, by its place on the disk. */
export interface Footage {
  /** Relative to the root, forward slashes. */
  readonly path: string;
  /** Real path. */
  readonly file: string;
  /** Images of a folder or a pattern, real paths; undefined for a video file. */
  readonly images?: readonly PictureFile[] | undefined;
}

/**
 * @param given a video, also behind an address or in a pipe, a pattern of images, a folder of images or a folder that holds some
 * @throws TrackerError INPUT_NOT_FOUND; those of findSource() and spool(); OPTION_INVALID for what is live
 */
export async function openRoot(given: string, options: SpoolOptions = {}): Promise<Root> {
  const source = await findSource(given, options);
  if (source.kind === 'live') throw hasNoEnd(given);
  if (source.kind === 'address') return { folder: '', only: nameOf(given), input: given };
  if (source.kind === 'stream') return spooledRoot(given, source, options);
  const folder = await realpath(source.path).catch(() => undefined);
  if (folder === undefined) return openPattern(given);
  if ((await stat(folder)).isDirectory()) return { folder, only: undefined };
  return { folder: path.dirname(folder), only: path.basename(folder) };
}

async function openPattern(given: string): Promise<Root> {
  const images = await matchPattern(given);
  if (images.length > 0) return { folder: await realpath(path.dirname(given)), only: path.basename(given), images };
  throw new TrackerError('INPUT_NOT_FOUND', `${given}: no such file or folder, and no file matches`, {
    hint: notFoundHint(given),
  });
}

async function spooledRoot(
  given: string,
  source: Extract<Source, { kind: 'stream' }>,
  options: SpoolOptions,
): Promise<Root> {
  const { file, problem, remove } = await spool(given, source, options);
  if (problem !== undefined) options.onNote?.(`${given}: ${problem}`);
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
  if (root.images && asked === root.only) {
    return { path: asked, file: path.join(root.folder, asked), images: await lockOutside(root, root.images) };
  }
  const file = await inside(root, path.resolve(root.folder, asked));
  if (file === undefined || asked.includes('\0')) throw notFound(asked, 'no such file or folder under the root');
  const relative = toRelative(root, file) || '.';
  if (root.only !== undefined && relative !== root.only) throw notFound(asked, `only ${root.only} is open`);
  const found = await stat(file);
  if (found.isDirectory()) {
    const images = await lockOutside(root, await imagesInFolder(file));
    if (!images.some((image) => typeof image === 'string'))
      throw notFound(asked, `a folder without images (${IMAGE_EXTENSIONS.join(' ')})`);
    return { path: relative, file, images };
  }
  // what was named on the command line may be of any kind
  const offered = root.only !== undefined || (found.isFile() && (await isVideo(file)));
  if (!found.isFile() || !offered) {
    throw notFound(
      asked,
      `expected one of ${VIDEO_EXTENSIONS.join(' ')}, or an image file that holds several pictures`,
    );
  }
  return { path: relative, file };
}

async function isVideo(file: string): Promise<boolean> {
  return (
    VIDEO_EXTENSIONS.includes(path.extname(file).toLowerCase()) || (isImage(path.basename(file)) && holdsSeveral(file))
  );
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

/** Images that a link leads out of the root to are not shown, but stay frames: all others keep the numbers they have elsewhere. */
async function lockOutside(root: Root, images: readonly string[]): Promise<PictureFile[]> {
  return mapLimited(images, async (image) => {
    // one that is not there says so by itself
    const isThere = await exists(image);
    const real = await inside(root, image);
    if (real !== undefined) return real;
    const name = path.basename(image);
    return { name, why: isThere ? 'it is a link that leads out of the folder' : 'it is a link to what is not there' };
  });
}

const exists = (file: string): Promise<boolean> =>
  stat(file).then(
    () => true,
    () => false,
  );

/** Videos, image files with several pictures, and folders of images, in natural order; hidden ones and what links lead out to are left out. */
export async function listFootage(root: Root): Promise<FileList> {
  if (root.images) return { files: [{ path: root.only!, kind: 'images', size: root.images.length }], more: false };
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
  const list: Listing = { files: [], entries: 0, looks: 0 };
  await walk(root, list, root.folder, 0);
  const { compare } = new Intl.Collator('en', { numeric: true });
  return { files: list.files.toSorted((a, b) => compare(a.path, b.path)), more: isFull(list) };
}

interface Listing {
  readonly files: FileInfo[];
  entries: number;
  looks: number;
}

const isFull = ({ files, entries }: Listing): boolean => files.length >= MAX_FILES || entries >= MAX_ENTRIES;

async function walk(root: Root, list: Listing, folder: string, depth: number): Promise<void> {
  const folders: string[] = [];
  let images = 0;
  let several = 0;
  for await (const entry of await opendir(folder)) {
    if (isFull(list)) return;
    list.entries++;
    const file = path.join(folder, entry.name);
    if (isHidden(entry.name) || entry.name === 'node_modules') continue;
    // folders that links lead to are not gone through: those inside are listed where they are, and there is no end to loops
    if (entry.isDirectory()) folders.push(file);
    const isOne = isImage(entry.name);
    const isLink = isOne && entry.isSymbolicLink() && (await isFileInside(root, file));
    if (!entry.isFile() && !isLink) continue;
    if (isOne) images++;
    if (isOne && (holdsOne(file) || list.looks++ >= MAX_LOOKS)) continue;
    if (!(await isVideo(file))) continue;
    if (isOne) several++;
    const found = await stat(file).catch(() => undefined);
    if (found) list.files.push({ path: toRelative(root, file), kind: 'video', size: found.size });
  }
  // an animation that lies by itself is one video, not a folder of images as well
  const isAlone = images === 1 && several === 1;
  if (images > 0 && !isAlone) list.files.push({ path: toRelative(root, folder) || '.', kind: 'images', size: images });
  if (depth < MAX_DEPTH) for (const below of folders) await walk(root, list, below, depth + 1).catch(() => undefined);
}

async function isFileInside(root: Root, file: string): Promise<boolean> {
  const real = await inside(root, file);
  return real !== undefined && (await stat(real)).isFile();
}
