/** Tables of numbers as annotation and result files have them. */
import { shortened, TrackerError } from '../errors.js';
import { noNumber, parseNumber, splitCells } from './cells.js';
import { readTextFile, splitLines } from './text-file.js';

/** Numbers, row after row. */
export interface NumberRows {
  /** [N, columns] */
  readonly rows: Float64Array;
  readonly columns: number;
}

/**
 * A file of numbers, one row a line. Cells are those of splitCells(), numbers those of parseNumber(); blank last lines do not matter, a
 * blank line between others is a fault, since all rows behind it would be of another frame.
 * @param columns numbers a line that are allowed; all lines must have as many as the first
 * @throws TrackerError INPUT_NOT_FOUND, DATA_INVALID naming file and line
 */
export async function readRows(file: string, columns: readonly number[]): Promise<NumberRows> {
  return parseRows(await readNumbersFile(file), file, columns);
}

/** @throws TrackerError INPUT_NOT_FOUND, DATA_INVALID */
export async function readNumbersFile(file: string): Promise<string> {
  return readTextFile(file, { what: 'file' });
}

/** Faults of one file that are named; of a file of another kind every line is one. */
const MOST_FAULTS = 20;

/**
 * The same of a text.
 * @param where name of the text in messages
 * @throws TrackerError DATA_INVALID naming every line that is wrong, each on a line of the message
 */
export function parseRows(text: string, where: string, columns: readonly number[]): NumberRows {
  const lines = splitLines(text.replace(/^\uFEFF/, ''));
  while (lines.length > 0 && lines.at(-1)!.trim() === '') lines.pop();
  const width = lines.length === 0 ? columns[0]! : splitCells(lines[0]!).cells.length;
  if (!columns.includes(width)) {
    const wanted = `${columns.join(' or ')} numbers`;
    throw faultsOf(where, [`${where}, line 1: found ${width} (${shortened(lines[0]!, 40)}), expected ${wanted}`]);
  }
  const rows = new Float64Array(lines.length * width);
  const faults: string[] = [];
  for (const [i, line] of lines.entries()) {
    const { cells, decimalComma } = splitCells(line);
    const place = `${where}, line ${i + 1}`;
    if (cells.length !== width) {
      faults.push(`${place}: found ${cells.length} numbers (${shortened(line, 40)}), expected ${width}`);
      continue;
    }
    for (const [k, cell] of cells.entries()) {
      const value = parseNumber(cell, decimalComma);
      if (value === undefined) faults.push(`${place}: ${noNumber(cell)}`);
      rows[i * width + k] = value ?? Number.NaN;
    }
  }
  if (faults.length > 0) throw faultsOf(where, faults);
  return { rows, columns: width };
}

/** A list of numbers, one a line or several in one line. @throws TrackerError INPUT_NOT_FOUND, DATA_INVALID */
export async function readList(file: string): Promise<Float64Array> {
  const lines = splitLines(await readNumbersFile(file));
  const values: number[] = [];
  for (const [i, line] of lines.entries()) {
    for (const { cell, decimalComma } of listCells(line, lines.length > 1)) {
      const value = parseNumber(cell, decimalComma);
      if (value === undefined) throw faultsOf(file, [`${file}, line ${i + 1}: ${noNumber(cell)}`]);
      values.push(value);
    }
  }
  return Float64Array.from(values);
}

/** In a list of lines "0,5" is one number, in a single line it is two. */
function listCells(line: string, isOneOfMany: boolean): { cell: string; decimalComma: boolean }[] {
  const text = line.trim();
  if (isOneOfMany && /^[-+]?\d+,\d+$/.test(text)) return [{ cell: text, decimalComma: true }];
  const cells = text.split(/[\s,;]+/).filter((cell) => cell !== '');
  return cells.map((cell) => ({ cell, decimalComma: false }));
}

/** One error of all faults; each names its place itself. */
export function faultsOf(where: string, faults: readonly string[]): TrackerError {
  const more = faults.length > MOST_FAULTS ? [`${where}: ${faults.length - MOST_FAULTS} more such lines`] : [];
  return new TrackerError('DATA_INVALID', [...faults.slice(0, MOST_FAULTS), ...more].join(';\n'), {
    hint: 'mend or remove that file; a box is x,y,w,h, and NaN,NaN,NaN,NaN where there is none',
  });
}
