/**
 * MOTChallenge: frame,id,left,top,width,height,confidence,x,y,z a line. An object that is absent has no line.
 *
 * "All frame numbers, target IDs and bounding boxes are 1-based" (motchallenge.net/instructions), so that a box at the picture's very
 * corner has left 1 and top 1; motmetrics and the devkit take the 1 off again ("Account for matlab convention", motmetrics/io.py).
 * Ground truth has nine values: the seventh is 0 where the line is not to be counted, then class and visibility (MOT16, arXiv:1603.00831,
 * table 6).
 */
import { shortened } from '../../errors.js';
import { noNumber, parseNumber, splitCells } from '../cells.js';
import { splitLines } from '../text.js';
import {
  checkedRow,
  counted,
  invalid,
  rounded,
  roundedBox,
  timeOf,
  type ReadContext,
  type ReadRow,
  type TrackRow,
  type WrittenFormat,
} from './format.js';

const FIRST = 1;
const GROUND_TRUTH_FIELDS = 9;
const FIELDS = 'frame,id,left,top,width,height,confidence,x,y,z';

export const mot: WrittenFormat = {
  title: 'MOTChallenge',
  endings: ['.txt', '.mot.txt'],
  writer: () => ({
    begin: () => '',
    row: (row) => (row.state === 'lost' ? '' : line(row)),
    end: () => '',
  }),
};

export function parseMot(text: string, context: ReadContext): ReadRow[] {
  return splitLines(text).flatMap((line, i): ReadRow[] => {
    const row = line.trim() === '' ? undefined : parseLine(line, context, i + 1);
    return row ? [row] : [];
  });
}

function line({ frame, id, box, confidence }: TrackRow): string {
  const { x, y, w, h } = roundedBox({ ...box, x: box.x + FIRST, y: box.y + FIRST });
  return `${frame + FIRST},${id},${x},${y},${w},${h},${rounded(confidence, 4)},-1,-1,-1\n`;
}

/** Undefined where the line is not to be counted. */
function parseLine(line: string, { media, where, skip }: ReadContext, at: number): ReadRow | undefined {
  const place = `${where}, line ${at}`;
  const { cells, decimalComma } = splitCells(line);
  if (cells.length < 6 || cells.length > 10)
    throw invalid(
      place,
      `found ${counted(cells.length, 'value')} (${shortened(line.trim(), 80)}), expected 6 to 10: ${FIELDS}`,
    );
  const values = cells.map((cell) => {
    const value = parseNumber(cell, decimalComma);
    if (value === undefined) throw invalid(place, noNumber(cell));
    return value;
  });
  const [number = 0, id = 0, left = 0, top = 0, w = 0, h = 0, given = -1] = values;
  if (values.length === GROUND_TRUTH_FIELDS && given === 0)
    return void skip('line', ' that the seventh value marks as not to be counted');
  if (!Number.isFinite(given)) throw invalid(place, `confidence: found ${given}, expected a finite number`);
  if (number === 0) throw invalid(place, 'frame: found 0, expected 1 or more: MOTChallenge counts frames from 1');
  const frame = number - FIRST;
  const confidence = given >= 0 && given <= 1 ? given : 1; // -1: not said; detectors' scores have other scales
  const box = { x: left - FIRST, y: top - FIRST, w, h };
  return checkedRow({ frame, time: timeOf(frame, media), id, box, confidence, state: 'tracking', at }, place);
}
