/**
 * The box head as ONNX graphs. Its output is an energy f of a box, and refinement is gradient ascent on it: all steps are one graph, each with
 * the way back to the box written out. Pooling is two matrix products (see features/roi-pool.ts), made from the box inside the graph.
 */
import { GraphBuilder } from '../io/onnx-graph.js';
import { BOX_HEAD, COARSE_BINS, FINE_BINS, tapChannels } from './architecture.js';
import { architectureOf, type PublishedModel } from './file.js';
import { foldNorm, Layers, type Folded } from './layers.js';
import { cellsOf } from './look-graph.js';
import type { Rules } from './trackers.js';

/** Bins a side of the reference branch's pooling: of layer2; of layer3 it is one. */
export const REFERENCE_BINS = 3;

/** Crop pixels from one cell to the next. */
export const FINE_STRIDE = 8;
export const COARSE_STRIDE = 16;

/**
 * Channel factors for the first frame's object.
 * Inputs: layer2 [1, C2, 2n, 2n], layer3 [1, C3, n, n], and matrices that pool the object's box: fine_x, fine_y [3, 2n], coarse_x, coarse_y [1, n].
 * Outputs: fine [F], coarse [C]: factors of the channels of the maps that boxes are pooled from.
 */
export function compileModulate(model: PublishedModel): Uint8Array {
  const { rules, widths } = model.recipe;
  const g = new GraphBuilder();
  const layers = new Layers(g, model.weights);
  const n = cellsOf(rules.size);
  const taps = tapChannels(architectureOf(model.recipe));
  const pooled = (map: string, name: string, bins: number, cells: number): string => {
    const across = g.op('Transpose', [g.input(`${name}_x`, [bins, cells])], { perm: [1, 0] });
    return g.op('MatMul', [g.op('MatMul', [g.input(`${name}_y`, [bins, cells]), map]), across]);
  };
  const fine = layers.boxBlock(g.input('layer2', [1, taps.fine, 2 * n, 2 * n]), `${BOX_HEAD}.conv3_1r`);
  const coarse = layers.boxBlock(g.input('layer3', [1, taps.coarse, n, n]), `${BOX_HEAD}.conv4_1r`);
  const fromFine = layers.boxBlock(pooled(fine, 'fine', REFERENCE_BINS, 2 * n), `${BOX_HEAD}.fc3_1r`, 0);
  const joined = g.op('Concat', [fromFine, pooled(coarse, 'coarse', 1, n)], { axis: 1 });
  g.output('fine', layers.reshape(layers.boxBlock(joined, `${BOX_HEAD}.fc34_3r`), [-1]), [widths.fine]);
  g.output('coarse', layers.reshape(layers.boxBlock(joined, `${BOX_HEAD}.fc34_4r`), [-1]), [widths.coarse]);
  return g.toBytes();
}

/** The dense layer behind the pooling of one map, batch norm folded in: [P P C, D], bins row by row, channels last (the checkpoint has them first). */
export function denseLayer({ weights }: PublishedModel, map: 'fine' | 'coarse'): Folded {
  const name = `${BOX_HEAD}.${map === 'fine' ? 'fc3_rt' : 'fc4_rt'}`;
  const bins = (map === 'fine' ? FINE_BINS : COARSE_BINS) ** 2;
  const { kernel, shape, bias } = foldNorm(weights, `${name}.linear`, `${name}.bn`);
  const [outputs, inputs] = shape as [number, number];
  const channels = inputs / bins;
  const result = new Float32Array(kernel.length);
  for (let o = 0; o < outputs; o++) {
    for (let c = 0; c < channels; c++) {
      for (let bin = 0; bin < bins; bin++)
        result[(bin * channels + c) * outputs + o] = kernel[o * inputs + c * bins + bin]!;
    }
  }
  return { kernel: result, shape: [inputs, outputs], bias };
}

