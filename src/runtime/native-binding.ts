/* oxlint-disable max-lines -- a table of C functions and the binding that calls them */
/**
 * TensorFlow's eager C API as the binding that the JavaScript layer of @tensorflow/tfjs-node asks for: its compiled add-on, replaced
 * by calls through koffi into libtensorflow_cc. Nothing is compiled or downloaded here.
 * Source: tensorflow/c/c_api.h and tensorflow/c/eager/c_api.h of TensorFlow 2.15; tfjs-node 4.22.0, dist/tfjs_binding.d.ts.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { TrackerError } from '../errors.js';

/** The two libraries, found in one folder. The first is loaded; it finds the second beside itself. */
export const TENSORFLOW_LIBRARIES = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'] as const;

/** The script is not part of the package; the package of tfjs-node fetches TensorFlow when its install script runs. */
export const NATIVE_TENSORFLOW_HINT =
  'in a clone on Linux x86-64 npm run native-tensorflow; elsewhere npm install @tensorflow/tfjs-node@4.22.0, with install scripts';

/** TF_DataType and TF_AttrType, under the names that tfjs-node reads from its binding. */
const TYPES = {
  TF_FLOAT: 1,
  TF_INT32: 3,
  TF_UINT8: 4,
  TF_STRING: 7,
  TF_COMPLEX64: 8,
  TF_INT64: 9,
  TF_BOOL: 10,
  TF_RESOURCE: 20,
  TF_ATTR_STRING: 0,
  TF_ATTR_INT: 1,
  TF_ATTR_FLOAT: 2,
  TF_ATTR_BOOL: 3,
  TF_ATTR_TYPE: 4,
  TF_ATTR_SHAPE: 5,
} as const;

/** Bytes of one element, by TF_DataType. */
const ELEMENT_BYTES: Readonly<Record<number, number>> = { 1: 4, 3: 4, 4: 1, 8: 8, 9: 8, 10: 1 };

/** sizeof(TF_TString). */
const STRING_BYTES = 24;

type TensorValues = Float32Array | Int32Array | Uint8Array | BigInt64Array;

interface Attribute {
  readonly name: string;
  readonly type: number;
  readonly value: unknown;
}

interface OpOutput {
  readonly id: number;
  readonly shape: number[];
  readonly dtype: number;
}

/** The interface TFJSBinding of tfjs-node, without SavedModel. Tensors are known by a number of our own. */
export interface NativeBinding {
  /** Tells this binding from tfjs-node's own. */
  readonly native: true;
  /** Intra-op threads; undefined = TensorFlow's own choice. */
  readonly threads: number | undefined;
  readonly TF_Version: string;
  /** Copies values into a new tensor. */
  createTensor(shape: readonly number[], dtype: number, values: TensorValues | readonly Uint8Array[]): number;
  deleteTensor(id: number): void;
  /** Copies a tensor's values out. */
  tensorDataSync(id: number): TensorValues | Uint8Array[];
  executeOp(name: string, attributes: readonly Attribute[], inputs: readonly number[], outputs: number): OpOutput[];
  isUsingGpuDevice(): boolean;
  /** Tensors alive in TensorFlow. */
  getNumOfTensors(): number;
  getNumOfSavedModels(): number;
}

/** A C pointer as a number: user space addresses stay below 2^47. */
type Pointer = number;

/** koffi, as far as it is used here. */
interface Koffi {
  load(
    file: string,
    options?: { lazy?: boolean },
  ): {
    func(name: string, result: string, parameters: string[]): unknown;
  };
}

const POINTER = 'int64_t';
const BUFFER = 'const void *';

/** dlopen(3): bind lazily, and never unload. */
const RTLD_LAZY_NODELETE = 0x1001;

