/**
 * The head: embedding, energy f(x, y) and learned proposal q(y | x). This file names its parts and shapes and makes the template; the engines
 * compute the rest. A higher f is a better box: p(y | x) ~ exp f, as Gustafsson et al. write it, without the minus sign of physics.
 *
 *   embedding   shared by template and search crop: 1x1 and 3x3 convolutions with group norm on both maps
 *   template    of the object's first box: pooled bins of both embedded maps, and a modulation vector made from them; beside it the
 *               bins of a recent view
 *   energy      a candidate's pooled bins, modulated, through dense layers; beside it match branches that compare them with the
 *               template's bins and with the recent view's, channel group by channel group (IoU-Net style, Danelljan et al. 2019;
 *               Gustafsson et al. 2020), and a context branch that sees what lies around the candidate
 *   proposal    a mixture density network that is dense over the search area: one Gaussian a cell of the coarse map, from the
 *               depth-wise correlation of the map with the template's bins (Gustafsson et al. 2022, made spatial)
 */
import { TrackerError } from '../errors.js';
import type { CropBox } from '../geometry.js';
import { roiPool, type MapAxis } from '../features/roi-pool.js';

/** Widths of the head's layers. */
export interface HeadConfig {
  /** Channels of the backbone's fine and coarse map. */
  readonly fineIn: number;
  readonly coarseIn: number;
  /** Channels of the embedded maps. */
  readonly fine: number;
  readonly coarse: number;
  /** Width of the dense layer behind each map's bins, of the match branch, and of the last hidden layer. */
  readonly dense: number;
  readonly match: number;
  /** Width of the branch that compares with the recent view, and of the one that sees the surroundings; 0: the head has none. */
  readonly recent: number;
  readonly context: number;
  readonly hidden: number;
  readonly modulation: number;
  readonly proposal: number;
}

export const DEFAULT_HEAD: HeadConfig = {
  fineIn: 256,
  coarseIn: 512,
  fine: 64,
  coarse: 128,
  dense: 128,
  match: 64,
  recent: 64,
  context: 64,
  hidden: 128,
  modulation: 256,
  proposal: 96,
};

/** Bins a side of a box on the fine and on the coarse map. */
export const BINS = { fine: 5, coarse: 3, context: 4 } as const;
/** The context branch pools from the coarse map, in a box so many times as wide and high as the candidate. */
export const CONTEXT_SCALE = 2;
/** Channels that the match branch sums into one: of C channels, c goes into sum c mod (C / MATCH_RATIO). */
export const MATCH_RATIO = 4;
export const NORM_GROUPS = 8;
export const NORM_EPSILON = 1e-5;
/** Numbers a cell of the proposal: logit, dx, dy, log w, log h, four log sigmas. */
export const PROPOSAL_OUTPUTS = 9;

/** One weight: row-major values; kernels are [in, out] and [height, width, in, out]. */
export interface Weight {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}
export type Weights = Readonly<Record<string, Weight>>;

export function copyWeights(weights: Weights): Weights {
  return Object.fromEntries(
    Object.entries(weights).map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]),
  );
}

export interface HeadModel {
  readonly config: HeadConfig;
  readonly weights: Weights;
  /** Geometry of the maps it was trained on: cells are those of its search crop. */
  readonly geometry: MapGeometry;
}

export interface MapGeometry {
  readonly fine: MapAxis;
  readonly coarse: MapAxis;
  /** Side of the search crop, pixels. */
  readonly cropSize: number;
}

/** Names of the dense layers' weights: everything between a box's pooled bins and the energy. */
export function denseWeights(config: HeadConfig): string[] {
  return Object.keys(headShapes(config)).filter((name) => name.startsWith('energy.'));
}

/** Shape of every weight. */
export function headShapes(c: HeadConfig): Record<string, number[]> {
  const shapes: Record<string, number[]> = {};
  const convolution = (name: string, size: number, from: number, to: number): void => {
    shapes[`${name}.kernel`] = [size, size, from, to];
    shapes[`${name}.gamma`] = [to];
    shapes[`${name}.beta`] = [to];
  };
  const dense = (name: string, from: number, to: number): void => {
    shapes[`${name}.kernel`] = [from, to];
    shapes[`${name}.bias`] = [to];
  };
  const fineBins = BINS.fine * BINS.fine;
  const coarseBins = BINS.coarse * BINS.coarse;
  convolution('embed.fine.0', 1, c.fineIn, c.fine);
  convolution('embed.fine.1', 3, c.fine, c.fine);
  convolution('embed.coarse.0', 1, c.coarseIn, c.coarse);
  convolution('embed.coarse.1', 3, c.coarse, c.coarse);
  dense('modulation.0', coarseBins * (c.fine + c.coarse), c.modulation);
  dense('modulation.1', c.modulation, c.fine + c.coarse);
  dense('energy.fine', fineBins * c.fine, c.dense);
  dense('energy.coarse', coarseBins * c.coarse, c.dense);
  const compared = (fineBins * c.fine + coarseBins * c.coarse) / MATCH_RATIO;
  dense('energy.match', compared, c.match);
  if (c.recent > 0) dense('energy.recent', compared, c.recent);
  if (c.context > 0) dense('energy.context', BINS.context * BINS.context * c.coarse, c.context);
  dense('energy.hidden', 2 * c.dense + c.match + c.recent + c.context, c.hidden);
  dense('energy.output', c.hidden, 1);
  convolution('proposal.0', 1, 2 * c.coarse, c.proposal);
  convolution('proposal.1', 3, c.proposal, c.proposal);
  shapes['proposal.output.kernel'] = [1, 1, c.proposal, PROPOSAL_OUTPUTS];
  shapes['proposal.output.bias'] = [PROPOSAL_OUTPUTS];
  return shapes;
}

