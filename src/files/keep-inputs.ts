/**
 * The one rule of every command that writes: nothing that is read is ever written. Files are told apart by what they are (device and inode),
 * not by how they are spelled: a link, a linked folder and a hard link lead to the same file.
 */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { TrackerError } from '../errors.js';
import { findPlace, isSameFile, isSamePlace, statOf, statOfDescriptor, type Place } from './place.js';

/** Something that a command reads. */
export interface Input {
  /** Its name for people: "the video", "the boxes". */
  readonly what: string;
  /** A file or a folder; a number is an open file of this process, such as 0 for standard input. */
  readonly path: string | number;
  /** Tells of a folder whether a file of that name in it is read. Left out: it is a single file. */
  readonly takes?: (name: string) => boolean;
}

/** Something that a command writes. */
export interface Output {
  /** How it was asked for: "--out", "--debug". */
  readonly what: string;
  /** A number is an open file of this process, such as 1 for standard output. */
  readonly path: string | number;
}

/**
 * @throws TrackerError OPTION_INVALID where an output is an input, would become one (a picture in the folder of pictures that is read), or is
 *   the same file as another output
 */
export async function keepInputs(outputs: readonly Output[], inputs: readonly Input[]): Promise<void> {
  const places = await Promise.all(outputs.map((output) => placeOf(output.path)));
  for (const [i, place] of places.entries()) {
    if (!place) continue;
    const output = outputs[i]!;
    const twin = places.findIndex((other, k) => k < i && other !== undefined && isSamePlace(other, place));
    if (twin !== -1) {
      throw refused(output, `it is the same file as ${nameOf(outputs[twin]!)}`, 'name two different files');
    }
    for (const input of inputs) {
      const clash = await clashOf(place, input);
      if (clash !== undefined) throw refused(output, clash, 'name another file; nothing that is read is written');
    }
  }
}

/** Undefined for what cannot be an input: a pipe, a device, a folder. */
async function placeOf(given: string | number): Promise<Place | undefined> {
  if (typeof given === 'number') {
    const found = statOfDescriptor(given);
    return found?.isFile() ? { path: `file descriptor ${given}`, kind: 'stream', found } : undefined;
  }
  const place = await findPlace(given);
  const regular = place.found === undefined || place.found.isFile();
  return regular ? place : undefined;
}

/** Tells in which way an output touches an input; undefined where it does not. */
async function clashOf(place: Place, input: Input): Promise<string | undefined> {
  const { what, path: given, takes } = input;
  const read = typeof given === 'number' ? statOfDescriptor(given) : await statOf(given);
  if (!read) return undefined;
  const as = `as well (${what}${typeof given === 'number' ? '' : ` ${given}`})`;
  if (isSameFile(place.found, read)) return `it is an input ${as}`;
  if (typeof given === 'number' || !takes || !read.isDirectory()) return undefined;
  const name = path.basename(place.path);
  if (takes(name) && isSameFile(await statOf(path.dirname(place.path)), read)) {
    return place.found ? `it is one of the files that are read ${as}` : `it would be read with the others ${as}`;
  }
  return (await isOneOf(place, given, takes)) ? `it is one of the files that are read ${as}` : undefined;
}

/** Tells whether a file of a folder that is read is this file by another name: a link to it, or a hard link. */
async function isOneOf({ found }: Place, folder: string, takes: (name: string) => boolean): Promise<boolean> {
  if (!found) return false;
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    // most files have one name, and can only be reached by links then
    if (!takes(entry.name) || !(entry.isSymbolicLink() || found.nlink > 1n)) continue;
    if (isSameFile(found, await statOf(path.join(folder, entry.name)))) return true;
  }
  return false;
}

const nameOf = ({ what, path: given }: Output): string => (typeof given === 'number' ? what : `${what} ${given}`);

function refused(output: Output, why: string, hint: string): TrackerError {
  return new TrackerError('OPTION_INVALID', `${nameOf(output)}: ${why}`, { hint });
}
