/** Writing and cutting ONNX graphs: a small builder over the protobuf schema (onnx-proto). */
import onnxProto, { type onnx } from 'onnx-proto';
import type { FloatTensor } from '../platform.js';

/** A number is an extent, a string names one that is only known when the graph runs. */
export type Dim = number | string;

/** A number is an INT, a list is INTS, a text is a STRING; a FLOAT says so, since 1 and 1.0 are the same number here. */
export type Attribute = number | readonly number[] | string | { readonly float: number };

/** IR version 8 and operator set 17 belong together (ONNX 1.12); onnxruntime 1.11 and later read them. */
const IR_VERSION = 8;
export const DEFAULT_OPSET = 17;

interface OutputRecord {
  readonly name: string;
  readonly value: string;
  readonly dims: readonly Dim[];
}

/**
 * Values are names: every method returns the name of what it made, and takes such names as inputs ('' = optional input left out).
 * Nodes run in the order in which they were added.
 */
export class GraphBuilder {
  private readonly inputs: onnx.IValueInfoProto[] = [];
  private readonly outputs: OutputRecord[] = [];
  private readonly nodes: onnx.INodeProto[] = [];
  private readonly constants: onnx.ITensorProto[] = [];
  private readonly names = new Set<string>();

  /** A float32 input of the graph. */
  input(name: string, dims: readonly Dim[]): string {
    this.inputs.push(valueInfo(this.claim(name), dims));
    return name;
  }

  /** A float32 constant; without a name it gets one. */
  constant(tensor: FloatTensor, name = this.unused('constant')): string {
    const { data, dims } = tensor;
    checkCount(name, data.length, dims);
    return this.addConstant(name, FLOAT, dims, littleEndian(data));
  }

  /** A float32 constant without dimensions. */
  scalar(value: number, name?: string): string {
    return this.constant({ data: Float32Array.of(value), dims: [] }, name);
  }

  /** An int64 constant; one-dimensional unless dims say otherwise ([] = a scalar). */
  integers(values: readonly number[], dims: readonly number[] = [values.length], name?: string): string {
    const own = name ?? this.unused('integers');
    checkCount(own, values.length, dims);
    return this.addConstant(own, INT64, dims, littleEndian(BigInt64Array.from(values, BigInt)));
  }

  /** One operator with one output. */
  op(type: string, inputs: readonly string[], attributes: Readonly<Record<string, Attribute>> = {}): string {
    return this.ops(type, inputs, 1, attributes)[0]!;
  }

  /** One operator with several outputs (Split, TopK, ...). */
  ops(
    type: string,
    inputs: readonly string[],
    outputs: number,
    attributes: Readonly<Record<string, Attribute>> = {},
  ): string[] {
    for (const input of inputs) {
      if (input !== '' && !this.names.has(input)) {
        throw new Error(`${type}: input "${input}" is not a value of this graph`);
      }
    }
    const output = Array.from({ length: outputs }, () => this.claim(this.unused(type)));
    const attribute = Object.entries(attributes).map(([name, value]) => attributeProto(name, value));
    this.nodes.push({ opType: type, name: output[0]!, input: [...inputs], output, attribute });
    return output;
  }

  /** Makes a value a float32 output of the graph, under a name of its own. */
  output(name: string, value: string, dims: readonly Dim[]): void {
    if (!this.names.has(value)) throw new Error(`output ${name}: "${value}" is not a value of this graph`);
    this.outputs.push({ name: this.claim(name), value, dims });
  }

  toBytes(opset = DEFAULT_OPSET): Uint8Array {
    const { nodes, copies } = this.nameOutputs();
    return encodeModel({
      irVersion: IR_VERSION,
      producerName: 'ebm-tracker',
      opsetImport: [{ domain: '', version: opset }],
      graph: {
        name: 'graph',
        input: this.inputs,
        output: this.outputs.map(({ name, dims }) => valueInfo(name, dims)),
        node: [...nodes, ...copies],
        initializer: this.constants,
      },
    });
  }

