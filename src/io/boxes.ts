/** Results as text: CSV and JSON lines, one row a frame (of several objects: one a frame and object), written and read. */
import { messageOf, shortened, TrackerError } from '../errors.js';
import { isObject } from '../json.js';
import type { TrackResult, TrackState } from '../result.js';
import { noNumber, parseNumber, splitCells } from './cells.js';
import { splitLines } from './text.js';

/** One frame's result: what a row of a file holds. */
export interface BoxRow extends TrackResult {
  /** Which object; not there in files of one object. */
  readonly id?: number | undefined;
  /** Position in the video, from 0. */
  readonly frame: number;
  /** Seconds from the video's first frame. */
  readonly time: number;
}

/** csv: with a header; jsonl: one JSON object a line. */
export type BoxFormat = 'csv' | 'jsonl';

/** The fields of a row, in the order of both formats: box in pixels of the upright frame, confidence 0 to 1. */
const FIELDS = ['frame', 'time', 'x', 'y', 'w', 'h', 'confidence', 'state'] as const;
/** The same of several objects. */
const ID_FIELDS = ['frame', 'time', 'id', 'x', 'y', 'w', 'h', 'confidence', 'state'] as const;
const NUMBER_FIELDS = FIELDS.slice(0, -1);
const STATES: readonly TrackState[] = ['tracking', 'uncertain', 'lost', 'found'];

/** First line of a CSV file, without its line end. */
export const CSV_HEADER = FIELDS.join(',');
export const CSV_ID_HEADER = ID_FIELDS.join(',');

type Values = Record<(typeof FIELDS)[number], number | string> & { id: number | undefined };

/** Header of a file of this format. @param ids true if its rows have one */
export function formatHead(format: BoxFormat, ids = false): string {
  return format === 'csv' ? `${ids ? CSV_ID_HEADER : CSV_HEADER}\n` : '';
}

/** One line, its end included. Time to the microsecond, box to 1/1000 px, confidence to four decimals. */
export function formatRow(row: BoxRow, format: BoxFormat): string {
  const values = valuesOf(row);
  const fields = row.id === undefined ? FIELDS : ID_FIELDS;
  return format === 'csv' ? `${fields.map((field) => values[field]).join(',')}\n` : `${JSON.stringify(values)}\n`;
}

function valuesOf({ frame, time, id, box, confidence, state }: BoxRow): Values {
  return {
    frame,
    time: rounded(time, 6),
    id,
    x: rounded(box.x, 3),
    y: rounded(box.y, 3),
    w: rounded(box.w, 3),
    h: rounded(box.h, 3),
    confidence: rounded(confidence, 4),
    state,
  };
}

function rounded(value: number, decimals: number): number {
  return Number(value.toFixed(decimals));
}

/**
 * @param where name of the text in messages
 * @throws TrackerError DATA_INVALID naming the line
 */
export function parseBoxes(text: string, format: BoxFormat, where: string): BoxRow[] {
  return parseLines(text, format, where, (row) => row);
}

/**
 * The same, each row made into something together with the number of its line, from 1.
 * @throws TrackerError DATA_INVALID naming the line
 */
export function parseLines<T>(
  text: string,
  format: BoxFormat,
  where: string,
  make: (row: BoxRow, line: number) => T,
): T[] {
  const lines = splitLines(text.replace(/^\uFEFF/, ''));
  const first = format === 'csv' ? headerLine(lines, where) : -1;
  const fields = first < 0 ? FIELDS : fieldsOf(lines[first]!)!;
  const rows: T[] = [];
  for (const [i, line] of lines.entries()) {
    if (i <= first || line.trim() === '') continue;
    const values = format === 'csv' ? splitCsv(line, fields, where, i + 1) : splitJson(line, where, i + 1);
    rows.push(make(toRow(values, where, i + 1), i + 1));
  }
  return rows;
}

/** Fields that a header names; undefined where it is none. */
function fieldsOf(line: string): readonly string[] | undefined {
  const names = splitCells(line).cells.join(',').toLowerCase();
  return [FIELDS, ID_FIELDS].find((fields) => fields.join(',') === names);
}

/** Position of the header. Excel's "sep=;" may stand before it. @throws TrackerError DATA_INVALID */
function headerLine(lines: readonly string[], where: string): number {
  const first = lines.findIndex((line) => line.trim() !== '' && !/^"?sep=.?"?\s*$/i.test(line));
  if (first >= 0 && fieldsOf(lines[first]!)) return first;
  const found = first < 0 ? 'nothing' : `"${shortened(lines[first]!)}"`;
  throw invalid(where, Math.max(0, first) + 1, `found ${found}, expected "${CSV_HEADER}" or "${CSV_ID_HEADER}"`);
}

function splitCsv(line: string, fields: readonly string[], where: string, number: number): Record<string, unknown> {
  const { cells, decimalComma } = splitCells(line);
  if (cells.length !== fields.length) {
    const commas =
      cells.length > fields.length && !line.includes(';') ? '; decimal commas need ; between the cells' : '';
    const expected = `expected ${fields.length} (${fields.join(',')})${commas}`;
    throw invalid(where, number, `found ${cells.length} fields, ${expected}`);
  }
  return Object.fromEntries(
    fields.map((field, i) => [
      field,
      field === 'state' ? cells[i] : (parseNumber(cells[i]!, decimalComma) ?? cells[i]),
    ]),
  );
}

function splitJson(line: string, where: string, number: number): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw invalid(where, number, `expected JSON, found: ${messageOf(cause)}`, cause);
  }
  if (isObject(value)) return value;
  throw invalid(where, number, `expected an object with ${CSV_HEADER}, found ${shortened(line)}`);
}

function toRow(values: Record<string, unknown>, where: string, number: number): BoxRow {
  for (const field of NUMBER_FIELDS) {
    const value = values[field];
    if (typeof value !== 'number' || !Number.isFinite(value)) {
      const what =
        typeof value === 'string' ? noNumber(value) : `found ${shortened(String(value))}, expected a finite number`;
      throw invalid(where, number, `${field}: ${what}`);
    }
  }
  const state = STATES.find((known) => known === values['state']);
  if (!state)
    throw invalid(
      where,
      number,
      `state: found "${shortened(String(values['state']))}", expected one of ${STATES.join(', ')}`,
    );
  const { frame, time, x, y, w, h, confidence } = values as Record<(typeof NUMBER_FIELDS)[number], number>;
  if (!Number.isInteger(frame) || frame < 0)
    throw invalid(where, number, `frame: found ${frame}, expected 0, 1, 2 ...`);
  const { id } = values;
  if (id !== undefined && !(typeof id === 'number' && Number.isInteger(id) && id >= 0))
    throw invalid(where, number, `id: found ${String(id)}, expected 0, 1, 2 ...`);
  return { frame, time, id, box: { x, y, w, h }, confidence, state };
}

function invalid(where: string, line: number, what: string, cause?: unknown): TrackerError {
  return new TrackerError('DATA_INVALID', `${where}, line ${line}: ${what}`, {
    hint: 'mend or remove that line, or write the file again with: ebm-tracker track VIDEO --box x,y,w,h --out FILE',
    cause,
  });
}
