/** First boxes from a file: one an object, in pixels of the upright first frame. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { isObject } from '../config.js';
import { messageOf, TrackerError } from '../errors.js';
import type { FrameBox } from '../geometry.js';
import { readTracks } from './tracks.js';

/** An object to track. */
export interface FirstBox {
  /** Whole number, its name in every output. */
  readonly id: number;
  /** In the first frame. */
  readonly box: FrameBox;
}

/** Numbers the boxes from 1. */
export const numbered = (boxes: readonly FrameBox[]): FirstBox[] => boxes.map((box, i) => ({ id: i + 1, box }));

const HINT =
  'JSON: [{"id": 1, "x": 120, "y": 80, "w": 64, "h": 48}, ...] or [[120, 80, 64, 48], ...]; CSV: a header that names x,y,w,h (id and frame too, if you like), or x,y,w,h a line';

/**
 * @param file .json: a list of {x, y, w, h} or [x, y, w, h], or {"boxes": such a list}. .csv: x,y,w,h a line, or a header that names the
 *   columns; where one is `frame`, as in result files, the rows of the first frame count. An id is taken where there is one. Any other
 *   format of tracks: the first frame that has boxes.
 * @throws TrackerError INPUT_NOT_FOUND, OPTION_INVALID (ending), DATA_INVALID naming the entry
 */
export async function readFirstBoxes(file: string): Promise<FirstBox[]> {
  const ending = path.extname(file).toLowerCase();
  if (ending !== '.json' && ending !== '.csv') return firstOfTracks(file);
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new TrackerError('INPUT_NOT_FOUND', `boxes file ${file}: ${messageOf(cause)}`, {
      hint: 'check the path',
      cause,
    });
  });
  if (ending === '.json' && OTHER_JSON.test(text)) return firstOfTracks(file);
  const entries = ending === '.json' ? jsonEntries(text, file) : csvEntries(text, file);
  return toFirstBoxes(entries, file);
}

/** What COCO and Label Studio have, and lists of boxes do not. */
const OTHER_JSON = /"(?:annotations|predictions)"\s*:/;

/** The objects that are to be seen in the first frame with any. @throws TrackerError those of readTracks; DATA_INVALID where there is none */
async function firstOfTracks(file: string): Promise<FirstBox[]> {
  const rows = (await readTracks(file)).filter(({ state }) => state !== 'lost');
  const first = rows.filter(({ frame }) => frame === rows[0]!.frame);
  if (first.length === 0) throw invalid(file, 'found no box, expected one at least');
  return first.map(({ id, box }) => ({ id, box }));
}

/** A box as a file has it, and what to call it in messages. */
interface Entry {
  readonly where: string;
  readonly values: Readonly<Record<string, unknown>>;
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
    if (Array.isArray(item) && item.length === 4) return { where, values: named(['x', 'y', 'w', 'h'], item) };
    if (isObject(item)) return { where, values: item };
    throw invalid(where, `found ${JSON.stringify(item)}, expected {x, y, w, h} or [x, y, w, h]`);
  });
}

const named = (names: readonly string[], values: readonly unknown[]): Record<string, unknown> =>
  Object.fromEntries(names.map((name, i) => [name, values[i]]));

function csvEntries(text: string, file: string): Entry[] {
  const lines = text.split(/\r?\n/).map((line) => line.split(',').map((cell) => cell.trim()));
  const head = lines[0]!;
  const hasHeader = head.some((cell) => /[a-df-z]/i.test(cell)); // e is in numbers too
  const names = hasHeader ? head : ['x', 'y', 'w', 'h'];
  const entries = lines.flatMap((cells, i): Entry[] => {
    if ((hasHeader && i === 0) || cells.join('') === '') return [];
    const where = `${file}, line ${i + 1}`;
    if (cells.length !== names.length)
      throw invalid(where, `found ${cells.length} fields, expected ${names.length} (${names.join(',')})`);
    return [
      {
        where,
        values: named(
          names,
          cells.map((cell) => (cell === '' ? undefined : Number(cell))),
        ),
      },
    ];
  });
  if (!names.includes('frame')) return entries;
  const first = Math.min(...entries.map(({ values }) => values['frame'] as number));
  return entries.filter(({ values }) => values['frame'] === first);
}

function toFirstBoxes(entries: readonly Entry[], file: string): FirstBox[] {
  if (entries.length === 0) throw invalid(file, 'found no box, expected one at least');
  const owners = new Map<number, string>();
  return entries.map(({ where, values }, i) => {
    const number = (name: string, value: unknown): number => {
      if (typeof value === 'number' && Number.isFinite(value)) return value;
      throw invalid(where, `${name}: found ${String(value)}, expected a finite number`);
    };
    const [x, y, w, h] = (['x', 'y', 'w', 'h'] as const).map((name) => number(name, values[name]));
    const id = number('id', values['id'] ?? i + 1);
    if (!Number.isInteger(id) || id < 0) throw invalid(where, `id: found ${id}, expected 0, 1, 2 ...`);
    const owner = owners.get(id);
    if (owner !== undefined) throw invalid(where, `id: found ${id} again (first in ${owner}), expected one of its own`);
    owners.set(id, where);
    return { id, box: { x: x!, y: y!, w: w!, h: h! } };
  });
}

function invalid(where: string, what: string, cause?: unknown): TrackerError {
  return new TrackerError('DATA_INVALID', `boxes file ${where}: ${what}`, { hint: HINT, cause });
}
