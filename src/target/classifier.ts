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
import { principalBasis } from './pca.js';
import { conjugateGradient } from './solve.js';

/** Channels after the projection, and side of a window in cells: fixed by the compiled graphs (compile.ts). */
export const TARGET_CHANNELS = 48;
export const TARGET_WINDOW = 5;
/** Numbers of the filter. */
export const TARGET_SIZE = TARGET_CHANNELS * TARGET_WINDOW * TARGET_WINDOW;

/** What the graph `respond` takes beside a coarse map: which channels of it the object is seen by, and the filter. */
export type TargetInputs = Readonly<Record<'basis' | 'mean' | 'filter', FloatTensor>>;

/** What the graph `respond` says of a coarse map. */
export interface RawResponse {
  /** Of each cell, [cells^2]. */
  readonly scores: Float32Array;
  /** The map in the target's channels, [TARGET_CHANNELS, cells^2]. */
  readonly reduced: Float32Array;
}

/** What the target model says of one search crop. */
export interface Response {
  /** Score of each cell over the first frame's peak, [cells, cells] row by row: 1 is as sure as on the first frame. */
  readonly scores: Float32Array;
  /** Where its cells look at. */
  readonly axis: MapAxis;
}

export interface TargetModel {
  /** What the graph `respond` takes beside a coarse map. */
  inputs(): TargetInputs;
  /** What the graph's scores say. */
  response(scores: Float32Array): Response;
  /** Takes up that the object was at `box` in the crop of this reduced map; work() learns it. What was taken up before is learned first. */
  take(reduced: Float32Array, box: CropBox): Promise<void>;
  /** One share of learning what was taken up, on a frame without take(): five shares in all, then the filter is a new one. */
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
const EQUATION_SHARES = 3;
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
  const inputsOf = (filter: Float32Array): TargetInputs => ({
    basis: { data: basis.directions, dims: [basis.count, basis.mean.length] },
    mean: { data: basis.mean, dims: [basis.mean.length, 1] },
    filter: { data: filter, dims: [TARGET_SIZE, 1] },
  });
  const start = new Float32Array(TARGET_SIZE);
  for (const [index, { coarse, box }] of samples.entries()) {
    const { reduced } = await respond(graphs.respond, coarse, inputsOf(start));
    const sample = await makeSample(graphs.sample, reduced, box, axis, config, index === 0 ? 1 : AUGMENTED_WEIGHT);
    await finish(accumulate(graphs.learn, first, sample, 1, 1));
  }
  const learned = { equations: first, weight: 1 };
  let filter = await finish(solveSum(multiply, [learned], start, config.ridge, FIRST_ITERATIONS, FIRST_ITERATIONS));
  const { scores: firstScores } = await respond(graphs.respond, samples[0]!.coarse, inputsOf(filter));
  const peak = firstScores.reduce((a, b) => Math.max(a, b), 1e-3);
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
    inputs: () => inputsOf(filter),
    response: (scores) => ({ scores: scores.map((value) => value / peak), axis }),
    async take(reduced, box) {
      if (lesson) await finish(lesson);
      lesson = learn(await makeSample(graphs.sample, reduced, box, axis, config, config.rate));
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

/** The graph `respond` on a coarse map. */
export async function respond(graph: OnnxModel, coarse: FeatureMap, inputs: TargetInputs): Promise<RawResponse> {
  const { data, channels, height, width } = coarse;
  const out = await graph.run({ coarse: { data, dims: [1, channels, height, width] }, ...inputs });
  return { scores: out['scores']!.data, reduced: out['reduced']!.data };
}

/** A crop with a Gaussian label about the box's centre; cells far from it count less. @param weight of the whole */
async function makeSample(
  graph: OnnxModel,
  reduced: Float32Array,
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
  const out = await graph.run({
    reduced: { data: reduced, dims: [TARGET_CHANNELS, cells * cells] },
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
