/**
 * Files as torch.save writes them, in both containers: for tests and measurements, since no published checkpoint can be part of the project.
 * Values are written as they come: null, booleans, numbers, text, lists, maps (OrderedDict), records and tensors.
 */
import { crc32 } from 'node:zlib';

/** Bytes of one storage, and the class that it has in PyTorch. */
export interface WrittenTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array | BigInt64Array;
}

/** An object of a Python class: its fields become its state. */
export interface WrittenObject {
  readonly type: readonly [module: string, name: string];
  readonly state: Readonly<Record<string, Written>>;
}

export type Written =
  | null
  | boolean
  | number
  | string
  | readonly Written[]
  | ReadonlyMap<string, Written>
  | { readonly tensor: WrittenTensor }
  | { readonly object: WrittenObject };

export type ContainerName = 'legacy' | 'zip';

const encoder = new TextEncoder();

class PickleWriter {
  private readonly parts: Uint8Array[] = [];
  readonly storages: { readonly key: string; readonly data: WrittenTensor['data'] }[] = [];

  bytes(...values: readonly number[]): void {
    this.parts.push(Uint8Array.from(values));
  }

  symbol(text: string): void {
    this.parts.push(encoder.encode(text));
  }

  private sized(symbol: string, size: number, fill: (view: DataView) => void): void {
    const bytes = new Uint8Array(1 + size);
    bytes[0] = symbol.charCodeAt(0);
    fill(new DataView(bytes.buffer, 1));
    this.parts.push(bytes);
  }

  text(text: string): void {
    const bytes = encoder.encode(text);
    this.sized('X', 4, (view) => view.setUint32(0, bytes.length, true));
    this.parts.push(bytes);
  }

  number(value: number): void {
    if (!Number.isInteger(value)) this.sized('G', 8, (view) => view.setFloat64(0, value));
    else if (value >= 0 && value < 256) this.bytes(0x4b, value);
    else if (value >= 0 && value < 65536) this.sized('M', 2, (view) => view.setUint16(0, value, true));
    else this.sized('J', 4, (view) => view.setInt32(0, value, true));
  }

  global(module: string, name: string): void {
    this.symbol(`c${module}\n${name}\n`);
  }

  /** ( ... t */
  tuple(...items: readonly (() => void)[]): void {
    this.symbol('(');
    for (const item of items) item();
    this.symbol('t');
  }

  whole(values: readonly number[]): void {
    this.tuple(...values.map((value) => () => this.number(value)));
  }

  value(value: Written): void {
    if (value === null) this.symbol('N');
    else if (typeof value === 'boolean') this.bytes(value ? 0x88 : 0x89);
    else if (typeof value === 'number') this.number(value);
    else if (typeof value === 'string') this.text(value);
    else if (value instanceof Map) this.orderedDict(value);
    else if ('tensor' in value) this.tensor(value.tensor);
    else if ('object' in value) this.object(value.object);
    else this.list(value as readonly Written[]);
  }

  private list(values: readonly Written[]): void {
    this.symbol('](');
    for (const value of values) this.value(value);
    this.symbol('e');
  }

  /** As torch writes the state of a module, which has an attribute with the modules' versions. */
  private orderedDict(values: ReadonlyMap<string, Written>): void {
    this.global('collections', 'OrderedDict');
    this.symbol(')R(');
    for (const [key, value] of values) {
      this.text(key);
      this.value(value);
    }
    this.symbol('u}');
    this.text('_metadata');
    this.symbol('}sb');
  }

  dict(values: Readonly<Record<string, Written>>): void {
    this.symbol('}(');
    for (const [key, value] of Object.entries(values)) {
      this.text(key);
      this.value(value);
    }
    this.symbol('u');
  }

  private object({ type, state }: WrittenObject): void {
    this.global(...type);
    this.symbol(')');
    this.bytes(0x81);
    this.dict(state);
    this.symbol('b');
  }

