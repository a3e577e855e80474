/** Boxes that refinement starts from, and the one that it ends with. */
import type { Random } from '../random.js';
import type { Box } from './memory.js';
import type { Refined } from './refiner.js';

/** Ranges of the starts' x, y, w, h, in units of sqrt(w h). */
const JITTER = [0.1, 0.1, 0.5, 0.5] as const;

/** The box itself, and others about it: [count, 4]. */
export function startBoxes([x, y, w, h]: Box, count: number, random: Random): Float32Array {
  const boxes = [x, y, w, h];
  const root = Math.sqrt(w * h);
  const least = Math.min(w, h) / 3;
  for (let i = 1; i < count; i++) {
    const [dx, dy, dw, dh] = JITTER.map((range) => (random.uniform() - 0.5) * root * range) as [
      number,
      number,
      number,
      number,
    ];
    const [width, height] = [Math.max(w + dw, least), Math.max(h + dh, least)];
    boxes.push(x + w / 2 + dx - width / 2, y + h / 2 + dy - height / 2, width, height);
  }
  return Float32Array.from(boxes);
}

const LEAST_SIDE = 1;
const MOST_ASPECT = 6;
const AVERAGED = 3;

/** The mean of the best boxes; undefined where none is one. */
export function bestBox({ boxes, energies }: Refined): Box | undefined {
  const rows = Array.from(energies, (energy, i) => {
    const [x, y, w, h] = boxes.subarray(4 * i, 4 * i + 4) as unknown as Box;
    return { energy, box: [x, y, Math.max(w, LEAST_SIDE), Math.max(h, LEAST_SIDE)] as const };
  });
  const possible = rows.filter(({ energy, box }) => {
    const aspect = box[2] / box[3];
    return aspect < MOST_ASPECT && aspect > 1 / MOST_ASPECT && Number.isFinite(energy) && box.every(Number.isFinite);
  });
  if (possible.length === 0) return undefined;
  const best = possible.toSorted((a, b) => b.energy - a.energy).slice(0, AVERAGED);
  const mean = (axis: number): number => best.reduce((sum, { box }) => sum + box[axis]!, 0) / best.length;
  return [mean(0), mean(1), mean(2), mean(3)];
}