/** The C functions that are called, typed. */
// oxlint-disable-next-line max-lines-per-function -- a table of C functions, one after the other
function loadFunctions(koffi: Koffi, directory: string) {
  const file = path.join(directory, TENSORFLOW_LIBRARIES[0]);
  const tensorflow = koffi.load(file, { lazy: true });
  const libc = koffi.load('libc.so.6');
  const call = <F>(name: string, result: string, ...parameters: string[]): F =>
    tensorflow.func(name, result, parameters) as F;
  // koffi unloads its libraries at exit while TensorFlow's threads still run: that crashes. Keep them for good.
  const dlopen = koffi.load('libdl.so.2').func('dlopen', POINTER, ['str', 'int']) as (
    f: string,
    flags: number,
  ) => Pointer;
  for (const library of TENSORFLOW_LIBRARIES) dlopen(path.join(directory, library), RTLD_LAZY_NODELETE);

  type FromPointer<R> = (pointer: Pointer) => R;
  type SetList = (op: Pointer, name: Pointer, values: ArrayBufferView, count: number) => void;
  return {
    copyIn: libc.func('memcpy', POINTER, [POINTER, BUFFER, 'size_t']) as (
      to: Pointer,
      from: ArrayBufferView,
      bytes: number,
    ) => Pointer,
    copyOut: libc.func('memcpy', POINTER, ['void *', POINTER, 'size_t']) as (
      to: ArrayBufferView,
      from: Pointer,
      bytes: number,
    ) => Pointer,
    duplicate: libc.func('strdup', POINTER, ['str']) as (text: string) => Pointer,

    version: call<() => string>('TF_Version', 'str'),
    newStatus: call<() => Pointer>('TF_NewStatus', POINTER),
    getCode: call<FromPointer<number>>('TF_GetCode', 'int', POINTER),
    message: call<FromPointer<string>>('TF_Message', 'str', POINTER),

    allocateTensor: call<(dtype: number, dims: BigInt64Array, rank: number, bytes: number) => Pointer>(
      'TF_AllocateTensor',
      POINTER,
      'int',
      BUFFER,
      'int',
      'size_t',
    ),
    deleteTensor: call<FromPointer<void>>('TF_DeleteTensor', 'void', POINTER),
    tensorData: call<FromPointer<Pointer>>('TF_TensorData', POINTER, POINTER),
    tensorBytes: call<FromPointer<number>>('TF_TensorByteSize', 'size_t', POINTER),
    elementCount: call<FromPointer<number>>('TF_TensorElementCount', POINTER, POINTER),
    stringInit: call<FromPointer<void>>('TF_StringInit', 'void', POINTER),
    stringCopy: call<(to: Pointer, from: Uint8Array, bytes: number) => void>(
      'TF_StringCopy',
      'void',
      POINTER,
      BUFFER,
      'size_t',
    ),
    stringData: call<FromPointer<Pointer>>('TF_StringGetDataPointer', POINTER, POINTER),
    stringSize: call<FromPointer<number>>('TF_StringGetSize', 'size_t', POINTER),
    stringFree: call<FromPointer<void>>('TF_StringDealloc', 'void', POINTER),

    newOptions: call<() => Pointer>('TFE_NewContextOptions', POINTER),
    deleteOptions: call<FromPointer<void>>('TFE_DeleteContextOptions', 'void', POINTER),
    setConfig: call<(options: Pointer, config: Uint8Array, bytes: number, status: Pointer) => void>(
      'TFE_ContextOptionsSetConfig',
      'void',
      POINTER,
      BUFFER,
      'size_t',
      POINTER,
    ),
    newContext: call<(options: Pointer, status: Pointer) => Pointer>('TFE_NewContext', POINTER, POINTER, POINTER),

    newHandle: call<(tensor: Pointer, status: Pointer) => Pointer>('TFE_NewTensorHandle', POINTER, POINTER, POINTER),
    deleteHandle: call<FromPointer<void>>('TFE_DeleteTensorHandle', 'void', POINTER),
    resolve: call<(handle: Pointer, status: Pointer) => Pointer>('TFE_TensorHandleResolve', POINTER, POINTER, POINTER),
    handleType: call<FromPointer<number>>('TFE_TensorHandleDataType', 'int', POINTER),
    handleRank: call<(handle: Pointer, status: Pointer) => number>('TFE_TensorHandleNumDims', 'int', POINTER, POINTER),
    handleDim: call<(handle: Pointer, axis: number, status: Pointer) => number>(
      'TFE_TensorHandleDim',
      POINTER,
      POINTER,
      'int',
      POINTER,
    ),

    newOp: call<(context: Pointer, name: Pointer, status: Pointer) => Pointer>(
      'TFE_NewOp',
      POINTER,
      POINTER,
      POINTER,
      POINTER,
    ),
    deleteOp: call<FromPointer<void>>('TFE_DeleteOp', 'void', POINTER),
    addInput: call<(op: Pointer, handle: Pointer, status: Pointer) => void>(
      'TFE_OpAddInput',
      'void',
      POINTER,
      POINTER,
      POINTER,
    ),
    execute: call<(op: Pointer, outputs: BigInt64Array, count: Int32Array, status: Pointer) => void>(
      'TFE_Execute',
      'void',
      POINTER,
      'void *',
      'void *',
      POINTER,
    ),
    setString: call<SetList>('TFE_OpSetAttrString', 'void', POINTER, POINTER, BUFFER, 'size_t'),
    setInt: call<(op: Pointer, name: Pointer, value: number) => void>(
      'TFE_OpSetAttrInt',
      'void',
      POINTER,
      POINTER,
      POINTER,
    ),
    setInts: call<SetList>('TFE_OpSetAttrIntList', 'void', POINTER, POINTER, BUFFER, 'int'),
    setFloat: call<(op: Pointer, name: Pointer, value: number) => void>(
      'TFE_OpSetAttrFloat',
      'void',
      POINTER,
      POINTER,
      'float',
    ),
    setFloats: call<SetList>('TFE_OpSetAttrFloatList', 'void', POINTER, POINTER, BUFFER, 'int'),
    setBool: call<(op: Pointer, name: Pointer, value: number) => void>(
      'TFE_OpSetAttrBool',
      'void',
      POINTER,
      POINTER,
      'uint8_t',
    ),
    setBools: call<SetList>('TFE_OpSetAttrBoolList', 'void', POINTER, POINTER, BUFFER, 'int'),
    setType: call<(op: Pointer, name: Pointer, value: number) => void>(
      'TFE_OpSetAttrType',
      'void',
      POINTER,
      POINTER,
      'int',
    ),
    setShape: call<(op: Pointer, name: Pointer, dims: BigInt64Array, rank: number, status: Pointer) => void>(
      'TFE_OpSetAttrShape',
      'void',
      POINTER,
      POINTER,
      BUFFER,
      'int',
      POINTER,
    ),
  };
}