  /** Values that are outputs take the output's name; an input, or a value that is an output already, is copied instead. */
  private nameOutputs(): { nodes: onnx.INodeProto[]; copies: onnx.INodeProto[] } {
    const produced = new Set(this.nodes.flatMap((node) => node.output ?? []));
    const renamed = new Map<string, string>();
    const copied: OutputRecord[] = [];
    for (const output of this.outputs) {
      if (produced.has(output.value) && !renamed.has(output.value)) renamed.set(output.value, output.name);
      else copied.push(output);
    }
    const rename = (value: string): string => renamed.get(value) ?? value;
    const copies = copied.map(({ name, value }) => ({
      opType: 'Identity',
      name,
      input: [rename(value)],
      output: [name],
    }));
    return { nodes: this.nodes.map((node) => renameNode(node, rename)), copies };
  }

  private addConstant(name: string, dataType: number, dims: readonly number[], rawData: Uint8Array): string {
    this.constants.push({ name: this.claim(name), dataType, dims: [...dims], rawData });
    return name;
  }

  private claim(name: string): string {
    if (this.names.has(name)) throw new Error(`"${name}" is a value of this graph already`);
    this.names.add(name);
    return name;
  }

  private unused(stem: string): string {
    let number = this.names.size;
    while (this.names.has(`${stem}_${number}`)) number++;
    return `${stem}_${number}`;
  }
}

/** A value of a graph that becomes an input or output of another, under a new name. */
export interface Port {
  readonly value: string;
  readonly name: string;
  readonly dims: readonly Dim[];
}

/**
 * The part of a model between some of its values: inputs replace whatever made them, and only what the outputs need stays.
 * Operator set, weights and order of nodes stay as they were.
 */
export function cutModel(bytes: Uint8Array, inputs: readonly Port[], outputs: readonly Port[]): Uint8Array {
  const model = decodeModel(bytes);
  const graph = model.graph!;
  const names = new Map([...inputs, ...outputs].map((port) => [port.value, port.name]));
  const nodes = neededNodes(graph.node ?? [], inputs, outputs);
  const used = new Set(nodes.flatMap((node) => node.input ?? []));
  return encodeModel({
    irVersion: model.irVersion ?? IR_VERSION,
    producerName: 'ebm-tracker',
    opsetImport: model.opsetImport ?? [],
    graph: {
      name: 'graph',
      input: inputs.map((port) => valueInfo(port.name, port.dims)),
      output: outputs.map((port) => valueInfo(port.name, port.dims)),
      node: nodes.map((node) => renameNode(node, (value) => names.get(value) ?? value)),
      initializer: (graph.initializer ?? []).filter((tensor) => used.has(tensor.name ?? '')),
    },
  });
}

/** A model that reads values of what it is joined to. */
export interface JoinedModel {
  readonly bytes: Uint8Array;
  /** Prefix of its own values in the joined model: `${prefix}/${name}`. */
  readonly prefix: string;
  /** Its inputs that are values of what came before; the others are inputs of the joined model. */
  readonly wires: Readonly<Record<string, string>>;
}

/** Operators that mean the same in every operator set from 9 to DEFAULT_OPSET, as networks use them that were trained. */
const SETTLED_OPERATORS = new Set(
  'Add AveragePool BatchNormalization Concat Constant Conv DequantizeLinear Flatten Gemm GlobalAveragePool Identity MatMul MaxPool Mul QuantizeLinear Relu Sigmoid Sub Transpose'.split(
    ' ',
  ),
);
const FIRST_SETTLED_OPSET = 9;

/**
 * One model of a first one and others that go on from its values. Outputs are those of all.
 * @returns undefined where the first one's operators would not mean the same in the operator set of the others
 */