/** One map, of which the graph sees a square window. */
interface MapPort {
  readonly stride: number;
  readonly bins: number;
  readonly channels: number;
  readonly outputs: number;
  /** [K, K x C] */
  readonly rows: string;
  /** [K x C, K] */
  readonly columns: string;
  /** Cell numbers of the window along x and y: [1, 2, 1, K]. */
  readonly cells: string;
  /** Channel factors for the first frame's object: [C]. */
  readonly factors: string;
  /** The dense layer. */
  readonly kernel: string;
  readonly bias: string;
  /** The predictor's share: [1, D]. */
  readonly predictor: string;
}

/**
 * Gradient ascent of boxes.
 * Inputs: boxes [N, 4] (x, y, w, h, crop pixels); step [1], its length; of relative space also base [1, 2], the size that places are measured by; and of each map (fine,
 * coarse): NAME [K, K, C], its window; NAME_cells [1, 2, 1, K]; NAME_factors [C], from modulate.
 * Outputs: next [N, 4]; energy [N], that before the last step; path [steps x N, 4], the boxes that were pooled.
 */
export function compileRefine(model: PublishedModel, rules: Pick<Rules, 'space' | 'steps'>): Uint8Array {
  const g = new GraphBuilder();
  const layers = new Layers(g, model.weights);
  const maps = [mapPort(layers, model, 'fine'), mapPort(layers, model, 'coarse')];
  const bias = g.constant({ data: model.weights[`${BOX_HEAD}.iou_predictor.bias`]!.data, dims: [1, 1] });
  const ascent = rules.space === 'relative' ? relativeAscent(g) : pixelAscent(g);
  const path: string[] = [];
  let energy = '';
  for (let step = 0; step < rules.steps; step++) {
    const { place, size } = ascent.box();
    path.push(g.op('Concat', [place, size], { axis: 1 }));
    const parts = maps.map((map) => energyOf(layers, map, place, size));
    energy = g.op('Add', [g.op('Add', [parts[0]!.energy, parts[1]!.energy]), bias]);
    const sum = (which: 'place' | 'size'): string => g.op('Add', [parts[0]![which], parts[1]![which]]);
    ascent.move(sum('place'), sum('size'));
  }
  const { place, size } = ascent.box();
  g.output('next', g.op('Concat', [place, size], { axis: 1 }), ['N', 4]);
  g.output('energy', layers.reshape(energy, [-1]), ['N']);
  g.output('path', g.op('Concat', path, { axis: 0 }), ['M', 4]);
  return g.toBytes();
}

function mapPort(layers: Layers, model: PublishedModel, name: 'fine' | 'coarse'): MapPort {
  const { g } = layers;
  const { widths } = model.recipe;
  const fine = name === 'fine';
  const bins = fine ? FINE_BINS : COARSE_BINS;
  const channels = widths[name];
  const outputs = fine ? widths.fineDense : widths.coarseDense;
  const side = `${name}_side`;
  const rows = g.op('Reshape', [g.input(name, [side, side, channels]), g.integers([0, -1])]);
  const { kernel, shape, bias } = denseLayer(model, name);
  const all = model.weights[`${BOX_HEAD}.iou_predictor.weight`]!.data;
  const predictor = fine ? all.subarray(0, outputs) : all.subarray(all.length - outputs);
  return {
    stride: fine ? FINE_STRIDE : COARSE_STRIDE,
    bins,
    channels,
    outputs,
    rows,
    columns: g.op('Transpose', [rows], { perm: [1, 0] }),
    cells: g.input(`${name}_cells`, [1, 2, 1, side]),
    factors: g.input(`${name}_factors`, [channels]),
    kernel: g.constant({ data: kernel, dims: shape }),
    bias: g.constant({ data: bias, dims: [outputs] }),
    predictor: g.constant({ data: predictor, dims: [1, outputs] }),
  };
}