type Functions = ReturnType<typeof loadFunctions>;

/** int64_t[] of a shape; never empty, because koffi takes no null for a buffer. */
function dimsOf(shape: readonly number[]): BigInt64Array {
  return shape.length === 0 ? new BigInt64Array(1) : BigInt64Array.from(shape, BigInt);
}

/** ConfigProto { intra_op_parallelism_threads (2) = threads, inter_op_parallelism_threads (5) = 1 }, serialised. */
function threadsConfig(threads: number): Uint8Array {
  return Uint8Array.of(0x10, threads, 0x28, 1);
}

function createContext(c: Functions, status: Pointer, threads: number | undefined): Pointer {
  const options = c.newOptions();
  try {
    if (threads !== undefined) {
      const config = threadsConfig(threads);
      c.setConfig(options, config, config.length, status);
      check(c, status, 'TFE_ContextOptionsSetConfig');
    }
    const context = c.newContext(options, status);
    check(c, status, 'TFE_NewContext');
    return context;
  } finally {
    c.deleteOptions(options);
  }
}

function check(c: Functions, status: Pointer, what: string): void {
  if (c.getCode(status) !== 0) throw new Error(`${what}: ${c.message(status)}`);
}

/** Reads strings out of a TF_Tensor of TF_TString. */
function readStrings(c: Functions, tensor: Pointer): Uint8Array[] {
  const first = c.tensorData(tensor);
  return Array.from({ length: c.elementCount(tensor) }, (_, i) => {
    const item = first + i * STRING_BYTES;
    const bytes = new Uint8Array(c.stringSize(item));
    if (bytes.length > 0) c.copyOut(bytes, c.stringData(item), bytes.length);
    return bytes;
  });
}

