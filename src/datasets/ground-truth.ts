/**
 * The one parser of ground truth: training, evaluation and fine-tuning read their annotations here. Its rules:
 *
 * 1. One row a frame: x, y, w, h in pixels, or a polygon x1, y1 ... x4, y4, whose axis-aligned hull is the box. All rows have as many
 *    numbers as the first.
 * 2. The text is UTF-8 or UTF-16, with or without a byte-order mark (io/text-file.ts). Lines end as on Linux, Windows or old Macs. Blank last
 *    lines do not matter; a blank line between others is a fault, since all rows behind it would be of another frame.
 * 3. Numbers are separated by commas, semicolons, tabs or blanks; one more separator may stand at the end of a line. Where semicolons, tabs
 *    or blanks separate them, a comma is a decimal point (io/cells.ts).
 * 4. A row of NaN only, in any case, has no truth: the object is absent, or nobody knows.
 * 5. A row that is NaN in part, or infinite, is a fault.
 * 6. A box without area (a side of 0) has no truth either, as several data sets write it. Protocols get its numbers as they stand, since
 *    each has its own rule for them.
 * 7. A negative side is a fault where one learns from it. Protocols get its numbers: published annotations have such rows.
 * 8. A file without a row is a fault.
 */
import { TrackerError } from '../errors.js';
import type { FrameBox } from '../geometry.js';
import { faultsOf, parseRows, readNumbersFile } from '../io/number-rows.js';

export interface GroundTruth {
  /** [N, 4]: x, y, w, h as the file has them; NaN where there is no truth. */
  readonly truth: Float64Array;
  /** [N, 8], where the file has polygons. */
  readonly polygons?: Float64Array | undefined;
  /** The file, where its line i + 1 is row i. */
  readonly annotation?: string | undefined;
}

/** @throws TrackerError INPUT_NOT_FOUND, DATA_INVALID naming file and line */
export async function readGroundTruth(file: string): Promise<GroundTruth> {
  return { ...parseGroundTruth(await readNumbersFile(file), file), annotation: file };
}

const BOX_NUMBERS = 4;
const POLYGON_NUMBERS = 8;

/**
 * @param where name of the text in messages
 * @throws TrackerError DATA_INVALID naming every line that is wrong, each on a line of the message
 */
export function parseGroundTruth(text: string, where: string): GroundTruth {
  const { rows, columns } = parseRows(text, where, [BOX_NUMBERS, POLYGON_NUMBERS]);
  if (rows.length === 0) {
    throw new TrackerError('DATA_INVALID', `${where}: no box`, {
      hint: 'expected a box x,y,w,h a line; fetch the annotations again where they are published ones',
    });
  }
  const faults = Array.from({ length: rows.length / columns }, (_, i) => i).flatMap((i) => {
    const row = rows.subarray(i * columns, (i + 1) * columns);
    return row.every(Number.isNaN) || row.every(Number.isFinite) ? [] : [`${where}, line ${i + 1}: ${notFinite(row)}`];
  });
  if (faults.length > 0) throw faultsOf(where, faults);
  return columns === BOX_NUMBERS ? { truth: rows } : { truth: hulls(rows), polygons: rows };
}

function notFinite(row: Float64Array): string {
  const [count, absent] = row.length === BOX_NUMBERS ? ['four', 'NaN,NaN,NaN,NaN'] : ['eight', 'NaN only'];
  return `found ${row.join(',')}, expected ${count} finite numbers (or ${absent} where there is no truth)`;
}

/** Axis-aligned boxes about polygons of four corners. */
function hulls(polygons: Float64Array): Float64Array {
  const boxes = new Float64Array(polygons.length / 2);
  for (let i = 0; i < polygons.length; i += POLYGON_NUMBERS) {
    const corners = polygons.subarray(i, i + POLYGON_NUMBERS);
    const xs = corners.filter((_, k) => k % 2 === 0);
    const ys = corners.filter((_, k) => k % 2 === 1);
    const [left, top] = [Math.min(...xs), Math.min(...ys)];
    boxes.set([left, top, Math.max(...xs) - left, Math.max(...ys) - top], i / 2);
  }
  return boxes;
}

/**
 * The boxes that can be learned from, one a frame.
 * @param absent frames in which a data set says that the object is absent
 * @param where name of the annotation in messages
 * @returns undefined for frames without truth; and every fault, with its line
 */
export function learnableBoxes(
  truth: Float64Array,
  where: string,
  absent?: readonly boolean[],
): { boxes: (FrameBox | undefined)[]; faults: string[] } {
  const faults: string[] = [];
  const boxes = Array.from({ length: truth.length / 4 }, (_, row) => {
    const values = truth.subarray(4 * row, 4 * row + 4);
    const [x, y, w, h] = values as unknown as [number, number, number, number];
    if (absent?.[row] === true || Number.isNaN(x)) return undefined;
    const side = w < 0 ? `width is ${w}` : h < 0 ? `height is ${h}` : undefined;
    if (side !== undefined)
      faults.push(`${where}, line ${row + 1}: ${side} in ${values.join(',')}, expected more than 0`);
    return w > 0 && h > 0 ? { x, y, w, h } : undefined;
  });
  return { boxes, faults };
}

/** Flags of absence, one a frame. @throws TrackerError DATA_INVALID where their number is another than the frames' */
export function checkFlags(values: Float64Array, frames: number, where: string): boolean[] {
  if (values.length !== frames) {
    throw new TrackerError('DATA_INVALID', `${where}: found ${values.length} flags, expected ${frames}, one a frame`, {
      hint: 'fetch the annotations of that sequence again',
    });
  }
  return Array.from(values, (value) => value !== 0);
}
