/** Refinement of boxes, open: gradient ascent on the box head's energy, of the part of the maps that the boxes may touch. */
import { touchedWindow, type MapAxis, type PoolingWindow } from '../features/roi-pool.js';
import { openOnnxModel, type FloatTensor, type OnnxModel, type OnnxOptions } from '../runtime/onnx.js';
import { COARSE_STRIDE, compileRefine, FINE_STRIDE } from './box-graph.js';
import type { PublishedModel } from './file.js';
import { cellsOf } from './look-graph.js';
import type { Rules } from './trackers.js';

export type RefineRules = Pick<Rules, 'space' | 'steps' | 'step'>;

/** Maps that boxes of a search crop are pooled from: [2n, 2n, F] and [n, n, C]. */
export interface BoxMaps {
  readonly fine: Float32Array;
  readonly coarse: Float32Array;
}

/** Channel factors for an object, of the maps that boxes are pooled from: [F] and [C]. */
export interface Reference {
  readonly fine: Float32Array;
  readonly coarse: Float32Array;
}

export interface Refined {
  /** [N, 4] */
  readonly boxes: Float32Array;
  /** Before the last step. */
  readonly energies: Float32Array;
}

/** @throws TrackerError MODEL_INVALID, RUNTIME_UNAVAILABLE */
export async function openRefiner(model: PublishedModel, options: OnnxOptions, rules: RefineRules): Promise<Refiner> {
  const n = cellsOf(model.recipe.rules.size);
  return new Refiner(await openOnnxModel(compileRefine(model, rules), options), rules, n);
}

export class Refiner {
  private readonly fineAxis: MapAxis;
  private readonly coarseAxis: MapAxis;

  /** @param n cells a side of the coarse map */
  constructor(
    private readonly graph: OnnxModel,
    private readonly rules: RefineRules,
    n: number,
  ) {
    this.fineAxis = { cells: 2 * n, stride: FINE_STRIDE, offset: 0 };
    this.coarseAxis = { cells: n, stride: COARSE_STRIDE, offset: 0 };
  }

  /**
   * @param boxes [N, 4]; the first one's size is the unit of places
   * @param step length of a step
   */
  async refine(maps: BoxMaps, reference: Reference, boxes: Float32Array, step = this.rules.step): Promise<Refined> {
    const tight = await this.ascend(maps, reference, boxes, step, reachOf(boxes));
    return tight ?? (await this.ascend(maps, reference, boxes, step, undefined))!;
  }

  /**
   * Boxes stay near where they begin, so only that part of the maps is pooled from.
   * @param reach boxes that cover what they may touch; undefined: the whole maps
   * @returns undefined where one of them went further
   */
  private async ascend(
    maps: BoxMaps,
    { fine, coarse }: Reference,
    boxes: Float32Array,
    step: number,
    reach: Float32Array | undefined,
  ): Promise<Refined | undefined> {
    const windows = [this.fineAxis, this.coarseAxis].map((axis) => squareWindow(axis, reach));
    const feeds: Record<string, FloatTensor> = {
      boxes: { data: boxes, dims: [boxes.length / 4, 4] },
      step: { data: Float32Array.of(step), dims: [1] },
      ...mapFeeds('fine', maps.fine, fine, this.fineAxis, windows[0]!),
      ...mapFeeds('coarse', maps.coarse, coarse, this.coarseAxis, windows[1]!),
    };
    if (this.rules.space === 'relative') feeds['base'] = { data: boxes.slice(2, 4), dims: [1, 2] };
    const out = await this.graph.run(feeds);
    const path = centred(out['path']!.data);
    const stayed = [this.fineAxis, this.coarseAxis].every((axis, i) => covers(windows[i]!, path, axis));
    if (!stayed && reach) return undefined;
    return { boxes: out['next']!.data, energies: out['energy']!.data };
  }

  async release(): Promise<void> {
    await this.graph.release();
  }
}

/** x, y, w, h -> centre and size, as pooling takes boxes. */
export function centred(boxes: ArrayLike<number>): Float32Array {
  const result = Float32Array.from(boxes);
  for (let i = 0; i < result.length; i += 4) {
    result[i]! += result[i + 2]! / 2;
    result[i + 1]! += result[i + 3]! / 2;
  }
  return result;
}

// --- windows of the maps ---

/** Margin on all sides, in sizes of a box: boxes that leave it are pooled from the whole maps. */
const REACH = 0.5;

/** The boxes with that margin: [N, 4], centre and size. */
function reachOf(boxes: Float32Array): Float32Array {
  const result = centred(boxes);
  for (let i = 0; i < result.length; i += 4) {
    result[i + 2]! *= 1 + 2 * REACH;
    result[i + 3]! *= 1 + 2 * REACH;
  }
  return result;
}

/** Sides are multiples of this, so that the runtime sees few different shapes. */
const WINDOW_STEP = 4;

/** A square window that covers the boxes, as far as the map does. @param boxes centre and size; undefined: all */
function squareWindow(axis: MapAxis, boxes: Float32Array | undefined): PoolingWindow {
  const all = { first: 0, count: axis.cells };
  if (!boxes) return { x: all, y: all };
  const { x, y } = touchedWindow(boxes, axis);
  const most = Math.max(x.count, y.count);
  const count = Math.min(axis.cells, Math.ceil(most / WINDOW_STEP) * WINDOW_STEP);
  const within = (first: number): { first: number; count: number } => ({
    first: Math.min(first, axis.cells - count),
    count,
  });
  return { x: within(x.first), y: within(y.first) };
}

function covers(window: PoolingWindow, boxes: Float32Array, axis: MapAxis): boolean {
  const touched = touchedWindow(boxes, axis);
  return (['x', 'y'] as const).every(
    (side) =>
      touched[side].first >= window[side].first &&
      touched[side].first + touched[side].count <= window[side].first + window[side].count,
  );
}

function mapFeeds(
  name: 'fine' | 'coarse',
  map: Float32Array,
  factors: Float32Array,
  axis: MapAxis,
  { x, y }: PoolingWindow,
): Record<string, FloatTensor> {
  const side = x.count;
  const channels = factors.length;
  const data = side === axis.cells ? map : cutSquare(map, channels, axis.cells, x.first, y.first, side);
  const cells = Float32Array.from({ length: 2 * side }, (_, i) => (i < side ? x.first + i : y.first + i - side));
  return {
    [name]: { data, dims: [side, side, channels] },
    [`${name}_cells`]: { data: cells, dims: [1, 2, 1, side] },
    [`${name}_factors`]: { data: factors, dims: [channels] },
  };
}

function cutSquare(
  map: Float32Array,
  channels: number,
  cells: number,
  left: number,
  top: number,
  side: number,
): Float32Array {
  const result = new Float32Array(side * side * channels);
  for (let row = 0; row < side; row++) {
    const from = ((top + row) * cells + left) * channels;
    result.set(map.subarray(from, from + side * channels), row * side * channels);
  }
  return result;
}
