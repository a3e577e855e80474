/**
 * The target model: where in the search region is the object? Ridge regression from windows of the coarse map (its principal channels) to a
 * Gaussian label about the target, in closed form on normal equations that are updated as the video runs.
 */
import type { TargetConfig } from '../config.js';
import type { FeatureMap } from '../features/backbone.js';
import type { MapAxis } from '../features/roi-pool.js';
import type { CropBox } from '../geometry.js';
import type { Random } from '../random.js';
import type { FloatTensor, OnnxModel } from '../runtime/onnx.js';
import { accumulate, emptyEquations, type NormalEquations, type Sample } from './memory.js';
import { multiplyOn, type Multiply } from './multiply.js';
import { principalBasis, type Basis } from './pca.js';
import { conjugateGradient } from './solve.js';

/** Channels after the projection, and side of a window in cells: fixed by the compiled graphs (compile.ts). */
export const TARGET_CHANNELS = 48;
export const TARGET_WINDOW = 5;
/** Numbers of the filter. */
export const TARGET_SIZE = TARGET_CHANNELS * TARGET_WINDOW * TARGET_WINDOW;

/** What the target model says of one search crop. */
export interface Response {
  /** Score of each cell over the first frame's peak, [cells, cells] row by row: 1 is as sure as on the first frame. */
  readonly scores: Float32Array;
  /** Where its cells look at. */
  readonly axis: MapAxis;
}

export interface TargetModel {
  respond(coarse: FeatureMap): Promise<Response>;
  /** Takes up that the object was at `box` in the crop of this map; work() learns it. What was taken up before is learned first. */
  take(coarse: FeatureMap, box: CropBox): Promise<void>;
  /** One share of learning what was taken up: six shares in all, then the filter is a new one. */
  work(): Promise<void>;
}

/** A first-frame crop: its coarse map, and where the object is in it. */
export interface FirstSample {
  readonly coarse: FeatureMap;
  readonly box: CropBox;
}

export interface TargetGraphs {
  readonly respond: OnnxModel;
  readonly sample: OnnxModel;
  readonly learn: OnnxModel;
  readonly multiply: OnnxModel;
}

/** The first sample counts in full, its augmented copies so much. */
const AUGMENTED_WEIGHT = 0.5;
const FIRST_ITERATIONS = 120;
const TOLERANCE = 2e-3;
/** A frame is learned in shares, so that no frame waits for long: first of the equations, then of their solution. */
const EQUATION_SHARES = 4;
const SOLUTION_SHARES = 2;
const ITERATIONS_A_SHARE = 12;

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
  const first = emptyEquations(TARGET_SIZE);
  for (const [index, { coarse, box }] of samples.entries()) {
    const sample = await makeSample(graphs, basis, coarse, box, axis, config, index === 0 ? 1 : AUGMENTED_WEIGHT);
    await finish(accumulate(graphs.learn, first, sample, 1, 1));
  }
  const learned = { equations: first, weight: 1 };
  const start = new Float32Array(TARGET_SIZE);
  let filter = await finish(solveSum(multiply, [learned], start, config.ridge, FIRST_ITERATIONS, FIRST_ITERATIONS));
  const peak = Math.max(
    1e-3,
    (await score(graphs, basis, filter, samples[0]!.coarse)).reduce((a, b) => Math.max(a, b)),
  );
  const online = emptyEquations(TARGET_SIZE);
  const sum = [
    { equations: online, weight: 1 },
    { equations: first, weight: config.keep },
  ];
  let lesson: AsyncGenerator<void, void, void> | undefined;

  async function* learn(sample: Sample): AsyncGenerator<void, void, void> {
    yield* accumulate(graphs.learn, online, sample, config.decay, EQUATION_SHARES);
    const iterations = SOLUTION_SHARES * ITERATIONS_A_SHARE;
    filter = yield* solveSum(multiply, sum, filter, config.ridge, iterations, ITERATIONS_A_SHARE);
  }

  return {
    async respond(coarse) {
      const scores = await score(graphs, basis, filter, coarse);
      return { scores: scores.map((value) => value / peak), axis };
    },
    async take(coarse, box) {
      if (lesson) await finish(lesson);
      lesson = learn(await makeSample(graphs, basis, coarse, box, axis, config, config.rate));
    },
    async work() {
      if ((await lesson?.next())?.done) lesson = undefined;
    },
  };
}

/** Does all the work that is left, without a pause. */
async function finish<T>(work: AsyncGenerator<void, T, void>): Promise<T> {
  for (;;) {
    const { done, value } = await work.next();
    if (done) return value as T;
  }
}

async function score(
  graphs: TargetGraphs,
  basis: Basis,
  filter: Float32Array,
  coarse: FeatureMap,
): Promise<Float32Array> {
  const out = await graphs.respond.run({
    ...projection(basis, coarse),
    filter: { data: filter, dims: [filter.length, 1] },
  });
  return out['scores']!.data;
}

function projection(basis: Basis, { data, channels, height, width }: FeatureMap): Record<string, FloatTensor> {
  return {
    coarse: { data, dims: [1, channels, height, width] },
    basis: { data: basis.directions, dims: [basis.count, channels] },
    mean: { data: basis.mean, dims: [channels, 1] },
  };
}

/** A crop with a Gaussian label about the box's centre; cells far from it count less. @param weight of the whole */
async function makeSample(
  graphs: TargetGraphs,
  basis: Basis,
  coarse: FeatureMap,
  box: CropBox,
  { cells, stride, offset }: MapAxis,
  { labelSigma, rowFloor }: TargetConfig,
  weight: number,
): Promise<Sample> {
  const labels = new Float32Array(cells * cells);
  const bump = (cell: number, centre: number): number =>
    Math.exp(-0.5 * ((stride * cell + offset - centre) / (labelSigma * stride)) ** 2);
  for (let row = 0; row < cells; row++) {
    for (let column = 0; column < cells; column++)
      labels[row * cells + column] = bump(row, box.cy) * bump(column, box.cx);
  }
  const weights = labels.map((label) => rowFloor + label);
  const column = (data: Float32Array): FloatTensor => ({ data, dims: [data.length, 1] });
  const out = await graphs.sample.run({
    ...projection(basis, coarse),
    weights: column(weights.map((value) => weight * value)),
    weighted_labels: column(labels.map((label, i) => weight * weights[i]! * label)),
  });
  return { columns: out['columns']!.data, weighted: out['weighted']!.data, vector: out['vector']!.data };
}

/** Equations of a sum, and how much they count in it. */
interface Term {
  readonly equations: NormalEquations;
  readonly weight: number;
}

/** Solves the sum of equations, in shares of iterations. The sum of their matrices, more than a million numbers, is never made. */
async function* solveSum(
  multiply: Multiply,
  terms: readonly Term[],
  start: Float32Array,
  ridge: number,
  iterations: number,
  share: number,
): AsyncGenerator<void, Float32Array<ArrayBuffer>, void> {
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
  return yield* conjugateGradient(product, vector, (ridge * trace) / size, start, iterations, TOLERANCE, share);
}
