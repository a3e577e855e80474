/** Which files are the frames of a folder, a glob or a printf pattern: the one answer of every command. */
import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { IMAGE_EXTENSIONS } from '../image/decode.js';
import { readPages } from '../image/pages.js';
import { mapLimited } from '../limit.js';

/** True for names of hidden files: .DS_Store, ._0001.jpg that macOS writes beside 0001.jpg on other disks. */
export function isHidden(name: string): boolean {
  return name.startsWith('.');
}

/** By its name alone. */
export function isImage(name: string): boolean {
  return !isHidden(name) && hasImageEnding(name);
}

function hasImageEnding(name: string): boolean {
  return IMAGE_EXTENSIONS.includes(extname(name).toLowerCase());
}

/** True if a file is read as images, not by ffmpeg: one with an image's ending, or one that holds several. Videos and AVIF sequences are not. */
export async function isPicture(file: string): Promise<boolean> {
  const { kind } = await readPages(file);
  return kind === 'pages' || kind === 'apng' || (kind === 'still' && hasImageEnding(file));
}

/**
 * The images that lie in a folder itself, in natural order (2 before 10). Hidden files, folders and what is no image are left out; an
 * image that is damaged, or a link that leads nowhere, keeps its place. @throws Error of the file system
 */
export async function imagesInFolder(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return framesAmong(
    folder,
    entries.filter(({ name }) => !isHidden(name)),
  );
}

/**
 * The images that a pattern names, by the same rules; none where it is no pattern or nothing matches. In the file name, not in the folder:
 * - printf: one %d, %5d or %05d, for numbers with at least so many digits; numbers may be missing;
 * - glob: * ? [abc] {a,b}; hidden files only where it begins with a dot.
 */
export async function matchPattern(pattern: string): Promise<string[]> {
  const expression = patternOf(pattern);
  if (!expression) return [];
  const entries = await readdir(dirname(pattern), { withFileTypes: true }).catch(() => []);
  const asked = isHidden(basename(pattern));
  return framesAmong(
    dirname(pattern),
    entries.filter(({ name }) => expression.test(name) && (asked || !isHidden(name))),
  );
}

/** Fits the names of the files that a pattern names; undefined where it is no pattern. */
export function patternOf(pattern: string): RegExp | undefined {
  return fromPrintf(basename(pattern)) ?? fromGlob(basename(pattern));
}

/** Those that are called images; where none is, those that are images by what they hold. */
async function framesAmong(folder: string, entries: readonly Dirent[]): Promise<string[]> {
  const called = entries.filter(({ name }) => hasImageEnding(name));
  const files = await onlyFiles(folder, called.length > 0 ? called : entries);
  if (called.length > 0) return files;
  const kinds = await mapLimited(files, readPages);
  return files.filter((_, i) => kinds[i]!.kind !== 'other');
}

/** Without folders and what is not stored (pipes, devices). A link that leads nowhere stays: decoding it says so. */
async function onlyFiles(folder: string, entries: readonly Dirent[]): Promise<string[]> {
  const isFile = async (entry: Dirent): Promise<boolean> =>
    entry.isSymbolicLink()
      ? stat(join(folder, entry.name)).then(
          (found) => found.isFile(),
          () => true,
        )
      : entry.isFile();
  const kept = await mapLimited(entries, isFile);
  return entries
    .filter((_, i) => kept[i])
    .map(({ name }) => name)
    .toSorted(inNaturalOrder)
    .map((name) => join(folder, name));
}

/** Names that only numbers with more zeros tell apart come in the order of their characters: the same on every disk. */
function inNaturalOrder(a: string, b: string): number {
  return NATURAL.compare(a, b) || (a < b ? -1 : 1);
}

const NATURAL = new Intl.Collator('en', { numeric: true });

/** Warnings that not each of these files is a frame: where 0001.jpg and 0001.png are one frame twice, all numbers are wrong. */
export function doubtsAbout(files: readonly string[]): string[] {
  const stems = new Map<string, string>();
  const twins: string[] = [];
  for (const file of files) {
    const stem = join(dirname(file), basename(file, extname(file)));
    const before = stems.get(stem);
    if (before !== undefined) twins.push(`${basename(before)} and ${basename(file)}`);
    stems.set(stem, file);
  }
  if (twins.length === 0) return [];
  const more = twins.length > 1 ? ` (and ${twins.length - 1} more such pairs)` : '';
  return [
    `${twins[0]}${more} count as two frames: where they are one, name one kind of them, as "*${extname(files[0]!)}"`,
  ];
}

/** Pictures that nothing here reads: their endings. */
const UNREAD_EXTENSIONS: readonly string[] =
  '.bmp .dib .mpo .heic .heif .heics .heifs .hif .avifs .jxl .jp2 .j2k .ppm .pgm .pbm .pnm .tga .exr .hdr .psd .dng .cr2 .cr3 .nef .arw'.split(
    ' ',
  );
/** Names that are told; of the others, how many there are. */
const NAMED = 3;

/**
 * Warns of pictures of unread formats among the images of a folder or a pattern: where they are frames, all numbers after them are wrong.
 * Empty where there are none, or where the path is neither folder nor pattern.
 */
export async function passedOver(path: string): Promise<string[]> {
  const folder = (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
  const expression = folder ? undefined : patternOf(path);
  if (!folder && !expression) return [];
  const names = await readdir(folder ? path : dirname(path)).catch(() => []);
  const unread = names.filter(
    (name) =>
      !isHidden(name) && UNREAD_EXTENSIONS.includes(extname(name).toLowerCase()) && (expression?.test(name) ?? true),
  );
  if (unread.length === 0) return [];
  const named = unread.toSorted(inNaturalOrder).slice(0, NAMED).join(', ');
  const more = unread.length > NAMED ? ` and ${unread.length - NAMED} more` : '';
  return [
    `passed over, as pictures of kinds that are not read: ${named}${more}; where they are frames, convert them to PNG`,
  ];
}

const literally = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);

function fromPrintf(pattern: string): RegExp | undefined {
  const [, before, digits, after] = /^(.*?)%0?(\d*)d(.*)$/.exec(pattern) ?? [];
  if (before === undefined || after === undefined) return undefined;
  return new RegExp(`^${literally(before)}\\d{${digits || 1},}${literally(after)}$`);
}

function fromGlob(pattern: string): RegExp | undefined {
  if (!/[*?[{]/.test(pattern)) return undefined;
  const parts = pattern.match(/\*|\?|\[[^\]]+\]|\{[^}]+\}|[^*?[{]+|./g) ?? [];
  return new RegExp(`^${parts.map(globPart).join('')}$`);
}

function globPart(part: string): string {
  if (part === '*') return '.*';
  if (part === '?') return '.';
  if (part.length > 1 && part.startsWith('{')) return `(?:${part.slice(1, -1).split(',').map(literally).join('|')})`;
  if (part.length > 1 && part.startsWith('['))
    return `[${part
      .slice(1, -1)
      .replaceAll('\\', String.raw`\\`)
      .replace(/^!/, '^')}]`;
  return literally(part);
}
