/** From the scores to where the object is, whether it is there, and whether something like it is beside it. */
import { roundEven, type Pair } from './patch.js';

/** normal: found. hard_negative: found, beside something alike. uncertain: it could be either. not_found: no score is high enough. */
export type Flag = 'normal' | 'hard_negative' | 'uncertain' | 'not_found';

/** A cell of the score map. */
interface Peak {
  readonly cell: Pair;
  readonly score: number;
}

export interface Place {
  readonly flag: Flag;
  /** The highest score. */
  readonly score: number;
  /** From the middle of the crop, in cells. */
  readonly offset: Pair;
}

export interface Region {
  /** Cells a side of the maps of stride 16; the scores have one more. */
  readonly cells: number;
  readonly notFound: number;
  /** The object's last place from the middle of the crop, in cells. */
  readonly last: Pair;
  /** Its last size, in cells. */
  readonly size: Pair;
}

/** Side of the object's neighbourhood, in sizes of the object. */
const NEIGHBOURHOOD = 2.2;
const DISTRACTOR = 0.8;
const HARD_NEGATIVE = 0.5;
/** Distance from the last place, in halves of the map's side, beyond which a peak is another object's. */
const FAR = 0.8;

/** @param scores [cells + 1, cells + 1] */
export function localise(scores: Float32Array, { cells, notFound, last, size }: Region): Place {
  const side = cells + 1;
  const first = highest(scores, side);
  const found = (flag: Flag, { cell }: Peak): Place => ({ flag, score: first.score, offset: fromMiddle(cell, cells) });
  if (!(first.score >= notFound)) return found('not_found', first);
  const second = highest(blanked(scores, side, first.cell, size), side);
  const distance = ({ cell }: Peak): number => {
    const [row, column] = fromMiddle(cell, cells);
    return Math.hypot(row - last[0], column - last[1]);
  };
  const [near, other] = [distance(first), distance(second)];
  const far = (FAR * side) / 2;
  if (second.score > DISTRACTOR * first.score) {
    if (other > far && near < far) return found('hard_negative', first);
    if (near > far && other < far) return found('hard_negative', second);
    return found('uncertain', first);
  }
  const alike = second.score > HARD_NEGATIVE * first.score && second.score > notFound;
  return found(alike ? 'hard_negative' : 'normal', first);
}

const fromMiddle = ([row, column]: Pair, cells: number): Pair => [row - cells / 2, column - cells / 2];

/** The highest score; among equals the one in the first column, and there in the first row. */
function highest(scores: Float32Array, side: number): Peak {
  let [row, column] = [0, 0];
  let score = -Infinity;
  for (let x = 0; x < side; x++) {
    for (let y = 0; y < side; y++) {
      const value = scores[y * side + x]!;
      if (!(value > score)) continue;
      score = value;
      [row, column] = [y, x];
    }
  }
  return { cell: [row, column], score };
}

/** The scores with 0 in the object's neighbourhood. */
function blanked(scores: Float32Array, side: number, cell: Pair, size: Pair): Float32Array {
  const rest = scores.slice();
  const range = (axis: 0 | 1): Pair => {
    const half = (NEIGHBOURHOOD * size[axis]) / 2;
    return [Math.max(roundEven(cell[axis] - half), 0), Math.min(roundEven(cell[axis] + half + 1), side)];
  };
  const [top, bottom] = range(0);
  const [left, right] = range(1);
  for (let y = top; y < bottom; y++) rest.fill(0, y * side + left, y * side + Math.max(left, right));
  return rest;
}

/** PrDiMP's scores are a density over the cells. */
export function softmax(scores: Float32Array): Float32Array {
  const most = scores.reduce((a, b) => Math.max(a, b), -Infinity);
  const terms = scores.map((score) => Math.exp(score - most));
  const sum = terms.reduce((a, b) => a + b, 0);
  return terms.map((term) => term / sum);
}
