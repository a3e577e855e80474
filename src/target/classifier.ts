/**
 * The target model: where in the search region is the object? Ridge regression from windows of the coarse map (its principal channels) to a
 * Gaussian label about the target, in closed form on normal equations that are updated as the video runs.
 */
import type { TargetConfig } from '../config.js';
import type { FeatureMap } from '../features/backbone.js';
import type { MapAxis } from '../features/roi-pool.js';
import type { CropBox } from '../geometry.js';
import type { Random } from '../random.js';
import type { FloatTensor, OnnxModel } from '../platform.js';
import { addRows, addVector, emptyEquations, type NormalEquations, type Sample } from './memory.js';
import { multiplyInLoops, multiplyOn, type Multiply } from './multiply.js';
import { principalBasis, type Basis } from './pca.js';
import { iterate, startSolving, type Product, type Solution } from './solve.js';

/** Channels after the projection, and side of a window in cells: fixed by the compiled graphs (compile.ts). */
export const TARGET_CHANNELS = 48;
export const TARGET_WINDOW = 5;
/** Numbers of the filter. */
export const TARGET_SIZE = TARGET_CHANNELS * TARGET_WINDOW * TARGET_WINDOW;

/** Inputs of the graph `respond` beside a coarse map: projection to the target's channels, and the filter. */
export type TargetInputs = Readonly<Record<'basis' | 'mean' | 'filter', FloatTensor>>;

/** Output of the graph `respond` for a coarse map. */
export interface RawResponse {
  /** Score of each cell, [cells^2]. */
  readonly scores: Float32Array;
  /** The map in the target's channels, [TARGET_CHANNELS, cells^2]. */
  readonly reduced: Float32Array;
}

/** Response of the target model in one search crop. */
export interface Response {
  /** Score of each cell over the first frame's peak, [cells, cells] row by row: 1 is as sure as on the first frame. */
  readonly scores: Float32Array;
  /** Grid of the scores' cells, in crop pixels. */
  readonly axis: MapAxis;
}

/**
 * The target model of one object: a value, from which the learner makes the next one. Only the last two values of a chain are valid: they take
 * turns at two buffers.
 */
export interface TargetModel {
  /** Inputs of the graph `respond` beside a coarse map. */
  readonly inputs: TargetInputs;
  /** Highest score on the first frame. */
  readonly peak: number;
  /** Equations of the first frame, and of the frames learned since. */
  readonly first: NormalEquations;
  readonly online: NormalEquations;
  /** Buffer for the matrix of the next online equations. */
  readonly spare: Float32Array;
  /** The frame that is being learned from; undefined when there is none. */
  readonly lesson?: Lesson;
}

/** A frame that is being learned: first its equations, then their solution. */
interface Lesson {
  readonly sample: Sample;
  /** Parts that are done. */
  readonly done: number;
  readonly solution?: Solution;
}

export interface TargetLearner {
  /** @param samples crops of the first frame, the plain one first */
  begin(samples: readonly FirstSample[], random: Random): Promise<TargetModel>;
  /** Takes up that the object was at `box` in the crop of this reduced map: to be learned. What was taken up before is learned first. */
  takeUp(model: TargetModel, reduced: Float32Array, box: CropBox): Promise<TargetModel>;
  /** Learns one part of what was taken up, of five in all; then the filter is a new one. */
  goOn(model: TargetModel): Promise<TargetModel>;
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
  /** Left out: it is multiplied in loops. */
  readonly multiply?: OnnxModel | undefined;
}

/** The first sample counts in full, its augmented copies so much. */
const AUGMENTED_WEIGHT = 0.5;
const FIRST_ITERATIONS = 120;
const TOLERANCE = 1e-6;
/** A frame is learned in parts, so that no frame waits for long: first of the equations, then of their solution. */
const EQUATION_PARTS = 3;
const SOLUTION_PARTS = 2;
const ITERATIONS_A_PART = 12;

