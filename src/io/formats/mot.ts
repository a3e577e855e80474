/**
 * MOTChallenge: frame,id,left,top,width,height,confidence,x,y,z a line. An object that is absent has no line.
 *
 * "All frame numbers, target IDs and bounding boxes are 1-based" (motchallenge.net/instructions), so that a box at the picture's very
 * corner has left 1 and top 1; motmetrics and the devkit take the 1 off again ("Account for matlab convention", motmetrics/io.py).
 * Ground truth has nine values: the seventh is 0 where the line is not to be counted, then class and visibility (MOT16, arXiv:1603.00831,
 * table 6).
 */
import {
  checkedRow,
  inOrder,
  invalid,
  rounded,
  roundedBox,
  timeOf,
  type Media,
  type TrackFormat,
  type TrackRow,
} from './format.js';

const FIRST = 1;
const GROUND_TRUTH_FIELDS = 9;
const FIELDS = 'frame,id,left,top,width,height,confidence,x,y,z';

export const mot: TrackFormat = {
  title: 'MOTChallenge',
  endings: ['.txt', '.mot.txt'],
  writer: () => ({
    begin: () => '',
    row: (row) => (row.state === 'lost' ? '' : line(row)),
    end: () => '',
  }),
  parse(text, media, where) {
    const rows = text.split(/\r?\n/).flatMap((line, i) => {
      const row = line.trim() === '' ? undefined : parseLine(line, media, `${where}, line ${i + 1}`);
      return row ? [row] : [];
    });
    return inOrder(rows);
  },
};

function line({ frame, id, box, confidence }: TrackRow): string {
  const { x, y, w, h } = roundedBox({ ...box, x: box.x + FIRST, y: box.y + FIRST });
  return `${frame + FIRST},${id},${x},${y},${w},${h},${rounded(confidence, 4)},-1,-1,-1\n`;
}

function parseLine(line: string, media: Media, where: string): TrackRow | undefined {
  const cells = line.split(',').map((cell) => (cell.trim() === '' ? Number.NaN : Number(cell)));
  if (cells.length < 6 || cells.length > 10)
    throw invalid(where, `found ${cells.length} value(s), expected 6 to 10: ${FIELDS}`);
  const [number = 0, id = 0, left = 0, top = 0, w = 0, h = 0, given = -1] = cells;
  if (cells.length === GROUND_TRUTH_FIELDS && given === 0) return undefined;
  if (!Number.isFinite(given)) throw invalid(where, `confidence: found ${given}, expected a finite number`);
  const frame = number - FIRST;
  const confidence = given >= 0 && given <= 1 ? given : 1; // -1: not said; detectors' scores have other scales
  const box = { x: left - FIRST, y: top - FIRST, w, h };
  return checkedRow({ frame, time: timeOf(frame, media), id, box, confidence, state: 'tracking' }, where);
}
