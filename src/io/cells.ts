/** Cells of text tables and the numbers in them, as programs and spreadsheets of all countries write them. */
import { shortened } from '../errors.js';

/** One line of a table. */
export interface Cells {
  readonly cells: readonly string[];
  /** True if a comma in a number is its decimal point: where something else separates the cells. */
  readonly decimalComma: boolean;
}

/**
 * Cells are separated by semicolons, else by commas, else by tabs or blanks; commas that stand between digits in a line with blanks are decimal
 * commas. Blanks about a cell and double quotes do not matter, and one more separator may stand at the end.
 */
export function splitCells(line: string): Cells {
  const text = line.trim();
  if (text.includes(';')) return { cells: separated(text, ';'), decimalComma: true };
  if (text.includes(',') && !hasDecimalCommas(text)) return { cells: separated(text, ','), decimalComma: false };
  return { cells: text.split(/\s+/).map(unquoted), decimalComma: true };
}

/** "40,5 60,5 48 40": every comma is inside a number, and blanks separate the numbers. */
function hasDecimalCommas(text: string): boolean {
  return /\s/.test(text) && !/(?:^|\D),|,(?:\D|$)/.test(text);
}

function separated(text: string, separator: ',' | ';'): string[] {
  const cells = text.includes('"') ? splitQuoted(text, separator) : text.split(separator);
  const last = cells.at(-1)!.trim() === '' ? cells.slice(0, -1) : cells;
  return last.map(unquoted);
}

/** Separators within quotes do not count. */
function splitQuoted(text: string, separator: ',' | ';'): string[] {
  const parts = text.split(separator);
  const cells: string[] = [];
  for (let i = 0; i < parts.length; i++) {
    let cell = parts[i]!;
    while ((cell.match(/"/g) ?? []).length % 2 === 1 && i + 1 < parts.length) cell += separator + parts[++i]!;
    cells.push(cell);
  }
  return cells;
}

function unquoted(cell: string): string {
  const text = cell.trim();
  return text.length > 1 && text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1).trim() : text;
}

const NUMBER = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$/i;
const NOT_A_NUMBER = /^[-+]?nan(?:\(\w*\))?$/i;
const INFINITE = /^([-+]?)inf(?:inity)?$/i;

/** A decimal number, NaN where the cell says "nan", infinite where it says "inf"; undefined where it is none of these. */
export function parseNumber(cell: string, decimalComma = false): number | undefined {
  const text = decimalComma && !cell.includes('.') ? cell.replace(',', '.') : cell;
  if (NUMBER.test(text)) return Number(text);
  if (NOT_A_NUMBER.test(text)) return Number.NaN;
  const [, sign] = INFINITE.exec(text) ?? [];
  return sign === undefined ? undefined : Number(`${sign}Infinity`);
}

/** Groups of three digits: 1,234.5 or 1.234,5 or 1 234,5. */
const GROUPED = /^[-+]?\d{1,3}(?:([.,'’\s\u00A0\u202F])\d{3})(?:\1\d{3})*(?:[.,]\d+)?$/;

/** Message about a cell that is no number. */
export function noNumber(cell: string): string {
  const found = `found "${shortened(cell, 40)}"`;
  if (GROUPED.test(cell)) return `${found}, expected a number without thousands separators`;
  if (/^[-+]?\d+,\d+$/.test(cell)) return `${found}, expected a decimal point (commas separate the cells here)`;
  return `${found}, expected a number`;
}