  private tensor({ shape, data }: WrittenTensor): void {
    const key = String(this.storages.length);
    this.storages.push({ key, data });
    this.global('torch._utils', '_rebuild_tensor_v2');
    const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, side) => product * side, 1));
    this.tuple(
      () => this.storage(key, data),
      () => this.number(0),
      () => this.whole(shape),
      () => this.whole(strides),
      () => this.bytes(0x89),
      () => {
        this.global('collections', 'OrderedDict');
        this.symbol(')R');
      },
    );
    this.symbol('R');
  }

  private storage(key: string, data: WrittenTensor['data']): void {
    this.tuple(
      () => this.text('storage'),
      () => this.global('torch', data instanceof Float32Array ? 'FloatStorage' : 'LongStorage'),
      () => this.text(key),
      () => this.text('cpu'),
      () => this.number(data.length),
      () => this.symbol('N'),
    );
    this.symbol('Q');
  }

  begin(): this {
    this.bytes(0x80, 2);
    return this;
  }

  end(): Uint8Array {
    this.symbol('.');
    return joined(this.parts);
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}

/** @param root the dictionary that is saved */
export function writeCheckpoint(root: Readonly<Record<string, Written>>, container: ContainerName): Uint8Array {
  const writer = new PickleWriter().begin();
  writer.dict(root);
  const files = writer.storages.map(({ key, data }) => ({
    key,
    count: data.length,
    bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  }));
  return container === 'legacy' ? legacyFile(writer.end(), files) : zipFile(writer.end(), files);
}

interface StorageFile {
  readonly key: string;
  readonly count: number;
  readonly bytes: Uint8Array;
}

/** LONG1 of ten bytes: the number that marks the format. */
const MAGIC = [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e];

function legacyFile(pickle: Uint8Array, files: readonly StorageFile[]): Uint8Array {
  const system = new PickleWriter().begin();
  system.dict({ protocol_version: 1001, little_endian: true });
  const version = new PickleWriter().begin();
  version.number(1001);
  const keys = new PickleWriter().begin();
  keys.value(files.map(({ key }) => key));
  const numbers = files.flatMap(({ count, bytes }) => [new Uint8Array(BigInt64Array.of(BigInt(count)).buffer), bytes]);
  return joined([Uint8Array.from(MAGIC), version.end(), system.end(), pickle, keys.end(), ...numbers]);
}

function zipFile(pickle: Uint8Array, files: readonly StorageFile[]): Uint8Array {
  return zipOf([
    ['archive/data.pkl', pickle],
    ...files.map(({ key, bytes }) => [`archive/data/${key}`, bytes] as const),
    ['archive/version', encoder.encode('3\n')],
  ]);
}

/** An archive of stored files. */
export function zipOf(entries: readonly (readonly [string, Uint8Array])[]): Uint8Array {
  const body: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let at = 0;
  for (const [name, bytes] of entries) {
    const text = encoder.encode(name);
    const fields = [crc32(bytes), bytes.length, bytes.length];
    const local = record(30, [
      [0, 0x04034b50, 4],
      [4, 20, 2],
      [14, fields[0]!, 4],
      [18, fields[1]!, 4],
      [22, fields[2]!, 4],
      [26, text.length, 2],
    ]);
    directory.push(
      record(46, [
        [0, 0x02014b50, 4],
        [4, 20, 2],
        [6, 20, 2],
        [16, fields[0]!, 4],
        [20, fields[1]!, 4],
        [24, fields[2]!, 4],
        [28, text.length, 2],
        [42, at, 4],
      ]),
      text,
    );
    body.push(local, text, bytes);
    at += local.length + text.length + bytes.length;
  }
  const index = joined(directory);
  const count = entries.length;
  const end = record(22, [
    [0, 0x06054b50, 4],
    [8, count, 2],
    [10, count, 2],
    [12, index.length, 4],
    [16, at, 4],
  ]);
  return joined([...body, index, end]);
}

/** @param fields [place, value, bytes] */
function record(size: number, fields: readonly (readonly [number, number, 2 | 4])[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(size));
  for (const [at, value, bytes] of fields) {
    if (bytes === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
  }
  return new Uint8Array(view.buffer);
}
