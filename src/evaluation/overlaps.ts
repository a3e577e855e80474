/** Overlap of a result with its truth, frame by frame: what reports and film strips show. Protocols have rules of their own. */
import { intersectionOverUnion, type FrameBox } from '../geometry.js';
import type { ScoredSequence } from './types.js';

/** Box of frame `i` of [N, 4]. */
export function boxAt(boxes: Float64Array, i: number): FrameBox {
  const at = 4 * i;
  return { x: boxes[at]!, y: boxes[at + 1]!, w: boxes[at + 2]!, h: boxes[at + 3]! };
}

/** True box of frame `i`; undefined where the target is absent or its box has no area. */
export function trueBoxAt(
  { truth, absent }: Pick<ScoredSequence, 'truth' | 'absent'>,
  i: number,
): FrameBox | undefined {
  const box = boxAt(truth, i);
  return absent?.[i] || !(box.w > 0 && box.h > 0) ? undefined : box;
}

/** Overlap of each frame that has both boxes; NaN where there is no true box. */
export function overlapsOf(sequence: Pick<ScoredSequence, 'truth' | 'boxes' | 'absent'>): Float64Array {
  const frames = Math.min(sequence.truth.length, sequence.boxes.length) / 4;
  return Float64Array.from({ length: frames }, (_, i) => {
    const real = trueBoxAt(sequence, i);
    return real ? intersectionOverUnion(real, boxAt(sequence.boxes, i)) : Number.NaN;
  });
}