function freeStrings(c: Functions, tensor: Pointer): void {
  const first = c.tensorData(tensor);
  for (let i = c.elementCount(tensor) - 1; i >= 0; i--) c.stringFree(first + i * STRING_BYTES);
  c.deleteTensor(tensor);
}

/** A typed array for the bytes of a tensor, by TF_DataType. */
function arrayFor(dtype: number, bytes: number): TensorValues {
  switch (dtype) {
    case TYPES.TF_FLOAT:
    case TYPES.TF_COMPLEX64:
      return new Float32Array(bytes / 4);
    case TYPES.TF_INT32:
      return new Int32Array(bytes / 4);
    case TYPES.TF_INT64:
      return new BigInt64Array(bytes / 8);
    case TYPES.TF_UINT8:
    case TYPES.TF_BOOL:
    case TYPES.TF_RESOURCE:
      return new Uint8Array(bytes);
    default:
      throw new Error(`tensor of TF_DataType ${dtype}: expected one of ${Object.keys(ELEMENT_BYTES).join(', ')}`);
  }
}

function newStringTensor(c: Functions, shape: readonly number[], values: readonly Uint8Array[]): Pointer {
  const tensor = c.allocateTensor(TYPES.TF_STRING, dimsOf(shape), shape.length, STRING_BYTES * values.length);
  const first = c.tensorData(tensor);
  for (const [i, value] of values.entries()) {
    c.stringInit(first + i * STRING_BYTES);
    c.stringCopy(first + i * STRING_BYTES, value, value.byteLength);
  }
  return tensor;
}

function newNumberTensor(c: Functions, shape: readonly number[], dtype: number, values: TensorValues): Pointer {
  const bytes = (ELEMENT_BYTES[dtype] ?? Number.NaN) * shape.reduce((a, b) => a * b, 1);
  if (values.byteLength !== bytes) {
    throw new Error(
      `tensor [${shape.join()}] of TF_DataType ${dtype}: found ${values.byteLength} bytes, expected ${bytes}`,
    );
  }
  const tensor = c.allocateTensor(dtype, dimsOf(shape), shape.length, bytes);
  if (bytes > 0) c.copyIn(c.tensorData(tensor), values, bytes);
  return tensor;
}

function setAttribute(c: Functions, op: Pointer, name: Pointer, attribute: Attribute, status: Pointer): void {
  const { type, value } = attribute;
  const list = Array.isArray(value) ? (value as number[]) : undefined;
  switch (type) {
    case TYPES.TF_ATTR_STRING: {
      const bytes = Buffer.from(value as string, 'utf8');
      return c.setString(op, name, bytes.length > 0 ? bytes : new Uint8Array(1), bytes.length);
    }
    case TYPES.TF_ATTR_INT:
      return list ? c.setInts(op, name, dimsOf(list), list.length) : c.setInt(op, name, value as number);
    case TYPES.TF_ATTR_FLOAT:
      return list ? c.setFloats(op, name, Float32Array.from(list), list.length) : c.setFloat(op, name, value as number);
    case TYPES.TF_ATTR_BOOL:
      return list
        ? c.setBools(op, name, Uint8Array.from(list, Number), list.length)
        : c.setBool(op, name, value ? 1 : 0);
    case TYPES.TF_ATTR_TYPE:
      return c.setType(op, name, value as number);
    case TYPES.TF_ATTR_SHAPE:
      c.setShape(op, name, dimsOf(list ?? []), list?.length ?? 0, status);
      return check(c, status, attribute.name);
    default:
      throw new Error(`attribute ${attribute.name}: found TF_AttrType ${type}, expected 0 to 5`);
  }
}

