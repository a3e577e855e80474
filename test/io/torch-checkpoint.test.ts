import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { PickledForeign, PickledRecord, type Pickled } from '../../src/io/pickle.js';
import { CheckpointTensor, readTorchCheckpoint } from '../../src/io/torch-checkpoint.js';
import { createRandom } from '../../src/random.js';
import { TrackerError } from '../../src/errors.js';
import { writeCheckpoint, zipOf, type ContainerName } from '../../tools/published/write-checkpoint.js';

const fixture = (name: string): Buffer => readFileSync(new URL(`../published/fixtures/${name}`, import.meta.url));
const CONTAINERS: readonly ContainerName[] = ['legacy', 'zip'];

const asMap = (value: Pickled | undefined): Map<unknown, Pickled> => {
  if (!(value instanceof Map)) throw new Error('expected a dictionary');
  return value;
};
const tensorIn = (value: Pickled | undefined): CheckpointTensor => {
  if (value instanceof PickledForeign && value.value instanceof CheckpointTensor) return value.value;
  throw new Error('expected a tensor');
};

interface Expected {
  readonly dtype: string;
  readonly shape: number[];
  readonly values: number[];
}

test.each(CONTAINERS)('%s: every type, view and shared storage of what PyTorch wrote', (container) => {
  const checkpoint = readTorchCheckpoint(fixture(`micro.${container}.pth.tar`), 'micro');
  expect(checkpoint.container).toBe(container);
  const net = asMap(asMap(checkpoint.root).get('net'));
  const expected = JSON.parse(fixture('micro.json').toString()) as Record<string, Expected>;
  expect([...net.keys()].toSorted()).toEqual(Object.keys(expected).toSorted());
  for (const [name, { dtype, shape, values }] of Object.entries(expected)) {
    const tensor = tensorIn(net.get(name));
    expect([name, tensor.storage.type.dtype, tensor.shape]).toEqual([name, dtype, shape]);
    expect(checkpoint.read(tensor)).toEqual(Float32Array.from(values));
  }
});

test.each(CONTAINERS)('%s: classes are records, of which nothing is loaded', (container) => {
  const { root } = readTorchCheckpoint(fixture(`micro.${container}.pth.tar`), 'micro');
  const maker = asMap(root).get('constructor');
  expect(maker).toBeInstanceOf(PickledRecord);
  expect((maker as PickledRecord).type).toMatch(/NetConstructor$/);
  expect(asMap((maker as PickledRecord).state).get('kwds')).toBeInstanceOf(Map);
});

test.each(CONTAINERS)('%s: what the writer of the tests makes is read the same', (container) => {
  const bytes = writeCheckpoint(
    {
      text: 'Grüße',
      list: [1, -2, 300, 70000, 0.5, null, true],
      net: new Map([['a.weight', { tensor: { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) } }]]),
      count: { tensor: { shape: [], data: BigInt64Array.of(-5n) } },
    },
    container,
  );
  const checkpoint = readTorchCheckpoint(bytes, 'own');
  const root = asMap(checkpoint.root);
  expect(root.get('text')).toBe('Grüße');
  expect(root.get('list')).toEqual([1, -2, 300, 70000, 0.5, null, true]);
  expect(checkpoint.read(tensorIn(asMap(root.get('net')).get('a.weight')))).toEqual(Float32Array.of(1, 2, 3, 4, 5, 6));
  expect(checkpoint.read(tensorIn(root.get('count')))).toEqual(Float32Array.of(-5));
});

// --- hostile and damaged files ---

const latin = (text: string): Uint8Array => Uint8Array.from(text, (symbol) => symbol.charCodeAt(0));
/** A zip of torch.save with this pickle, protocol and end added. */
const withPickle = (body: string, storages: readonly (readonly [string, Uint8Array])[] = []): Uint8Array =>
  zipOf([
    ['a/data.pkl', latin(`\x80\x02${body}.`)],
    ...storages.map(([key, bytes]) => [`a/data/${key}`, bytes] as const),
  ]);
const u32 = (value: number): string => String.fromCharCode(...new Uint8Array(Uint32Array.of(value).buffer));
const text = (value: string): string => `X${u32(value.length)}${value}`;
const int = (value: number): string => `J${u32(value)}`;
const storage = (key: string, count: number, type = 'FloatStorage'): string =>
  `(${text('storage')}ctorch\n${type}\n${text(key)}${text('cpu')}${int(count)}tQ`;