/** Boxes as the ascent holds them. */
interface Ascent {
  /** Place (top left) and size, [N, 2] each, crop pixels. */
  box(): { place: string; size: string };
  /** @param place, size gradients by them */
  move(place: string, size: string): void;
}

/** In units of the first box's size, and log size: place moves by step base^2 df/dplace. */
function relativeAscent(g: GraphBuilder): Ascent {
  const [place, size] = splitBoxes(g);
  const step = g.input('step', [1]);
  const half = g.scalar(0.5);
  const base = g.input('base', [1, 2]);
  const rate = g.op('Mul', [step, g.op('Mul', [base, base])]);
  let centre = g.op('Add', [place, g.op('Mul', [half, size])]);
  let log = g.op('Log', [size]);
  let current = size;
  return {
    box() {
      current = g.op('Exp', [log]);
      return { place: g.op('Sub', [centre, g.op('Mul', [half, current])]), size: current };
    },
    move(dPlace, dSize) {
      const inner = g.op('Sub', [dSize, g.op('Mul', [half, dPlace])]);
      centre = g.op('Add', [centre, g.op('Mul', [rate, dPlace])]);
      log = g.op('Add', [log, g.op('Mul', [step, g.op('Mul', [current, inner])])]);
    },
  };
}

/** x moves by step w df/dx, w by step w df/dw, and so on. */
function pixelAscent(g: GraphBuilder): Ascent {
  let [place, size] = splitBoxes(g);
  const step = g.input('step', [1]);
  return {
    box: () => ({ place, size }),
    move(dPlace, dSize) {
      const rate = g.op('Mul', [step, size]);
      place = g.op('Add', [place, g.op('Mul', [rate, dPlace])]);
      size = g.op('Add', [size, g.op('Mul', [rate, dSize])]);
    },
  };
}

function splitBoxes(g: GraphBuilder): [string, string] {
  return g.ops('Split', [g.input('boxes', ['N', 4])], 2, { axis: 1 }) as [string, string];
}

/** A box of no size pools nothing; this keeps it from dividing by 0. */
const LEAST_SIZE = 1e-6;

/** One map's share of the energy, and of its gradient by place and size, crop pixels. */
function energyOf(
  layers: Layers,
  map: MapPort,
  place: string,
  size: string,
): { energy: string; place: string; size: string } {
  const { g } = layers;
  const { bins, channels, stride } = map;
  const axes = poolingAxes(layers, map, place, size);
  const [x, y] = g.ops('Split', [axes.matrices], 2, { axis: 1 }) as [string, string]; // [N, 1, P, K] each
  const bands = layers.reshape(g.op('MatMul', [g.op('Squeeze', [y, g.integers([1])]), map.rows]), [
    0,
    bins,
    -1,
    channels,
  ]); // [N, P, K, C]
  const modulated = g.op('Mul', [g.op('MatMul', [x, bands]), map.factors]); // linear: before pooling or after is the same
  const flat = layers.reshape(modulated, [-1, bins * bins * channels]);
  const hidden = g.op('Relu', [g.op('Gemm', [flat, map.kernel, map.bias])]);
  const terms = g.op('Mul', [hidden, map.predictor]);
  const energy = g.op('ReduceSum', [terms, g.integers([1])], { keepdims: 1 });
  // The way back. A ReLU passes what has a positive output: the sign of the output is the mask.
  const dHidden = g.op('Mul', [g.op('Sign', [hidden]), map.predictor]);
  const dFlat = layers.reshape(g.op('Gemm', [dHidden, map.kernel], { transB: 1 }), [-1, bins, bins, channels]);
  const dPooled = g.op('Mul', [dFlat, map.factors]);
  const transposed = (value: string): string => g.op('Transpose', [value], { perm: [0, 1, 3, 2] });
  const dBands = layers.reshape(g.op('MatMul', [transposed(x), dPooled]), [0, bins, -1]); // [N, P, K C]
  const dY = g.op('Unsqueeze', [g.op('MatMul', [dBands, map.columns]), g.integers([1])]);
  const dX = g.op('ReduceSum', [g.op('MatMul', [dPooled, transposed(bands)]), g.integers([1])], { keepdims: 1 });
  const gradient = axes.back(g.op('Concat', [dX, dY], { axis: 1 }));
  const perPixel = g.scalar(1 / stride);
  return {
    energy,
    place: g.op('Mul', [gradient.start, perPixel]),
    size: g.op('Mul', [gradient.size, perPixel]),
  };
}