/** @param axis of the coarse map */
// oxlint-disable-next-line max-lines-per-function -- begin, takeUp and goOn are three steps of one algorithm on the same equations
export function createTargetLearner(graphs: TargetGraphs, axis: MapAxis, config: TargetConfig): TargetLearner {
  const multiply = graphs.multiply ? multiplyOn(graphs.multiply) : multiplyInLoops;

  const begin = async (samples: readonly FirstSample[], random: Random): Promise<TargetModel> => {
    const basis = principalBasis(samples[0]!.coarse, TARGET_CHANNELS, random);
    const start = withFilter(basis, new Float32Array(TARGET_SIZE));
    let first = emptyEquations(TARGET_SIZE);
    for (const [index, { coarse, box }] of samples.entries()) {
      const { reduced } = await respond(graphs.respond, coarse, start);
      const sample = await makeSample(graphs.sample, reduced, box, axis, config, index === 0 ? 1 : AUGMENTED_WEIGHT);
      await addRows(graphs.learn, first, sample, 1, first.matrix, 0, 1);
      first = { matrix: first.matrix, vector: addVector(first, sample, 1) };
    }
    const sum = equationSum(multiply, [{ equations: first, weight: 1 }], config.ridge);
    const solution = await iterate(sum.product, await startSum(sum, start), FIRST_ITERATIONS);
    const inputs = withFilter(basis, new Float32Array(solution.x));
    const { scores } = await respond(graphs.respond, samples[0]!.coarse, inputs);
    const peak = scores.reduce((a, b) => Math.max(a, b), 1e-3);
    return { inputs, peak, first, online: emptyEquations(TARGET_SIZE), spare: emptyEquations(TARGET_SIZE).matrix };
  };

  const goOn = async (model: TargetModel): Promise<TargetModel> => {
    const { lesson, online, spare } = model;
    if (!lesson) return model;
    const { sample, done } = lesson;
    if (done < EQUATION_PARTS) {
      await addRows(graphs.learn, online, sample, config.decay, spare, done, EQUATION_PARTS);
      return { ...model, lesson: { sample, done: done + 1 } };
    }
    return done === EQUATION_PARTS ? solvePart(withOnline(model, sample), lesson) : solvePart(model, lesson);
  };

  /** The model after the equations of a lesson are complete: their memories change places. */
  const withOnline = (model: TargetModel, sample: Sample): TargetModel => {
    const { online, spare } = model;
    return {
      ...model,
      online: { matrix: spare, vector: addVector(online, sample, config.decay) },
      spare: online.matrix,
    };
  };

  const solvePart = async (model: TargetModel, { sample, done, solution }: Lesson): Promise<TargetModel> => {
    const { online, first, inputs, lesson: _, ...rest } = model;
    const terms = [
      { equations: online, weight: 1 },
      { equations: first, weight: config.keep },
    ];
    const sum = equationSum(multiply, terms, config.ridge);
    const from = solution ?? (await startSum(sum, inputs));
    const next = await iterate(sum.product, from, ITERATIONS_A_PART);
    const ended = done + 1 === EQUATION_PARTS + SOLUTION_PARTS || next.iterations < from.iterations + ITERATIONS_A_PART;
    const learned = { ...rest, online, first };
    if (!ended) return { ...learned, inputs, lesson: { sample, done: done + 1, solution: next } };
    const filter = { ...inputs.filter, data: new Float32Array(next.x) };
    return { ...learned, inputs: { ...inputs, filter } };
  };

  return {
    begin,
    async takeUp(model, reduced, box) {
      let last = model;
      while (last.lesson) last = await goOn(last);
      const sample = await makeSample(graphs.sample, reduced, box, axis, config, config.rate);
      return { ...last, lesson: { sample, done: 0 } };
    },
    goOn,
  };
}

function withFilter({ directions, count, mean }: Basis, filter: Float32Array): TargetInputs {
  return {
    basis: { data: directions, dims: [count, mean.length] },
    mean: { data: mean, dims: [mean.length, 1] },
    filter: { data: filter, dims: [TARGET_SIZE, 1] },
  };
}

/** Divides the scores of a search crop by the first frame's peak. @param axis of the coarse map */
export function responseOf({ peak }: Pick<TargetModel, 'peak'>, scores: Float32Array, axis: MapAxis): Response {
  return { scores: scores.map((value) => value / peak), axis };
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

interface EquationSum {
  readonly product: Product;
  readonly vector: Float32Array;
  /** Regularisation, as a number. */
  readonly ridge: number;
}

/** The sum of equations. That of their matrices, more than a million numbers, is never made. @param ridge in units of the mean diagonal */
function equationSum(multiply: Multiply, terms: readonly Term[], ridge: number): EquationSum {
  const size = terms[0]!.equations.vector.length;
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
  return { product, vector, ridge: (ridge * trace) / size };
}

const startSum = ({ product, vector, ridge }: EquationSum, { filter }: TargetInputs): Promise<Solution> =>
  startSolving(product, vector, ridge, filter.data, TOLERANCE);
