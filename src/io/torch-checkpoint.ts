/**
 * Files of torch.save, without Python: both containers (one pickle after the other, before PyTorch 1.6; a zip archive since), read by an
 * unpickler that executes nothing. Tensors are converted to float32 when they are asked for.
 */
import { isZip, readStoredZip, type ZipEntry } from './stored-zip.js';
import {
  invalidCheckpoint,
  PickledForeign,
  PickledGlobal,
  PickledTuple,
  unpickle,
  type Pickled,
  type PickleHooks,
} from './pickle.js';

/** Numbers of the file, which several tensors may share. */
interface Storage {
  readonly type: StorageType;
  readonly key: string;
  /** Elements. */
  readonly count: number;
}

/** A tensor of the file, not read yet. */
export class CheckpointTensor {
  constructor(
    readonly storage: Storage,
    /** Its first number in the storage. */
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}

  /** How many numbers it has. */
  get count(): number {
    return this.shape.reduce((product, side) => product * side, 1);
  }
}

export interface TorchCheckpoint {
  readonly container: 'legacy' | 'zip';
  /** The saved object. Tensors are PickledForeign<CheckpointTensor>. */
  readonly root: Pickled;
  /** Rows last, in the order of the tensor's own axes. @throws TrackerError CHECKPOINT_INVALID */
  read(tensor: CheckpointTensor): Float32Array;
}

/** How the numbers of a storage are read. */
interface StorageType {
  readonly dtype: string;
  readonly bytes: number;
  get(view: DataView, at: number): number;
}

/** By the name of the storage's class, without "Storage". */
const STORAGE_TYPES: Readonly<Record<string, StorageType>> = {
  Float: { dtype: 'float32', bytes: 4, get: (view, at) => view.getFloat32(at, true) },
  Half: { dtype: 'float16', bytes: 2, get: (view, at) => halfToNumber(view.getUint16(at, true)) },
  BFloat16: { dtype: 'bfloat16', bytes: 2, get: (view, at) => bfloat16ToNumber(view.getUint16(at, true)) },
  Double: { dtype: 'float64', bytes: 8, get: (view, at) => view.getFloat64(at, true) },
  Long: { dtype: 'int64', bytes: 8, get: (view, at) => Number(view.getBigInt64(at, true)) },
  Int: { dtype: 'int32', bytes: 4, get: (view, at) => view.getInt32(at, true) },
  Short: { dtype: 'int16', bytes: 2, get: (view, at) => view.getInt16(at, true) },
  Byte: { dtype: 'uint8', bytes: 1, get: (view, at) => view.getUint8(at) },
  Char: { dtype: 'int8', bytes: 1, get: (view, at) => view.getInt8(at) },
  Bool: { dtype: 'bool', bytes: 1, get: (view, at) => view.getUint8(at) },
};

function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

function bfloat16ToNumber(bits: number): number {
  return new Float32Array(Uint32Array.of(bits << 16).buffer)[0]!;
}

/**
 * @param where names the file in errors
 * @throws TrackerError CHECKPOINT_INVALID
 */
export function readTorchCheckpoint(bytes: Uint8Array, where: string): TorchCheckpoint {
  refuseOtherFiles(bytes, where);
  const { container, root, bytesOf } = isZip(bytes) ? readZip(bytes, where) : readLegacy(bytes, where);
  return { container, root, read: (tensor) => readTensor(tensor, bytesOf(tensor.storage)) };
}

interface Container {
  readonly container: 'legacy' | 'zip';
  readonly root: Pickled;
  /** The bytes of a storage: count times the size of an element. */
  bytesOf(storage: Storage): Uint8Array;
}

// --- other files that are taken for checkpoints ---