/**
 * Checks names, shapes and values of a head's weights.
 * @throws TrackerError MODEL_INVALID naming the weight, what was found and what was expected
 */
export function checkWeights(weights: Weights, config: HeadConfig, where: string): void {
  const hint = 'use a head file written by this version of ebm-tracker, or train one again';
  const shapes = headShapes(config);
  const unknown = Object.keys(weights).find((name) => !(name in shapes));
  if (unknown !== undefined)
    throw new TrackerError('MODEL_INVALID', `${where}: weight "${unknown}" belongs to no layer`, { hint });
  for (const [name, shape] of Object.entries(shapes)) {
    const weight = weights[name];
    if (!weight) throw new TrackerError('MODEL_INVALID', `${where}: weight "${name}" is missing`, { hint });
    if (weight.shape.join() !== shape.join()) {
      const text = `${where}: weight "${name}" has shape [${weight.shape}], expected [${shape}]`;
      throw new TrackerError('MODEL_INVALID', text, { hint });
    }
    const bad = weight.data.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) {
      const text = `${where}: weight "${name}" holds ${weight.data[bad]} at ${bad}, expected finite numbers`;
      throw new TrackerError('MODEL_INVALID', text, { hint });
    }
  }
}

/** Embedded maps of one crop, [H, W, C] each. */
export interface Embedding {
  readonly fine: Float32Array;
  readonly coarse: Float32Array;
}

/** Pooled bins of one view of the object: [BINS.fine^2 * fine] and [BINS.coarse^2 * coarse], bin by bin, channel last. */
export interface View {
  readonly fineBins: Float32Array;
  readonly coarseBins: Float32Array;
}

/** Memory of the object: its first view, and one of a frame not long ago. */
export interface Template extends View {
  /** [fine + coarse], multiplied into a candidate's bins. */
  readonly modulation: Float32Array;
  /** The first view, until there is another one. */
  readonly recent: View;
}

/** The view of the object in `box` of an embedded crop. */
export function viewOf({ config, geometry }: HeadModel, embedding: Embedding, box: CropBox): View {
  const corners = Float32Array.of(box.cx, box.cy, box.w, box.h);
  return {
    fineBins: roiPool(embedding.fine, config.fine, corners, BINS.fine, geometry.fine),
    coarseBins: roiPool(embedding.coarse, config.coarse, corners, BINS.coarse, geometry.coarse),
  };
}

/** Boxes as the context branch pools them: about the same centres, CONTEXT_SCALE times as wide and high. */
export const contextBoxes = (boxes: Float32Array): Float32Array =>
  boxes.map((value, i) => (i % 4 < 2 ? value : CONTEXT_SCALE * value));

/** The template of the object in `box`: pooled bins of its embedded crop and m = 1 + MLP(3x3 bins of both maps). */
export function makeTemplate(model: HeadModel, embedding: Embedding, box: CropBox): Template {
  const { config, weights, geometry } = model;
  const corners = Float32Array.of(box.cx, box.cy, box.w, box.h);
  const view = viewOf(model, embedding, box);
  const { coarseBins } = view;
  const middleBins = roiPool(embedding.fine, config.fine, corners, BINS.coarse, geometry.fine);
  const input = new Float32Array(middleBins.length + coarseBins.length);
  input.set(middleBins);
  input.set(coarseBins, middleBins.length);
  const hidden = denseLayer(input, weights, 'modulation.0').map((value) => Math.max(0, value));
  const modulation = denseLayer(hidden, weights, 'modulation.1').map((value) => 1 + value);
  return { ...view, modulation, recent: view };
}

function denseLayer(input: Float32Array, weights: Weights, name: string): Float32Array {
  const kernel = weights[`${name}.kernel`]!.data;
  const result = weights[`${name}.bias`]!.data.slice();
  for (let i = 0; i < input.length; i++) {
    const value = input[i]!;
    for (let j = 0; j < result.length; j++) result[j]! += value * kernel[i * result.length + j]!;
  }
  return result;
}

/** The template's coarse bins as the kernel of the proposal's correlation: unit root mean square, [3, 3, coarse]. */
export function correlationKernel(template: Template): Float32Array {
  let squares = 0;
  for (const value of template.coarseBins) squares += value * value;
  const scale = 1 / (Math.sqrt(squares / template.coarseBins.length) + 1e-3) / BINS.coarse;
  return template.coarseBins.map((value) => value * scale);
}

/** Computes the head. Boxes are [N, 4]: cx, cy, w, h in crop pixels. */
export interface HeadEngine {
  readonly model: HeadModel;
  readonly name: string;
  /** Maps of one crop, NCHW with B = 1, channels scaled. */
  embed(fine: Float32Array, coarse: Float32Array): Promise<Embedding>;
  /** Raw proposal outputs [cells, PROPOSAL_OUTPUTS] of the coarse map, row by row. */
  propose(embedding: Embedding, template: Template): Promise<Float32Array>;
  /** f(x, y) of each box. */
  energy(embedding: Embedding, template: Template, boxes: Float32Array): Promise<Float32Array>;
  release(): Promise<void>;
}
