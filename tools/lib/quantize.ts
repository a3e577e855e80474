/**
 * Static quantisation of a convolutional ONNX graph to int8, written as QuantizeLinear and DequantizeLinear pairs: onnxruntime joins them
 * with the convolutions and additions between them. Weights are signed with a scale for each output channel, activations unsigned with one
 * scale; after a ReLU the zero point is 0, which lets onnxruntime drop the ReLU (any other zero point is slower than float).
 */
import type { onnx } from 'onnx-proto';
import { decodeModel, encodeModel } from '../../src/io/onnx-graph.js';

/** What 8 bits have to hold of one value. */
export interface Range {
  readonly low: number;
  readonly high: number;
}

/** Which nodes compute in int8, and which values lie between them. */
export interface QuantizePlan {
  /** The convolutions and additions, by their output. */
  readonly nodes: ReadonlySet<string>;
  /** Values that are held in 8 bits. */
  readonly values: readonly string[];
  /** Those of them that are neither inputs nor outputs of the graph. */
  readonly inner: readonly string[];
  /** Outputs of the int8 convolutions before their ReLU, in order. */
  readonly convolutions: readonly string[];
}

export interface QuantizeSettings {
  /** Of the values in 8 bits. */
  readonly ranges: ReadonlyMap<string, Range>;
  /** Of a convolution, by its output: added to its bias, a number a channel. */
  readonly corrections: ReadonlyMap<string, Float32Array>;
  /** Bits of a weight: 7 where pairs of products must not overflow 16 bits (processors with AVX2 but without VNNI). */
  readonly weightBits: number;
}

/** Operator set with a scale for each channel. */
const QUANTIZE_OPSET = 13;
const FLOAT = 1;
const UINT8 = 2;
const INT8 = 3;
const INT32 = 6;

const QUANTIZE_IR_VERSION = 7;
const LEVELS = 255;
const OUTPUT_AXIS = [{ name: 'axis', type: 2, i: 0 }];

/**
 * Which nodes can be int8: all convolutions but the first ones, and additions of values in 8 bits whose sum is no output of the graph.
 * @param floatConvolutions so many stay float
 */
export function planQuantization(bytes: Uint8Array, floatConvolutions: number): QuantizePlan {
  const graph = decodeModel(bytes).graph!;
  const outputs = new Set((graph.output ?? []).map(({ name }) => name!));
  const nodes = new Set<string>();
  const values = new Set<string>();
  const convolutions: string[] = [];
  let left = floatConvolutions;
  for (const node of graph.node ?? []) {
    const to = node.output![0]!;
    const after = afterRelu(graph, to);
    if (node.opType === 'Conv' && left-- <= 0) {
      nodes.add(to).add(after);
      values.add(node.input![0]!).add(after);
      convolutions.push(to);
    } else if (node.opType === 'Add' && node.input!.every((value) => values.has(value)) && !outputs.has(after)) {
      nodes.add(to).add(after);
      values.add(after);
    }
  }
  const inner = [...values].filter((value) => !outputs.has(value));
  return { nodes, values: [...values], inner, convolutions };
}

/** The value behind the ReLU that takes this one, or this one. */
function afterRelu(graph: onnx.IGraphProto, value: string): string {
  const next = (graph.node ?? []).filter((node) => node.input?.includes(value));
  return next.length === 1 && next[0]!.opType === 'Relu' ? next[0]!.output![0]! : value;
}

