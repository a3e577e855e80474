/** What every image task is after loading: square 8-bit images, one to three numbers each, and the range of these numbers. */

/** One target dimension. */
export interface TargetAxis {
  readonly name: string;
  /** Of the density's grid, both ends included (reference: the authors' evaluation). */
  readonly min: number;
  readonly max: number;
  readonly gridPoints: number;
  /** Deviations of the hand-made proposal about the annotation, target units. */
  readonly sigmas: readonly number[];
}

export interface ImageTask {
  readonly name: string;
  readonly unit: string;
  readonly side: number;
  readonly channels: 1 | 3;
  readonly axes: readonly TargetAxis[];
  /** How training images are changed, see augment.ts. */
  readonly augment?: 'head-pose';
}

/** N images with their targets. */
export interface ImageSet {
  /** [N, side, side, channels], 0 to 255 */
  readonly images: Uint8Array;
  /** [N, D], target units */
  readonly targets: Float32Array;
}

/** Images and targets of the named rows, in that order. */
export function takeRows(task: ImageTask, set: ImageSet, rows: ArrayLike<number>): ImageSet {
  const pixels = task.side * task.side * task.channels;
  const dimensions = task.axes.length;
  const images = new Uint8Array(rows.length * pixels);
  const targets = new Float32Array(rows.length * dimensions);
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!;
    images.set(set.images.subarray(row * pixels, (row + 1) * pixels), i * pixels);
    targets.set(set.targets.subarray(row * dimensions, (row + 1) * dimensions), i * dimensions);
  }
  return { images, targets };
}

const axis = (name: string, min: number, max: number, gridPoints: number, sigmas: readonly number[]): TargetAxis => ({
  name,
  min,
  max,
  gridPoints,
  sigmas,
});

const SIDE = 64;

/**
 * The four image tasks of Gustafsson et al., "Learning Proposals for Practical Energy-Based Regression" (2022): ranges, grids and hand-made
 * proposals of the authors' code.
 */
export const TASKS = {
  age: { name: 'age', unit: 'years', side: SIDE, channels: 3, axes: [axis('age', 1, 60, 5900, [0.1, 20])] },
  cells: { name: 'cells', unit: 'cells', side: SIDE, channels: 1, axes: [axis('count', 1, 200, 19_900, [1, 40])] },
  steering: {
    name: 'steering',
    unit: 'degrees',
    side: SIDE,
    channels: 3,
    axes: [axis('angle', -100, 100, 20_000, [1, 40])],
  },
  'head-pose': {
    name: 'head-pose',
    unit: 'degrees',
    side: SIDE,
    channels: 3,
    axes: ['yaw', 'pitch', 'roll'].map((name) => axis(name, -80, 80, 30, [1, 10])),
    augment: 'head-pose',
  },
} as const satisfies Record<string, ImageTask>;

export type TaskName = keyof typeof TASKS;