const tensor = (from: string, offset: number, shape: readonly number[], strides: readonly number[]): string =>
  `ctorch._utils\n_rebuild_tensor_v2\n(${from}${int(offset)}(${shape.map(int).join('')}t(${strides.map(int).join('')}t\x89NtR`;
const four: readonly (readonly [string, Uint8Array])[] = [['0', new Uint8Array(16)]];

const REFUSED: readonly (readonly [string, Uint8Array, RegExp])[] = [
  ['an empty file', new Uint8Array(), /empty/],
  ['a web page', latin('<!DOCTYPE html><html><body>Quota exceeded'), /web page/],
  ['a pointer of Git LFS', latin('version https://git-lfs.github.com/spec/v1\n'), /Git LFS/],
  ['a gzip archive', latin('\x1f\x8b\x08\x00'), /gzip/],
  ['a safetensors file', latin('\x10\0\0\0\0\0\0\0{"__metadata__":{}}'), /safetensors/],
  ['a text', latin('hello, this is a text'), /no file of torch\.save/],
  ['any pickle', latin('\x80\x02K\x01.'), /none of torch\.save/],
  ['a zip of something else', zipOf([['word/document.xml', latin('<x/>')]]), /none of torch\.save/],
  [
    'two pickles',
    zipOf([
      ['a/data.pkl', latin('N.')],
      ['b/data.pkl', latin('N.')],
    ]),
    /none of torch\.save/,
  ],
  [
    'a program',
    zipOf([
      ['a/data.pkl', latin('N.')],
      ['a/constants.pkl', latin('N.')],
    ]),
    /TorchScript/,
  ],
  [
    'big-endian',
    zipOf([
      ['a/data.pkl', latin('\x80\x02N.')],
      ['a/byteorder', latin('big')],
    ]),
    /big-endian/,
  ],
  ['an unknown instruction', withPickle('\x93'), /STACK_GLOBAL/],
  ['another protocol', zipOf([['a/data.pkl', latin('\x80\x04N.')]]), /protocol 4/],
  ['a call of what is no function', withPickle(`${text('os.system')})R`), /named function/],
  ['a call without a tuple', withPickle(`cos\nsystem\n${text('true')}R`), /tuple/],
  ['a module', withPickle(`(${text('module')}ca\nB\n${text('f')}${text('src')}tQ`), /as a module/],
  [
    'a shape of thousands of millions',
    withPickle(tensor(storage('0', 4), 0, [2e9, 2e9], [0, 0]), four),
    /does not fit/,
  ],
  ['numbers repeated by a stride of 0', withPickle(tensor(storage('0', 4), 0, [1e9], [0]), four), /does not fit/],
  ['numbers behind the end', withPickle(tensor(storage('0', 4), 2, [3], [1]), four), /does not fit/],
  ['nine axes', withPickle(tensor(storage('0', 4), 0, Array(9).fill(1), Array(9).fill(1)), four), /9 axes/],
  ['a negative side', withPickle(tensor(storage('0', 4), 0, [2 ** 32 - 1], [1]), four), /odd shape/],
  [
    'a storage that claims more',
    withPickle(tensor(storage('0', 2e9), 0, [4], [1]), four),
    /16 bytes, expected 8000000000/,
  ],
  ['a storage that is not there', withPickle(tensor(storage('7', 4), 0, [4], [1]), four), /storage 7 are missing/],
  ['numbers of another type', withPickle(storage('0', 4, 'QUInt8Storage'), four), /QUInt8Storage/],
  ['one storage of two types', withPickle(`(${storage('0', 4)}${storage('0', 4, 'IntStorage')}t`, four), /two types/],
  ['a text longer than the file', withPickle(`X${u32(1 << 20)}abc`), /cut off/],
  ['a name without end', withPickle(`c${'a'.repeat(5000)}`), /name without end/],
  ['a value that is not there', withPickle('R'), /not there/],
  ['a value that was not stored', withPickle('h\x05'), /not stored/],
  ['a mark that was not set', withPickle('t'), /not opened/],
  ['items of a list', withPickle('](NNu'), /dictionary/],
  ['a list that is added to a text', withPickle(`${text('a')}Na`), /list/],
  ['a list as a key', withPickle('}](Nes'), /key|not there/],
  ['a key without a value', withPickle('}(Nu'), /without a value/],
  ['a state of a list', withPickle(']}b'), /state/],
  ['values left over', withPickle('NN'), /left over/],
  ['no value', withPickle(''), /not there/],
];