/** @throws Error where a value of the plan has no range */
export function quantizeModel(bytes: Uint8Array, plan: QuantizePlan, settings: QuantizeSettings): Uint8Array {
  const graph = decodeModel(bytes).graph!;
  const constants = new Map((graph.initializer ?? []).map((tensor) => [tensor.name!, tensor]));
  const pairs = new Pairs(settings.ranges);
  for (const node of graph.node ?? []) {
    const quantized = plan.nodes.has(node.output![0]!);
    const input = (node.input ?? []).map((value) => pairs.read(value, quantized));
    if (quantized && node.opType === 'Conv') {
      const [from, kernel, bias] = node.input!;
      const to = node.output![0]!;
      const correction = settings.corrections.get(to);
      const layer = readLayer(constants.get(kernel!)!, constants.get(bias!)!, correction);
      const { scale } = pairs.grid(from!);
      const integers = quantizeLayer(layer, scale, settings.weightBits);
      const scales = integers.scales.map((own) => own * scale);
      input[1] = pairs.constant(kernel!, INT8, layer.dims, integers.kernel, integers.scales);
      input[2] = pairs.constant(bias!, INT32, [scales.length], integers.bias, scales);
    }
    pairs.nodes.push({ ...node, input });
    for (const value of node.output ?? []) {
      if (plan.values.includes(value)) pairs.add(value, quantized);
    }
  }
  const used = new Set(pairs.nodes.flatMap((node) => node.input ?? []));
  return encodeModel({
    irVersion: QUANTIZE_IR_VERSION,
    producerName: 'ebm-tracker',
    opsetImport: [{ domain: '', version: QUANTIZE_OPSET }],
    graph: {
      ...graph,
      node: pairs.nodes,
      initializer: [...(graph.initializer ?? []), ...pairs.constants].filter(({ name }) => used.has(name!)),
    },
  });
}

/** Nodes and constants of the new graph; which values have a pair. */
class Pairs {
  readonly nodes: onnx.INodeProto[] = [];
  readonly constants: onnx.ITensorProto[] = [];
  /** Values with a pair, and whether an int8 node made them: such a value exists in 8 bits only. */
  private readonly madeInt8 = new Map<string, boolean>();

  constructor(private readonly ranges: ReadonlyMap<string, Range>) {}

  grid(value: string): Grid {
    const range = this.ranges.get(value);
    if (!range) throw new Error(`value "${value}" has no range`);
    return gridOf(range);
  }

  /** The name under which a node takes a value. */
  read(value: string, int8: boolean): string {
    const made = this.madeInt8.get(value);
    return made === undefined || (!int8 && !made) ? value : `${value}_read`;
  }

  /** The pair behind a value that was just made. */
  add(value: string, madeInt8: boolean): void {
    this.madeInt8.set(value, madeInt8);
    const { scale, zero } = this.grid(value);
    const parameters = [`${value}_scale`, `${value}_zero`];
    this.constants.push(
      tensor(parameters[0]!, FLOAT, [], Float32Array.of(scale)),
      tensor(parameters[1]!, UINT8, [], Uint8Array.of(zero)),
    );
    this.push('QuantizeLinear', [value, ...parameters], `${value}_8bit`);
    this.push('DequantizeLinear', [`${value}_8bit`, ...parameters], `${value}_read`);
  }

  /** A constant in integers, with a scale for each output channel; gives the name that reads it. */
  constant(name: string, type: number, dims: number[], data: Integers, scales: readonly number[]): string {
    const zeros = type === INT8 ? new Int8Array(scales.length) : new Int32Array(scales.length);
    const parameters = [`${name}_scale`, `${name}_zero`];
    this.constants.push(
      tensor(`${name}_integer`, type, dims, data),
      tensor(parameters[0]!, FLOAT, [scales.length], Float32Array.from(scales)),
      tensor(parameters[1]!, type, [scales.length], zeros),
    );
    this.push('DequantizeLinear', [`${name}_integer`, ...parameters], `${name}_read`, OUTPUT_AXIS);
    return `${name}_read`;
  }

  private push(opType: string, input: string[], output: string, attribute: onnx.IAttributeProto[] = []): void {
    this.nodes.push({ opType, name: output, input, output: [output], attribute });
  }
}

interface Grid {
  readonly scale: number;
  readonly zero: number;
}

/** 256 levels over a range, 0 being one of them. */
export function gridOf({ low, high }: Range): Grid {
  const from = Math.min(0, low);
  const scale = Math.fround(Math.max(1e-6, Math.max(0, high) - from) / LEVELS);
  return { scale, zero: Math.round(Math.abs(from) / scale) };
}

/** Kernel [to, from, h, w] and bias [to] of one convolution. */
interface Layer {
  readonly dims: number[];
  readonly kernel: Float32Array;
  readonly bias: Float32Array;
}

function readLayer(kernel: onnx.ITensorProto, bias: onnx.ITensorProto, correction: Float32Array | undefined): Layer {
  const offsets = floats(bias).map((value, c) => value + (correction?.[c] ?? 0));
  return { dims: kernel.dims!.map(Number), kernel: floats(kernel), bias: offsets };
}

type Integers = Int8Array | Int32Array;

