/**
 * Changes of training images that a task asks for. Head pose only (reference 2.3): mirrored in half of the cases, yaw and roll negated with
 * it; scaled by 0.7 to 1.5, black around where it got smaller; a random part of the old size.
 */
import type { Random } from '../../../src/random.js';
import type { ImageSet, ImageTask } from './data.js';

/** Signs of yaw, pitch and roll in a mirror. */
const MIRROR_SIGNS = [-1, 1, -1] as const;
const SCALES = { from: 0.7, steps: 9, step: 0.1 } as const;

/** A batch ready for training: the same object where the task asks for nothing. */
export function augment(task: ImageTask, batch: ImageSet, random: Random): ImageSet {
  if (task.augment !== 'head-pose') return batch;
  const pixels = task.side * task.side * task.channels;
  const images = new Uint8Array(batch.images.length);
  const targets = batch.targets.slice();
  for (let i = 0; i * pixels < images.length; i++) {
    const mirror = random.uniform() < 0.5;
    const scale = SCALES.from + SCALES.step * random.integer(SCALES.steps);
    const room = Math.max(0, Math.round(task.side * scale) - task.side);
    const [left, top] = [random.integer(room + 1), random.integer(room + 1)];
    const source = batch.images.subarray(i * pixels, (i + 1) * pixels);
    rescale(task, source, images.subarray(i * pixels, (i + 1) * pixels), { mirror, scale, left, top });
    if (mirror) for (let d = 0; d < MIRROR_SIGNS.length; d++) targets[i * MIRROR_SIGNS.length + d]! *= MIRROR_SIGNS[d]!;
  }
  return { images, targets };
}

interface Change {
  readonly mirror: boolean;
  readonly scale: number;
  /** Of the part kept, in the scaled image. */
  readonly left: number;
  readonly top: number;
}

/** Bilinear; samples of the scaled image that lie outside stay black. */
function rescale({ side, channels }: ImageTask, source: Uint8Array, target: Uint8Array, change: Change): void {
  const at = (position: number): number => (position + 0.5) / change.scale - 0.5;
  const clamp = (position: number): number => Math.min(side - 1, Math.max(0, position));
  for (let row = 0; row < side; row++) {
    const y = at(row + change.top);
    if (y > side - 0.5) continue;
    const [y0, y1] = [clamp(Math.floor(y)), clamp(Math.floor(y) + 1)];
    for (let column = 0; column < side; column++) {
      const x = at(column + change.left);
      if (x > side - 0.5) continue;
      const own = (position: number): number => {
        const inside = clamp(position);
        return change.mirror ? side - 1 - inside : inside;
      };
      const [x0, x1] = [own(Math.floor(x)), own(Math.floor(x) + 1)];
      const [u, v] = [x - Math.floor(x), y - Math.floor(y)];
      for (let c = 0; c < channels; c++) {
        const pixel = (py: number, px: number): number => source[(py * side + px) * channels + c]!;
        const upper = (1 - u) * pixel(y0, x0) + u * pixel(y0, x1);
        const lower = (1 - u) * pixel(y1, x0) + u * pixel(y1, x1);
        target[(row * side + column) * channels + c] = Math.round((1 - v) * upper + v * lower);
      }
    }
  }
}
