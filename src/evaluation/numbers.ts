/** Rows of numbers as annotation and result files have them. */
import { readFile } from 'node:fs/promises';
import { messageOf, TrackerError } from '../errors.js';

/**
 * A file of numbers, one row a line, separated by commas, semicolons, tabs or blanks; a byte-order mark, carriage returns and blank last
 * lines do not matter. "NaN" is read in any case.
 * @param columns numbers a line that are allowed; all lines must have as many as the first
 * @returns [rows, columns]
 * @throws TrackerError INPUT_NOT_FOUND, DATA_INVALID naming file and line
 */
export async function readRows(
  file: string,
  columns: readonly number[],
): Promise<{ rows: Float64Array; columns: number }> {
  return parseRows(await readText(file), file, columns);
}

/** @throws TrackerError INPUT_NOT_FOUND */
export async function readText(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((cause: unknown) => {
    throw new TrackerError('INPUT_NOT_FOUND', `${file}: ${messageOf(cause)}`, { hint: 'check the path', cause });
  });
}

const BLANK = /^\s*$/;

/** Faults of one file that are named; of a file of another kind every line is one. */
const MOST_FAULTS = 20;

/**
 * The same of a text.
 * @param where name of the text in messages
 * @throws TrackerError DATA_INVALID naming every line that is wrong, each on a line of the message
 */
export function parseRows(
  text: string,
  where: string,
  columns: readonly number[],
): { rows: Float64Array; columns: number } {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n|\r/);
  while (lines.length > 0 && BLANK.test(lines.at(-1)!)) lines.pop();
  const width = lines.length === 0 ? columns[0]! : splitLine(lines[0]!).length;
  const wanted = `${columns.join(' or ')} numbers`;
  if (!columns.includes(width)) throw fault(where, 1, `found ${width} (${clip(lines[0]!)}), expected ${wanted}`);
  const rows = new Float64Array(lines.length * width);
  const faults: string[] = [];
  for (const [i, line] of lines.entries()) {
    const cells = splitLine(line);
    if (cells.length !== width) {
      faults.push(`${where}, line ${i + 1}: found ${cells.length} numbers (${clip(line)}), expected ${width}`);
      continue;
    }
    for (let k = 0; k < width; k++) {
      const cell = cells[k]!.trim();
      const value = cell === '' ? Number.NaN : Number(cell);
      if (Number.isNaN(value) && !/^[-+]?nan$/i.test(cell)) {
        faults.push(`${where}, line ${i + 1}: found "${clip(cell)}", expected a number`);
      }
      rows[i * width + k] = value;
    }
  }
  if (faults.length > 0) throw faultsOf(where, faults);
  return { rows, columns: width };
}

/** A list of numbers, one a line or all in one line. @throws TrackerError INPUT_NOT_FOUND, DATA_INVALID */
export async function readList(file: string): Promise<Float64Array> {
  const text = await readText(file);
  const cells = text
    .replace(/^\uFEFF/, '')
    .split(/[\s,;]+/)
    .filter((cell) => cell !== '');
  return Float64Array.from(cells, (cell) => {
    const value = Number(cell);
    if (Number.isNaN(value) && !/^nan$/i.test(cell)) throw fault(file, 1, `found "${clip(cell)}", expected a number`);
    return value;
  });
}

function splitLine(line: string): string[] {
  const text = line.trim();
  // some files end their lines with the separator
  return /[,;]/.test(text) ? text.replace(/[,;]\s*$/, '').split(/[,;]/) : text.split(/\s+/);
}

function clip(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}...` : text;
}

function fault(where: string, line: number, what: string): TrackerError {
  return faultsOf(where, [`${where}, line ${line}: ${what}`]);
}

function faultsOf(where: string, faults: readonly string[]): TrackerError {
  const more = faults.length > MOST_FAULTS ? [`${where}: ${faults.length - MOST_FAULTS} more such lines`] : [];
  return new TrackerError('DATA_INVALID', [...faults.slice(0, MOST_FAULTS), ...more].join(';\n'), {
    hint: 'mend or remove that file; a box is x,y,w,h, and NaN,NaN,NaN,NaN where there is none',
  });
}
