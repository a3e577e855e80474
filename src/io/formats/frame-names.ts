/** Which frame a picture is, told by its file name. */
import type { Media } from './format.js';

/** Without its folders, of any system. */
const nameOf = (file: string): string => file.split(/[\\/]/).at(-1)!;
const withoutEnding = (name: string): string => name.replace(/\.[^.]+$/, '');

/**
 * Finds the place of a picture among those of a folder that is the video, by its name, with or without its ending.
 * @returns a function that gives undefined where the video is no folder, or where the name is not in it or not alone
 */
export function createFrameFinder({ frameNames = [] }: Media): (file: string) => number | undefined {
  const places = new Map<string, number | undefined>();
  const add = (name: string, place: number): void =>
    void places.set(name, places.has(name) && places.get(name) !== place ? undefined : place);
  for (const [place, file] of frameNames.entries()) {
    add(nameOf(file), place);
    add(withoutEnding(nameOf(file)), place);
  }
  return (file) => {
    const name = nameOf(file);
    return places.has(name) ? places.get(name) : places.get(withoutEnding(name));
  };
}

/** Strips hashes that tools add to a name: Roboflow's ".rf.HASH", the eight hexadecimal digits that Label Studio puts before an uploaded file. */
const withoutHashes = (name: string): string =>
  name.replace(/[._](?:jpe?g|png)\.rf\.[0-9a-z]+/i, '').replace(/^[0-9a-f]{8}-/, '');

/**
 * The numbers at the end of names that are alike but for these: frame_000005.PNG -> 5.
 * @returns undefined where the names are not of that kind, or two have the same number
 */
export function numbersInNames(files: readonly string[]): number[] | undefined {
  const parts = files.map((file) => /^(.*?)(\d+)(\D*)$/s.exec(withoutHashes(withoutEnding(nameOf(file)))));
  const [first] = parts;
  if (!first || parts.some((part) => part?.[1] !== first[1] || part?.[3] !== first[3])) return undefined;
  const numbers = parts.map((part) => Number(part![2]));
  return new Set(numbers).size === numbers.length && numbers.every(Number.isSafeInteger) ? numbers : undefined;
}
