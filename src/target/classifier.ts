/**
 * The target model: where in the search region is the object? Ridge regression from windows of the coarse map (its principal channels) to a
 * Gaussian label about the target, in closed form on normal equations that are updated as the video runs.
 */
import type { TargetConfig } from '../config.js';
import type { FeatureMap } from '../features/backbone.js';
import type { MapAxis } from '../features/roi-pool.js';
import type { CropBox } from '../geometry.js';
import type { Random } from '../random.js';
import type { OnnxModel } from '../runtime/onnx.js';
import { accumulate, emptyEquations, type LabelledRows, type NormalEquations } from './memory.js';
import { multiplyOn, type Multiply } from './multiply.js';
import { principalBasis, type Basis } from './pca.js';
import { conjugateGradient } from './solve.js';

/** Channels after the projection, and side of a window in cells: fixed by the compiled graphs (compile.ts). */
export const TARGET_CHANNELS = 48;
export const TARGET_WINDOW = 5;

/** What the target model says of one search crop. */
export interface Response {
  /** Score of each cell over the first frame's peak, [cells, cells] row by row: 1 is as sure as on the first frame. */
  readonly scores: Float32Array;
  /** Where its cells look at. */
  readonly axis: MapAxis;
  /** Windows of the crop, [cells^2, n]: what learn() takes. */
  readonly rows: Float32Array;
}

export interface TargetModel {
  respond(coarse: FeatureMap): Promise<Response>;
  /** Learns that the object was at `box` in the crop of this response. */
  learn(response: Response, box: CropBox): Promise<void>;
  /** Recomputes the filter from what has been learned; does nothing when that is nothing. */
  solve(): Promise<void>;
}

/** A first-frame crop: its coarse map, and where the object is in it. */
export interface FirstSample {
  readonly coarse: FeatureMap;
  readonly box: CropBox;
}

export interface TargetGraphs {
  readonly respond: OnnxModel;
  readonly learn: OnnxModel;
  readonly multiply: OnnxModel;
}

/** The first sample counts in full, its augmented copies so much. */
const AUGMENTED_WEIGHT = 0.5;
const FIRST_ITERATIONS = 120;
const ITERATIONS = 25;
const TOLERANCE = 2e-3;

/** @param samples crops of the first frame, the plain one first */
export async function createTargetModel(
  graphs: TargetGraphs,
  samples: readonly FirstSample[],
  axis: MapAxis,
  config: TargetConfig,
  random: Random,
): Promise<TargetModel> {
  const multiply = multiplyOn(graphs.multiply);
  const basis = principalBasis(samples[0]!.coarse, TARGET_CHANNELS, random);
  const size = TARGET_CHANNELS * TARGET_WINDOW * TARGET_WINDOW;
  let filter = new Float32Array(size);
  let first = emptyEquations(size);
  for (const [index, { coarse, box }] of samples.entries()) {
    const { rows } = await run(graphs, basis, filter, coarse);
    first = await accumulate(
      graphs.learn,
      first,
      label(rows, box, axis, config),
      1,
      index === 0 ? 1 : AUGMENTED_WEIGHT,
    );
  }
  filter = await solveSum(multiply, [{ equations: first, weight: 1 }], filter, config.ridge, FIRST_ITERATIONS);
  const { scores } = await run(graphs, basis, filter, samples[0]!.coarse);
  const peak = Math.max(
    1e-3,
    scores.reduce((a, b) => Math.max(a, b)),
  );
  let online: NormalEquations | undefined;

  return {
    async respond(coarse) {
      const { scores, rows } = await run(graphs, basis, filter, coarse);
      return { scores: scores.map((score) => score / peak), rows, axis };
    },
    async learn(response, box) {
      online = await accumulate(
        graphs.learn,
        online ?? emptyEquations(size),
        label(response.rows, box, axis, config),
        config.decay,
        config.rate,
      );
    },
    async solve() {
      if (!online) return;
      const sum = [
        { equations: online, weight: 1 },
        { equations: first, weight: config.keep },
      ];
      filter = await solveSum(multiply, sum, filter, config.ridge, ITERATIONS);
    },
  };
}

async function run(
  graphs: TargetGraphs,
  basis: Basis,
  filter: Float32Array,
  coarse: FeatureMap,
): Promise<{ scores: Float32Array; rows: Float32Array }> {
  const { channels, height, width } = coarse;
  const out = await graphs.respond.run({
    coarse: { data: coarse.data, dims: [1, channels, height, width] },
    basis: { data: basis.directions, dims: [basis.count, channels] },
    mean: { data: basis.mean, dims: [channels, 1] },
    filter: { data: filter, dims: [filter.length, 1] },
  });
  return { scores: out['scores']!.data, rows: out['rows']!.data };
}

/** Gaussian label about the box's centre; cells far from it count less. */
function label(
  rows: Float32Array,
  box: CropBox,
  { cells, stride, offset }: MapAxis,
  config: TargetConfig,
): LabelledRows {
  const labels = new Float32Array(cells * cells);
  const bump = (cell: number, centre: number): number =>
    Math.exp(-0.5 * ((stride * cell + offset - centre) / (config.labelSigma * stride)) ** 2);
  for (let row = 0; row < cells; row++) {
    for (let column = 0; column < cells; column++)
      labels[row * cells + column] = bump(row, box.cy) * bump(column, box.cx);
  }
  return { rows, labels, weights: labels.map((value) => config.rowFloor + value) };
}

/** Equations of a sum, and how much they count in it. */
interface Term {
  readonly equations: NormalEquations;
  readonly weight: number;
}

/** Solves the sum of equations. The sum of their matrices, more than a million numbers, is never made. */
async function solveSum(
  multiply: Multiply,
  terms: readonly Term[],
  start: Float32Array,
  ridge: number,
  iterations: number,
): Promise<Float32Array<ArrayBuffer>> {
  const size = start.length;
  const vector = new Float32Array(size);
  let trace = 0;
  for (const { equations, weight } of terms) {
    for (let i = 0; i < size; i++) {
      vector[i]! += weight * equations.vector[i]!;
      trace += weight * equations.matrix[i * size + i]!;
    }
  }
  const product = async (x: Float32Array): Promise<Float64Array> => {
    const result = new Float64Array(size);
    for (const { equations, weight } of terms) {
      const part = await multiply({ data: equations.matrix, dims: [size, size] }, { data: x, dims: [size, 1] });
      for (let i = 0; i < size; i++) result[i]! += weight * part[i]!;
    }
    return result;
  };
  return conjugateGradient(product, vector, (ridge * trace) / size, start, iterations, TOLERANCE);
}