export function joinModels(first: Uint8Array, others: readonly JoinedModel[]): Uint8Array | undefined {
  const model = decodeModel(first);
  const graph = model.graph!;
  const opset = Number(model.opsetImport?.find(({ domain }) => !domain)?.version ?? 0);
  const settled = (graph.node ?? []).every(({ opType, domain }) => domain || SETTLED_OPERATORS.has(opType ?? ''));
  if (opset < FIRST_SETTLED_OPSET || (opset < DEFAULT_OPSET && !settled)) return undefined;
  const constants = new Set((graph.initializer ?? []).map(({ name }) => name));
  const joined = {
    // old models list their constants as inputs too
    input: (graph.input ?? []).filter(({ name }) => !constants.has(name)),
    output: [...(graph.output ?? [])],
    node: [...(graph.node ?? [])],
    initializer: [...(graph.initializer ?? [])],
  };
  for (const { bytes, prefix, wires } of others) {
    const other = decodeModel(bytes).graph!;
    const rename = (value: string): string => (value === '' ? '' : (wires[value] ?? `${prefix}/${value}`));
    const renamed = <T extends { name?: string | null }>(list: readonly T[] | null | undefined): T[] =>
      (list ?? []).map((entry) => ({ ...entry, name: rename(entry.name ?? '') }));
    joined.input.push(...renamed(other.input?.filter(({ name }) => !Object.hasOwn(wires, name!))));
    joined.output.push(...renamed(other.output));
    joined.node.push(
      ...(other.node ?? []).map((node) => ({ ...renameNode(node, rename), name: `${prefix}/${node.name}` })),
    );
    joined.initializer.push(...renamed(other.initializer));
  }
  const opsetImport = (model.opsetImport ?? []).map((entry) =>
    entry.domain ? entry : { domain: '', version: Math.max(opset, DEFAULT_OPSET) },
  );
  return encodeModel({
    irVersion: Math.max(Number(model.irVersion ?? 0), IR_VERSION),
    producerName: 'ebm-tracker',
    opsetImport,
    graph: { name: 'graph', ...joined },
  });
}

/** The same model with constants in place of some inputs: the runtime prepares them once. @throws Error where there is no such input */
export function fixInputs(bytes: Uint8Array, values: Readonly<Record<string, FloatTensor>>): Uint8Array {
  const model = decodeModel(bytes);
  const graph = model.graph!;
  const known = new Set((graph.input ?? []).map(({ name }) => name));
  const constants = Object.entries(values).map(([name, { data, dims }]) => {
    if (!known.has(name)) throw new Error(`the graph has no input ${name}`);
    checkCount(name, data.length, dims);
    return { name, dataType: FLOAT, dims: [...dims], rawData: littleEndian(data) };
  });
  const input = (graph.input ?? []).filter(({ name }) => !Object.hasOwn(values, name!));
  const initializer = [...(graph.initializer ?? []), ...constants];
  return encodeModel({ ...model, graph: { ...graph, input, initializer } });
}

/** The same model with more of its values as outputs, so that one can look inside. */
export function withOutputs(bytes: Uint8Array, values: readonly string[]): Uint8Array {
  const model = decodeModel(bytes);
  const graph = model.graph!;
  const output = [...(graph.output ?? []), ...values.map((name) => ({ name }))];
  return encodeModel({ ...model, graph: { ...graph, output } });
}

function neededNodes(
  nodes: readonly onnx.INodeProto[],
  inputs: readonly Port[],
  outputs: readonly Port[],
): onnx.INodeProto[] {
  const given = new Set(inputs.map((port) => port.value));
  const needed = new Set(outputs.map((port) => port.value));
  const kept: onnx.INodeProto[] = [];
  for (const node of nodes.toReversed()) {
    const made = node.output ?? [];
    if (!made.some((value) => needed.has(value) && !given.has(value))) continue;
    kept.push(node);
    for (const value of node.input ?? []) needed.add(value);
  }
  const known = new Set(kept.flatMap((node) => node.output ?? []));
  const missing = outputs.filter((port) => !known.has(port.value)).map((port) => port.value);
  if (missing.length > 0) throw new Error(`the graph has no value ${missing.join(', ')}`);
  return kept.toReversed();
}

/** The model as plain objects, for tools that rewrite it; encodeModel() makes bytes of it again. */
export function decodeModel(bytes: Uint8Array): onnx.IModelProto {
  const model = onnxProto.onnx.ModelProto.decode(bytes);
  if (!model.graph) throw new Error('the ONNX model has no graph');
  return model;
}

export function encodeModel(model: onnx.IModelProto): Uint8Array {
  return onnxProto.onnx.ModelProto.encode(model).finish();
}

/** TensorProto.DataType of the ONNX schema. */
const FLOAT = 1;
const INT64 = 7;

/** AttributeProto.AttributeType of the ONNX schema. */
const ATTRIBUTE_FLOAT = 1;
const ATTRIBUTE_INT = 2;
const ATTRIBUTE_STRING = 3;
const ATTRIBUTE_INTS = 7;