// oxlint-disable-next-line max-lines-per-function -- the functions of one interface that TensorFlow.js calls, on the same handles
function createBinding(c: Functions, threads: number | undefined): NativeBinding {
  const status = c.newStatus();
  const context = createContext(c, status, threads);
  const handles = new Map<number, Pointer>();
  // A handle of strings refers to the tensor's own memory: it is freed after the handle.
  const stringTensors = new Map<number, Pointer>();
  const names = new Map<string, Pointer>();
  let nextId = 0;

  const nameOf = (text: string): Pointer => {
    let pointer = names.get(text);
    if (pointer === undefined) names.set(text, (pointer = c.duplicate(text)));
    return pointer;
  };
  const handleOf = (id: number): Pointer => {
    const handle = handles.get(id);
    if (handle === undefined) throw new Error(`tensor ${id}: not alive in this binding`);
    return handle;
  };
  const adopt = (handle: Pointer): OpOutput => {
    const id = nextId++;
    handles.set(id, handle);
    const shape = Array.from({ length: c.handleRank(handle, status) }, (_, axis) => c.handleDim(handle, axis, status));
    return { id, shape, dtype: c.handleType(handle) };
  };

  return {
    ...TYPES,
    native: true,
    threads,
    TF_Version: c.version(),
    createTensor(shape, dtype, values) {
      const isString = dtype === TYPES.TF_STRING;
      const tensor = isString
        ? newStringTensor(c, shape, values as readonly Uint8Array[])
        : newNumberTensor(c, shape, dtype, values as TensorValues);
      const handle = c.newHandle(tensor, status);
      if (isString) stringTensors.set(nextId, tensor);
      else c.deleteTensor(tensor);
      check(c, status, 'TFE_NewTensorHandle');
      handles.set(nextId, handle);
      return nextId++;
    },
    deleteTensor(id) {
      c.deleteHandle(handleOf(id));
      handles.delete(id);
      const strings = stringTensors.get(id);
      if (strings === undefined) return;
      stringTensors.delete(id);
      freeStrings(c, strings);
    },
    tensorDataSync(id) {
      const handle = handleOf(id);
      const dtype = c.handleType(handle);
      const tensor = c.resolve(handle, status);
      check(c, status, 'TFE_TensorHandleResolve');
      try {
        if (dtype === TYPES.TF_STRING) return readStrings(c, tensor);
        const values = arrayFor(dtype, c.tensorBytes(tensor));
        if (values.byteLength > 0) c.copyOut(values, c.tensorData(tensor), values.byteLength);
        return values;
      } finally {
        c.deleteTensor(tensor);
      }
    },
    executeOp(name, attributes, inputs, outputs) {
      const op = c.newOp(context, nameOf(name), status);
      check(c, status, name);
      try {
        for (const id of inputs) {
          c.addInput(op, handleOf(id), status);
          check(c, status, name);
        }
        for (const attribute of attributes) setAttribute(c, op, nameOf(attribute.name), attribute, status);
        const results = new BigInt64Array(Math.max(1, outputs));
        c.execute(op, results, Int32Array.of(outputs), status);
        check(c, status, name);
        return Array.from(results.subarray(0, outputs), (handle) => adopt(Number(handle)));
      } finally {
        c.deleteOp(op);
      }
    },
    isUsingGpuDevice: () => false,
    getNumOfTensors: () => handles.size,
    getNumOfSavedModels: () => 0,
  };
}

/**
 * Opens TensorFlow's libraries and makes an eager context on the CPU.
 * @param directory holds TENSORFLOW_LIBRARIES
 * @param threads intra-op threads, 1 to 127; undefined = one a core
 * @throws TrackerError TENSORFLOW_UNAVAILABLE when a library or koffi is missing
 */
export async function openNativeBinding(directory: string, threads: number | undefined): Promise<NativeBinding> {
  for (const library of TENSORFLOW_LIBRARIES) {
    if (existsSync(path.join(directory, library))) continue;
    throw new TrackerError('TENSORFLOW_UNAVAILABLE', `${library}: not found in ${directory}`, {
      hint: NATIVE_TENSORFLOW_HINT,
    });
  }
  const koffi = await importKoffi();
  return createBinding(loadFunctions(koffi, directory), threads);
}

async function importKoffi(): Promise<Koffi> {
  const name = 'koffi'; // optional: the compiler must not ask for it
  try {
    return ((await import(name)) as { default: Koffi }).default;
  } catch (cause) {
    throw new TrackerError('TENSORFLOW_UNAVAILABLE', 'package koffi: it does not load', {
      hint: 'npm install koffi@3.3.4 (its binary is an optional dependency: not with --omit=optional)',
      cause,
    });
  }
}
