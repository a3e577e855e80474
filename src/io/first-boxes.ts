/** First boxes from a file: one an object, in pixels of the upright frame in which it is tracked first. */
import path from 'node:path';
import { messageOf, shortened, TrackerError } from '../errors.js';
import type { FrameBox } from '../geometry.js';
import { isObject } from '../json.js';
import { noNumber, parseNumber, splitCells } from './cells.js';
import { readTextFile, splitLines } from './text-file.js';
import { readTrackRows, type ReadOptions } from './tracks.js';

/** An object to track. */
export interface FirstBox {
  /** Whole number, its name in every output. */
  readonly id: number;
  /** In the frame where tracking starts. */
  readonly box: FrameBox;
  /** The frame, from 0, that the file has the box in; left out where the file names no frames. */
  readonly frame?: number | undefined;
}

/** Options for reading a file of first boxes. */
export interface FirstBoxOptions extends Omit<ReadOptions, 'format' | 'required'> {
  /** The frame where tracking starts; left out: the first one with a box in sight. */
  readonly frame?: number | undefined;
}

/** Numbers the boxes from 1. */
export const numbered = (boxes: readonly FrameBox[]): FirstBox[] => boxes.map((box, i) => ({ id: i + 1, box }));

const HINT =
  'JSON: [{"id": 1, "x": 120, "y": 80, "w": 64, "h": 48}, ...] or [[120, 80, 64, 48], ...]; CSV: a header that names x,y,w,h (id and frame too, if you like), or x,y,w,h a line';

/**
 * @param file .json: a list of {x, y, w, h} or [x, y, w, h], or {"boxes": such a list}. .csv: x,y,w,h a line, or a header that names the
 *   columns. Any other format of tracks. Where it names frames, the boxes of one frame count, see FirstBoxOptions. An id is taken where there
 *   is one.
 * @throws TrackerError INPUT_NOT_FOUND, OPTION_INVALID (ending), DATA_INVALID naming the entry, or the frames that have boxes where the one
 *   that is asked for has none
 */
export async function readFirstBoxes(file: string, options: FirstBoxOptions = {}): Promise<FirstBox[]> {
  const entries = await readEntries(file, options);
  const own = entriesOfFrame(entries, file, options);
  return toFirstBoxes(own, file);
}

/** A box as a file has it, and what to call it in messages. */
interface Entry {
  readonly where: string;
  readonly id: number | undefined;
  readonly frame: number | undefined;
  readonly box: FrameBox;
}

async function readEntries(file: string, options: FirstBoxOptions): Promise<Entry[]> {
  const ending = path.extname(file).toLowerCase();
  if (ending !== '.json' && ending !== '.csv') return trackEntries(file, options);
  const text = await readTextFile(file, { what: 'boxes file' });
  if (ending === '.csv') return csvEntries(text, file);
  return OTHER_JSON.test(text) ? trackEntries(file, options) : jsonEntries(text, file);
}

/** Keys of COCO and Label Studio, which lists of boxes do not have. */
const OTHER_JSON = /"(?:annotations|predictions|image_id)"\s*:/;

/** The objects that are to be seen. */
async function trackEntries(file: string, options: FirstBoxOptions): Promise<Entry[]> {
  const rows = await readTrackRows(file, { ...options, required: true });
  const visible = rows.filter(({ state }) => state !== 'lost');
  return visible.map(({ id, frame, box, at }) => ({ where: `${file}, ${at}`, id, frame, box }));
}

function jsonEntries(text: string, file: string): Entry[] {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (cause) {
    throw invalid(file, `expected JSON, found: ${messageOf(cause)}`, cause);
  }
  const list = isObject(content) ? content['boxes'] : content;
  if (!Array.isArray(list)) throw invalid(file, 'expected a list of boxes, found none');
  return list.map((item: unknown, i) => {
    const where = `${file}, box ${i + 1}`;
    if (Array.isArray(item) && item.length === 4) return toEntry(where, named(['x', 'y', 'w', 'h'], item));
    if (isObject(item)) return toEntry(where, item);
    throw invalid(where, `found ${shortened(JSON.stringify(item))}, expected {x, y, w, h} or [x, y, w, h]`);
  });
}

const named = (names: readonly string[], values: readonly unknown[]): Record<string, unknown> =>
  Object.fromEntries(names.map((name, i) => [name, values[i]]));