interface IntegerLayer {
  readonly kernel: Int8Array;
  /** In units of input scale times weight scale. */
  readonly bias: Int32Array;
  /** Of the weights, one an output channel. */
  readonly scales: readonly number[];
}

function quantizeLayer({ kernel, bias }: Layer, inputScale: number, bits: number): IntegerLayer {
  const channels = bias.length;
  const size = kernel.length / channels;
  const top = 2 ** (bits - 1) - 1;
  const integers = new Int8Array(kernel.length);
  const biases = new Int32Array(channels);
  const scales: number[] = [];
  for (let c = 0; c < channels; c++) {
    const row = kernel.subarray(c * size, (c + 1) * size);
    // a channel of tiny weights must not make its bias overflow
    const least = Math.abs(bias[c]!) / (inputScale * 2 ** 30);
    const scale = Math.fround(Math.max(bestWeightScale(row, top), least, 1e-12));
    for (let i = 0; i < size; i++) integers[c * size + i] = clamp(Math.round(row[i]! / scale), -top, top);
    biases[c] = Math.round(bias[c]! / (inputScale * scale));
    scales.push(scale);
  }
  return { kernel: integers, bias: biases, scales };
}

/** The scale of least squared error: a few clipped weights may cost less than coarser steps for all. */
function bestWeightScale(row: Float32Array, top: number): number {
  const largest = row.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  let best = largest / top;
  let least = Infinity;
  for (let share = 1; share > 0.6; share -= 0.02) {
    const scale = (share * largest) / top;
    let error = 0;
    for (const value of row) error += (value - scale * clamp(Math.round(value / scale), -top, top)) ** 2;
    if (error < least) {
      least = error;
      best = scale;
    }
  }
  return best;
}

const BINS = 8192;

/** How the values of one tensor are spread; grows as larger ones come. Zeros are left out: every grid holds them exactly. */
export class Histogram {
  private counts = new Float64Array(BINS);
  /** Bins cover (-limit, limit). */
  private limit = 2 ** -10;
  private low = 0;
  private high = 0;

  add(data: Float32Array): void {
    let low = this.low;
    let high = this.high;
    for (const value of data) {
      if (value < low) low = value;
      else if (value > high) high = value;
    }
    this.low = low;
    this.high = high;
    while (Math.max(-low, high) >= this.limit) this.double();
    const factor = BINS / 2 / this.limit;
    for (const value of data) if (value !== 0) this.counts[Math.floor((value + this.limit) * factor)]!++;
  }

  /** The range of least squared error in 256 levels: what lies outside is cut off, what lies inside is rounded. */
  bestRange(): Range {
    const shares = Array.from({ length: 32 }, (_, i) => 1 - i / 40);
    let best: Range = { low: this.low, high: this.high };
    let least = Infinity;
    for (const highShare of this.high > 0 ? shares : [1]) {
      for (const lowShare of this.low < 0 ? shares : [1]) {
        const range = { low: lowShare * this.low, high: highShare * this.high };
        const error = this.error(range);
        if (error < least) {
          least = error;
          best = range;
        }
      }
    }
    return best;
  }

  private error({ low, high }: Range): number {
    const step = (high - low) / LEVELS;
    const rounding = (step * step) / 12;
    let error = 0;
    for (let i = 0; i < BINS; i++) {
      const count = this.counts[i]!;
      if (count === 0) continue;
      const value = ((i + 0.5) / BINS) * 2 * this.limit - this.limit;
      const outside = value < low ? low - value : value > high ? value - high : 0;
      error += count * (rounding + outside * outside);
    }
    return error;
  }

  private double(): void {
    const wider = new Float64Array(BINS);
    for (let i = 0; i < BINS; i++) wider[BINS / 4 + (i >> 1)]! += this.counts[i]!;
    this.counts = wider;
    this.limit *= 2;
  }
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}

function tensor(
  name: string,
  dataType: number,
  dims: number[],
  data: Float32Array | Int8Array | Uint8Array | Int32Array,
): onnx.ITensorProto {
  return { name, dataType, dims, rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice() };
}

function floats({ rawData, name }: onnx.ITensorProto): Float32Array {
  if (!rawData || rawData.length === 0) throw new Error(`constant "${name}": expected raw float32 data`);
  return new Float32Array(Uint8Array.from(rawData).buffer);
}
