/** Which image files a folder, a glob or a printf pattern stands for. */
import { readdir } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { IMAGE_EXTENSIONS } from '../image/decode.js';

/** By its extension alone. */
export function isImage(name: string): boolean {
  return IMAGE_EXTENSIONS.includes(extname(name).toLowerCase());
}

/** The images that lie in a folder itself, in natural order (2 before 10). */
export async function imagesInFolder(folder: string): Promise<string[]> {
  return naturalOrder((await readdir(folder)).filter(isImage)).map((name) => join(folder, name));
}

/**
 * The files that a pattern names, in natural order; none where it is no pattern or nothing matches. In the file name, not in the folder:
 * - printf: one %d, %5d or %05d, for numbers with at least so many digits; numbers may be missing;
 * - glob: * ? [abc] {a,b}.
 */
export async function matchPattern(pattern: string): Promise<string[]> {
  const expression = patternOf(pattern);
  if (!expression) return [];
  const names = await readdir(dirname(pattern)).catch(() => []);
  return naturalOrder(names.filter((name) => expression.test(name))).map((name) => join(dirname(pattern), name));
}

/** Fits the names of the files that a pattern names; undefined where it is no pattern. */
export function patternOf(pattern: string): RegExp | undefined {
  return fromPrintf(basename(pattern)) ?? fromGlob(basename(pattern));
}

function naturalOrder(names: readonly string[]): string[] {
  return names.toSorted(new Intl.Collator('en', { numeric: true }).compare);
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

/** How many images lie in a folder itself. */
export async function countImages(folder: string): Promise<number> {
  return (await readdir(folder)).filter(isImage).length;
}