/** First bytes of other kinds of files, the name of the kind, and the hint. */
const OTHER_FILES: readonly (readonly [RegExp, string, string])[] = [
  [
    /^\s*<(!doctype|html|head|\?xml)/i,
    'a web page',
    'the site answered with a page instead of the file: fetch it in a browser',
  ],
  [/^version https:\/\/git-lfs/, 'a Git LFS pointer', 'fetch the file itself: git lfs pull'],
  // oxlint-disable-next-line no-control-regex -- first bytes of the format
  [/^\u001f\u008b/, 'a gzip archive', 'unpack it first: gunzip'],
  // oxlint-disable-next-line no-control-regex -- first bytes of the format
  [/^\u0008[\u0003-\u000c]\u0012/, 'an ONNX model', 'give the file of torch.save'],
  [/^.{8}\{"/s, 'a safetensors file', 'give the checkpoint of torch.save; what import has written is used with --head'],
];
const TAR_MAGIC_AT = 257;

function refuseOtherFiles(bytes: Uint8Array, where: string): void {
  if (bytes.length === 0) invalidCheckpoint(where, 'the file is empty');
  // a character a byte; TextDecoder('latin1') is windows-1252, from Node 24 on
  const text = String.fromCharCode(...bytes.subarray(0, 300));
  for (const [pattern, name, hint] of OTHER_FILES)
    if (pattern.test(text)) invalidCheckpoint(where, `it is ${name}, expected a file of torch.save`, hint);
  if (text.startsWith('ustar', TAR_MAGIC_AT))
    invalidCheckpoint(
      where,
      'it is a tar archive, expected a file of torch.save',
      'unpack it; a .pth.tar of PyTorch is none',
    );
}

// --- the pickle ---

const REBUILD_TENSOR = 'torch._utils._rebuild_tensor_v2';
const REBUILD_PARAMETER = 'torch._utils._rebuild_parameter';
const MOST_AXES = 8;

/** Storages by their key: each has one type and size, however often it is referred to. */
type Storages = Map<string, Storage>;

function hooksFor(where: string, storages: Storages): PickleHooks {
  return {
    where,
    call(name, args) {
      if (name === REBUILD_PARAMETER) return tensorOf(args[0], where);
      return name === REBUILD_TENSOR ? new PickledForeign(rebuildTensor(args, where)) : undefined;
    },
    persistent: (id) => new PickledForeign(referredStorage(id, storages, where)),
  };
}

function tensorOf(value: Pickled | undefined, where: string): PickledForeign {
  if (value instanceof PickledForeign && value.value instanceof CheckpointTensor) return value;
  return invalidCheckpoint(where, 'a parameter of it is no tensor');
}

function referredStorage(id: Pickled, storages: Storages, where: string): Storage {
  const items = id instanceof PickledTuple ? id.items : [];
  const [kind, type, key, , count, view] = items;
  if (kind === 'module')
    invalidCheckpoint(where, 'it was saved as a module, not as weights', 'save a dictionary with net.state_dict()');
  if (kind !== 'storage' || !(type instanceof PickledGlobal) || typeof key !== 'string' || !isCount(count))
    invalidCheckpoint(where, 'it refers to something else than numbers');
  if (view !== undefined && view !== null) invalidCheckpoint(where, `storage ${key} is a view of another one`);
  const storage = { type: storageType(type.name, where), key, count };
  const known = storages.get(key) ?? storage;
  if (known.type !== storage.type || known.count !== count)
    invalidCheckpoint(where, `storage ${key} has two types or sizes`);
  storages.set(key, known);
  return known;
}

function storageType(name: string, where: string): StorageType {
  const stem = /^torch(?:\.cuda)?\.(\w+)Storage$/.exec(name)?.[1];
  if (stem !== undefined && Object.hasOwn(STORAGE_TYPES, stem)) return STORAGE_TYPES[stem]!;
  return invalidCheckpoint(where, `it has numbers of the type ${name}, expected one of ${Object.keys(STORAGE_TYPES)}`);
}

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

function rebuildTensor(args: readonly Pickled[], where: string): CheckpointTensor {
  const [source, offset, shape, strides] = args;
  const storage = source instanceof PickledForeign ? (source.value as Storage) : undefined;
  const sides = shape instanceof PickledTuple ? shape.items : [];
  const steps = strides instanceof PickledTuple ? strides.items : undefined;
  if (!storage || storage instanceof CheckpointTensor || !isCount(offset) || steps?.length !== sides.length)
    return invalidCheckpoint(where, 'a tensor of it is not made of a storage, a shape and strides');
  const axes = sides.length;
  if (axes > MOST_AXES) invalidCheckpoint(where, `a tensor of it has ${axes} axes, expected ${MOST_AXES} at most`);
  if (!sides.every(isCount) || !steps.every(isCount))
    return invalidCheckpoint(where, 'a tensor of it has an odd shape');
  const tensor = new CheckpointTensor(storage, offset, sides, steps);
  const last = sides.reduce((sum, side, axis) => sum + (side - 1) * steps[axis]!, offset);
  if (tensor.count > storage.count || (tensor.count > 0 && last >= storage.count)) {
    const found = `storage ${storage.key} of ${storage.count}`;
    invalidCheckpoint(where, `a tensor of shape [${sides.join(', ')}] does not fit into its ${found} numbers`);
  }
  return tensor;
}

// --- containers ---

function readZip(bytes: Uint8Array, where: string): Container {
  const entries = readStoredZip(bytes, (why) => invalidCheckpoint(where, why));
  const stem = findStem(entries, where);
  const order = entries.get(`${stem}byteorder`)?.read();
  if (order && new TextDecoder().decode(order).trim() !== 'little') refuseBigEndian(where);
  const storages: Storages = new Map();
  const pickle = entries.get(`${stem}${MAIN}`)!.read();
  const { value, end } = unpickle(pickle, 0, hooksFor(where, storages));
  if (end !== pickle.length) invalidCheckpoint(where, 'something follows its pickle');
  const entryOf = ({ key, count, type }: Storage): ZipEntry => {
    const entry = entries.get(`${stem}data/${key}`);
    if (!entry) return invalidCheckpoint(where, `the numbers of storage ${key} are missing`);
    if (entry.size === count * type.bytes) return entry;
    return invalidCheckpoint(where, `storage ${key} has ${entry.size} bytes, expected ${count * type.bytes}`);
  };
  for (const storage of storages.values()) entryOf(storage);
  return { container: 'zip', root: value, bytesOf: (storage) => entryOf(storage).read() };
}

const MAIN = 'data.pkl';

/** The folder in the archive: the name that the file had when it was saved, and a slash. */
function findStem(entries: ReadonlyMap<string, ZipEntry>, where: string): string {
  const [main, ...others] = [...entries.keys()].filter((name) => /^[^/]+\/data\.pkl$/.test(name));
  if (main === undefined || others.length > 0)
    return invalidCheckpoint(where, 'it is a zip archive, but none of torch.save', 'give the file as it was fetched');
  const stem = main.slice(0, -MAIN.length);
  if (entries.has(`${stem}constants.pkl`))
    invalidCheckpoint(where, 'it is a TorchScript program', 'give the checkpoint that was trained');
  return stem;
}

const refuseBigEndian = (where: string): never =>
  invalidCheckpoint(where, 'its numbers are big-endian, expected little-endian', 'save it again on another machine');

const LEGACY_MAGIC = 0x1950a86a20f9469cfc6cn;
const LEGACY_VERSION = 1001;

function readLegacy(bytes: Uint8Array, where: string): Container {
  if (bytes[0] !== PICKLE)
    invalidCheckpoint(where, 'it is no file of torch.save', 'give the .pth or .pth.tar as it was fetched');
  const storages: Storages = new Map();
  const hooks = hooksFor(where, storages);
  let at = 0;
  const next = (): Pickled => {
    const { value, end } = unpickle(bytes, at, hooks);
    at = end;
    return value;
  };
  if (next() !== LEGACY_MAGIC) invalidCheckpoint(where, 'it is a pickle, but none of torch.save');
  const version = next();
  if (version !== LEGACY_VERSION) invalidCheckpoint(where, `its format is not version ${LEGACY_VERSION}`);
  const system = next();
  if (system instanceof Map && system.get('little_endian') === false) refuseBigEndian(where);
  const root = next();
  const keys = next();
  if (!Array.isArray(keys)) return invalidCheckpoint(where, 'its list of storages is missing');
  const places = placeStorages(bytes, at, keys, storages, where);
  return { container: 'legacy', root, bytesOf: ({ key }) => places.get(key)! };
}

/** PROTO, with which each pickle begins. */
const PICKLE = 0x80;
const COUNT_BYTES = 8;

/** The bytes of each storage: one after the other, each behind its count, up to the end of the file. */
function placeStorages(
  bytes: Uint8Array,
  from: number,
  keys: readonly Pickled[],
  storages: Storages,
  where: string,
): ReadonlyMap<string, Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const places = new Map<string, Uint8Array>();
  let at = from;
  for (const key of keys) {
    const storage = typeof key === 'string' ? storages.get(key) : undefined;
    if (!storage || places.has(storage.key)) return invalidCheckpoint(where, 'its list of storages is damaged');
    if (at + COUNT_BYTES > bytes.length) invalidCheckpoint(where, CUT_OFF);
    const count = Number(view.getBigInt64(at, true));
    if (count !== storage.count)
      invalidCheckpoint(where, `storage ${storage.key} has ${count} numbers, expected ${storage.count}`);
    at += COUNT_BYTES;
    const size = count * storage.type.bytes;
    if (at + size > bytes.length) invalidCheckpoint(where, CUT_OFF);
    places.set(storage.key, bytes.subarray(at, at + size));
    at += size;
  }
  if (places.size !== storages.size) invalidCheckpoint(where, 'the numbers of some of its tensors are missing');
  if (at !== bytes.length) invalidCheckpoint(where, `${bytes.length - at} bytes follow its last number`);
  return places;
}

const CUT_OFF = 'it is cut off: numbers are missing at its end';

// --- numbers ---

function readTensor(tensor: CheckpointTensor, bytes: Uint8Array): Float32Array {
  const { offset, strides } = tensor;
  const { type } = tensor.storage;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const result = new Float32Array(tensor.count);
  if (type.dtype === 'float32' && isContiguous(tensor.shape, strides)) {
    const from = offset * type.bytes;
    new Uint8Array(result.buffer).set(bytes.subarray(from, from + result.byteLength));
    return result;
  }
  const index = tensor.shape.map(() => 0);
  let at = offset;
  for (let i = 0; i < result.length; i++) {
    result[i] = type.get(view, at * type.bytes);
    for (let axis = index.length - 1; axis >= 0; axis--) {
      at += strides[axis]!;
      if (++index[axis]! < tensor.shape[axis]!) break;
      at -= index[axis]! * strides[axis]!;
      index[axis] = 0;
    }
  }
  return result;
}

/** True if rows follow each other without gaps; the stride of an axis of size 1 does not count. */
function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected) return false;
    expected *= shape[axis]!;
  }
  return true;
}