test.each(REFUSED)('%s is refused by name', (_, bytes, reason) => {
  expect(() => readTorchCheckpoint(bytes, 'bad.pth')).toThrow(
    expect.objectContaining({ code: 'CHECKPOINT_INVALID', message: expect.stringMatching(reason) as string }),
  );
});

test('lists that hold themselves and values stored a thousand times over are read without being followed', () => {
  const cycle = readTorchCheckpoint(withPickle(']q\x00h\x00a'), 'cycle').root as Pickled[];
  expect(cycle[0]).toBe(cycle);
  // each list holds the one before it ten times: written out, the last one has 10^60 entries
  const level = `q\x000](${'h\x00'.repeat(10)}e`;
  const nested = readTorchCheckpoint(withPickle(`]${level.repeat(60)}`), 'nested').root;
  expect(Array.isArray(nested)).toBe(true);
});

test('work is bounded: a list copied over and over, or a file of nothing but lists, is refused', () => {
  const list = `](${'NN\x86'.repeat(20_000)}e`;
  const copies = `${list}\x85q\x00ccollections\nOrderedDict\nq\x01${'h\x01h\x00R0'.repeat(2000)}`;
  for (const body of [copies, ']'.repeat(3_000_000)])
    expect(() => readTorchCheckpoint(withPickle(body), 'bomb')).toThrow(/more than 2000000 steps/);
});

test('an archive whose entries are compressed, overlap, lie outside or are damaged is refused', () => {
  const good = writeCheckpoint({ net: new Map([['a', { tensor: { shape: [4], data: new Float32Array(4) } }]]) }, 'zip');
  const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const central = Buffer.from(good).indexOf(Buffer.from([0x50, 0x4b, 1, 2]));
  const changed = (change: (bytes: DataView) => void): Uint8Array => {
    const bytes = good.slice();
    change(view(bytes));
    return bytes;
  };
  const cases: readonly (readonly [Uint8Array, RegExp])[] = [
    [changed((bytes) => bytes.setUint16(central + 10, 8, true)), /compressed/],
    [changed((bytes) => bytes.setUint16(central + 8, 1, true)), /encrypted/],
    [changed((bytes) => bytes.setUint32(central + 42, 0xfffffff0, true)), /beyond the end/],
    [changed((bytes) => bytes.setUint32(central + 42, 9, true)), /not where the directory says/],
    [changed((bytes) => bytes.setUint32(central + 24, 0xfffffff0, true)), /compressed/],
    [changed((bytes) => bytes.setUint8(60, 7)), /damaged: its checksum/],
    [changed((bytes) => bytes.setUint32(central, 0, true)), /directory is damaged/],
    [good.subarray(0, good.length - 30), /cut off/],
  ];
  for (const [bytes, reason] of cases) expect(() => readTorchCheckpoint(bytes, 'zip')).toThrow(reason);
});

test.each(CONTAINERS)('%s: a file cut anywhere is refused', (container) => {
  const whole = fixture(`micro.${container}.pth.tar`);
  for (let length = 0; length < whole.length; length += 37)
    expect(() => readTorchCheckpoint(whole.subarray(0, length), 'cut')).toThrow(TrackerError);
  if (container === 'legacy')
    expect(() => readTorchCheckpoint(Buffer.concat([whole, Buffer.alloc(3)]), 'long')).toThrow(/3 bytes follow/);
});

test('500 mutated files are read or refused, never anything else', () => {
  const random = createRandom(38);
  const files = CONTAINERS.map((container) => fixture(`micro.${container}.pth.tar`));
  let refused = 0;
  for (let i = 0; i < 500; i++) {
    const bytes = Uint8Array.from(files[i % 2]!);
    for (let n = random.integer(8); n >= 0; n--) bytes[random.integer(bytes.length)] = random.integer(256);
    try {
      const checkpoint = readTorchCheckpoint(bytes, 'mutated');
      const net = checkpoint.root instanceof Map ? checkpoint.root.get('net') : undefined;
      const values = net instanceof Map ? [...net.values()] : [];
      for (const value of values)
        if (value instanceof PickledForeign && value.value instanceof CheckpointTensor) checkpoint.read(value.value);
    } catch (error) {
      if (!(error instanceof TrackerError)) throw error;
      expect(error.code).toBe('CHECKPOINT_INVALID');
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(300);
});