/**
 * Row p of a matrix holds, for each cell, the integral of its hat over bin p, divided by the bin's width. The integral of the hat up to t is, but
 * for a constant, c - c |c| / 2 of c = t between -1 and 1.
 */
function poolingAxes(layers: Layers, { stride, bins, cells }: MapPort, place: string, size: string) {
  const { g } = layers;
  const inCells = (value: string): string =>
    g.op('Unsqueeze', [g.op('Mul', [value, g.scalar(1 / stride)]), g.integers([2])]); // [N, 2, 1]
  const start = inCells(place);
  const extent = g.op('Max', [inCells(size), g.scalar(LEAST_SIZE)]);
  const shares = g.constant({
    data: Float32Array.from({ length: bins + 1 }, (_, p) => p / bins),
    dims: [1, 1, bins + 1],
  });
  const edges = g.op('Unsqueeze', [g.op('Add', [start, g.op('Mul', [extent, shares])]), g.integers([3])]);
  const inside = g.op('Clip', [g.op('Sub', [edges, cells]), g.scalar(-1), g.scalar(1)]); // [N, 2, P + 1, K]
  const distance = g.op('Abs', [inside]);
  const one = g.scalar(1);
  const integral = g.op('Mul', [inside, g.op('Sub', [one, g.op('Mul', [g.scalar(0.5), distance])])]);
  const norm = g.op('Unsqueeze', [g.op('Div', [g.scalar(bins), extent]), g.integers([3])]); // [N, 2, 1, 1]
  const matrices = g.op('Mul', [g.op('MatMul', [edgeDifferences(g, bins, false), integral]), norm]);
  return {
    /** [N, 2, P, K] */
    matrices,
    /** @param gradient by the matrices. @returns by the box's start and size, in cells: [N, 2] */
    back(gradient: string): { start: string; size: string } {
      const perEdge = g.op('MatMul', [edgeDifferences(g, bins, true), g.op('Mul', [gradient, norm])]);
      const hat = g.op('Sub', [one, distance]);
      const atEdges = g.op('ReduceSum', [g.op('Mul', [perEdge, hat]), g.integers([3])], { keepdims: 0 }); // [N, 2, P + 1]
      const overEdges = (value: string): string => g.op('ReduceSum', [value, g.integers([2])], { keepdims: 0 });
      const shrunk = g.op('ReduceSum', [g.op('Mul', [gradient, matrices]), g.integers([2, 3])], { keepdims: 0 });
      const spread = g.op('Div', [shrunk, g.op('Squeeze', [extent, g.integers([2])])]);
      return { start: overEdges(atEdges), size: g.op('Sub', [overEdges(g.op('Mul', [atEdges, shares])), spread]) };
    },
  };
}

/** From values at P + 1 edges to their differences over P bins, or back: [P, P + 1] or [P + 1, P]. */
function edgeDifferences(g: GraphBuilder, bins: number, back: boolean): string {
  const data = new Float32Array(bins * (bins + 1));
  for (let p = 0; p < bins; p++) {
    data[back ? p * bins + p : p * (bins + 1) + p] = -1;
    data[back ? (p + 1) * bins + p : p * (bins + 1) + p + 1] = 1;
  }
  return g.constant({ data, dims: back ? [bins + 1, bins] : [bins, bins + 1] });
}