function csvEntries(text: string, file: string): Entry[] {
  const lines = splitLines(text);
  const first = lines.findIndex((line) => line.trim() !== '');
  const names = first < 0 ? undefined : headerOf(lines[first]!, `${file}, line ${first + 1}`);
  const columns = names ?? BOX_COLUMNS;
  return lines.flatMap((line, i): Entry[] => {
    if (line.trim() === '' || (names && i === first)) return [];
    const where = `${file}, line ${i + 1}`;
    const { cells, decimalComma } = splitCells(line);
    if (cells.length !== columns.length)
      throw invalid(where, `found ${cells.length} fields, expected ${columns.length} (${columns.join(',')})`);
    const values = named(
      columns,
      cells.map((cell) => (cell === '' ? undefined : (parseNumber(cell, decimalComma) ?? cell))),
    );
    return values['state'] === 'lost' ? [] : [toEntry(where, values)];
  });
}

const BOX_COLUMNS = ['x', 'y', 'w', 'h'] as const;

/** Names of the columns; undefined where the line has numbers. @throws TrackerError DATA_INVALID where a box is not among them */
function headerOf(line: string, where: string): string[] | undefined {
  const names = splitCells(line).cells.map((name) => name.toLowerCase());
  if (names.some((name) => parseNumber(name, true) !== undefined)) return undefined;
  if (BOX_COLUMNS.every((name) => names.includes(name))) return names;
  throw invalid(where, `found the columns ${shortened(names.join(','), 80)}, expected x,y,w,h among them`);
}

function toEntry(where: string, values: Readonly<Record<string, unknown>>): Entry {
  const number = (name: string): number => {
    const value = values[name];
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    const found = typeof value === 'string' ? noNumber(value) : `found ${String(value)}, expected a finite number`;
    throw invalid(where, `${name}: ${found}`);
  };
  const whole = (name: string): number | undefined => {
    if (values[name] === undefined || values[name] === null) return undefined;
    const value = number(name);
    if (Number.isInteger(value) && value >= 0) return value;
    throw invalid(where, `${name}: found ${value}, expected 0, 1, 2 ...`);
  };
  const box = { x: number('x'), y: number('y'), w: number('w'), h: number('h') };
  return { where, id: whole('id'), frame: whole('frame'), box };
}

/** Those of the frame where tracking starts; all of a file that names no frames. */
function entriesOfFrame(
  entries: readonly Entry[],
  file: string,
  { frame: asked, onNote }: FirstBoxOptions,
): readonly Entry[] {
  const frames = [...new Set(entries.flatMap(({ frame }) => frame ?? []))].toSorted((a, b) => a - b);
  const first = asked ?? frames[0];
  if (frames.length === 0) return entries;
  const own = entries.filter(({ frame }) => frame === undefined || frame === first);
  if (own.length === 0) {
    throw new TrackerError(
      'DATA_INVALID',
      `boxes file ${file}: found no box in frame ${first}, but ${rangeOf(frames)}`,
      {
        hint: `start where there is one, for example --start ${frames[0]}`,
      },
    );
  }
  const ids = new Set(own.map(({ id }) => id));
  const later = new Map(
    entries.filter(({ id }) => id !== undefined && !ids.has(id)).map(({ id, frame }) => [id, frame]),
  );
  if (later.size > 0) {
    const objects = [...later.keys()].join(', ');
    onNote?.(`${file}: not in sight in frame ${first}, and not tracked: object ${shortened(objects, 80)}`);
  }
  return own;
}

function rangeOf(frames: readonly number[]): string {
  if (frames.length === 1) return `one in frame ${frames[0]}`;
  return `some in ${frames.length} frames from ${frames[0]} to ${frames.at(-1)}`;
}

/** Each with a number of its own: that of the file, or the smallest that is free. */
function toFirstBoxes(entries: readonly Entry[], file: string): FirstBox[] {
  if (entries.length === 0) throw invalid(file, 'found no box, expected one at least');
  const owners = new Map<number, string>();
  for (const { id, where } of entries) {
    if (id === undefined) continue;
    const owner = owners.get(id);
    if (owner !== undefined) throw invalid(where, `id: found ${id} again (first in ${owner}), expected one of its own`);
    owners.set(id, where);
  }
  let free = 0;
  const next = (): number => {
    do free++;
    while (owners.has(free));
    return free;
  };
  return entries.map(({ id, frame, box }) => ({ id: id ?? next(), box, frame }));
}

function invalid(where: string, what: string, cause?: unknown): TrackerError {
  return new TrackerError('DATA_INVALID', `boxes file ${where}: ${what}`, { hint: HINT, cause });
}