function attributeProto(name: string, value: Attribute): onnx.IAttributeProto {
  if (typeof value === 'string') return { name, type: ATTRIBUTE_STRING, s: new TextEncoder().encode(value) };
  if (typeof value === 'number') return { name, type: ATTRIBUTE_INT, i: integer(name, value) };
  if ('float' in value) return { name, type: ATTRIBUTE_FLOAT, f: value.float };
  return { name, type: ATTRIBUTE_INTS, ints: value.map((entry) => integer(name, entry)) };
}

function integer(name: string, value: number): number {
  if (!Number.isInteger(value))
    throw new Error(`attribute ${name}: ${value} is no integer; a float is written { float: ${value} }`);
  return value;
}

function valueInfo(name: string, dims: readonly Dim[]): onnx.IValueInfoProto {
  const dim = dims.map((extent) => (typeof extent === 'number' ? { dimValue: extent } : { dimParam: extent }));
  return { name, type: { tensorType: { elemType: FLOAT, shape: { dim } } } };
}

function renameNode(node: onnx.INodeProto, rename: (value: string) => string): onnx.INodeProto {
  return { ...node, input: (node.input ?? []).map(rename), output: (node.output ?? []).map(rename) };
}

function checkCount(name: string, count: number, dims: readonly number[]): void {
  const expected = dims.reduce((product, extent) => product * extent, 1);
  if (count !== expected)
    throw new Error(`constant ${name}: ${count} values, expected ${expected} for [${dims.join(', ')}]`);
}

/** ONNX raw data is little-endian, as is every machine that onnxruntime-node has a build for. */
function littleEndian(array: Float32Array | BigInt64Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength).slice();
}

/** A node of a graph that was read, with what convolutional networks say in their attributes. */
export interface GraphNode {
  readonly type: string;
  readonly inputs: readonly string[];
  readonly output: string;
  /** Lists of whole numbers, such as strides and pads. */
  readonly integers: Readonly<Record<string, readonly number[]>>;
}

/** The nodes between some values of a model, in the order in which they run, and the constants that they read. */
export function readNodes(
  bytes: Uint8Array,
  from: string,
  to: string,
): { nodes: GraphNode[]; constants: Record<string, FloatTensor> } {
  const graph = decodeModel(bytes).graph!;
  const port = (value: string): Port => ({ value, name: value, dims: [] });
  const nodes = neededNodes(graph.node ?? [], [port(from)], [port(to)]);
  const used = new Set(nodes.flatMap((node) => node.input ?? []));
  const constants = (graph.initializer ?? []).filter(({ name }) => used.has(name ?? ''));
  return {
    nodes: nodes.map((node) => ({
      type: node.opType ?? '',
      inputs: node.input ?? [],
      output: node.output![0]!,
      integers: Object.fromEntries((node.attribute ?? []).map(({ name, ints }) => [name!, (ints ?? []).map(Number)])),
    })),
    constants: Object.fromEntries(constants.map((tensor) => [tensor.name!, readFloats(tensor)])),
  };
}

/** The same model with other values for some of its constants. @throws Error where one is not there or has another size */
export function withConstants(bytes: Uint8Array, values: Readonly<Record<string, Float32Array>>): Uint8Array {
  const model = decodeModel(bytes);
  const graph = model.graph!;
  const known = new Map((graph.initializer ?? []).map((tensor) => [tensor.name ?? '', tensor]));
  for (const [name, data] of Object.entries(values)) {
    const tensor = known.get(name);
    if (!tensor) throw new Error(`the graph has no constant ${name}`);
    checkCount(name, data.length, (tensor.dims ?? []).map(Number));
  }
  const initializer = (graph.initializer ?? []).map((tensor) => {
    const data = values[tensor.name ?? ''];
    if (!data) return tensor;
    const { name, dims, dataType } = tensor;
    return { name: name!, dims: dims!, dataType: dataType!, rawData: littleEndian(data) };
  });
  return encodeModel({ ...model, graph: { ...graph, initializer } });
}

function readFloats({ name, dims, rawData, floatData, dataType }: onnx.ITensorProto): FloatTensor {
  if (dataType !== FLOAT) throw new Error(`constant ${name}: data type ${dataType}, expected float32`);
  const data = rawData?.length ? new Float32Array(Uint8Array.from(rawData).buffer) : Float32Array.from(floatData ?? []);
  return { data, dims: (dims ?? []).map(Number) };
}
