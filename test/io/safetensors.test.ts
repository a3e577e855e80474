import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fromHalves, toHalves } from '../../src/io/half.js';
import { readSafetensors, writeSafetensors } from '../../src/io/safetensors-file.js';
import { formatSafetensors, parseSafetensors } from '../../src/io/safetensors.js';

let folder: string;
beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), 'safetensors-'))));
afterAll(() => rm(folder, { recursive: true }));

const file = {
  tensors: {
    b: { shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) },
    a: { shape: [3], data: Float32Array.of(-1, 0.5, 9) },
  },
  metadata: { made: 'here' },
};

test('weights come back as they were written, whatever the order of their names', async () => {
  const path = join(folder, 'w.safetensors');
  await writeSafetensors(path, file);
  expect(await readSafetensors(path)).toEqual(file);
  const reordered = { tensors: { a: file.tensors.a, b: file.tensors.b }, metadata: file.metadata };
  expect(formatSafetensors(reordered)).toEqual(formatSafetensors(file));
});

test('a file cut anywhere is refused, and a missing one says so', async () => {
  const bytes = formatSafetensors(file);
  for (const length of [0, 5, 40, bytes.length - 1]) {
    expect(() => parseSafetensors(bytes.subarray(0, length), 'cut')).toThrow(
      expect.objectContaining({ code: 'MODEL_INVALID' }),
    );
  }
  await writeFile(join(folder, 'text'), 'this is a text and no weight file');
  await expect(readSafetensors(join(folder, 'text'))).rejects.toMatchObject({ code: 'MODEL_INVALID' });
  await expect(readSafetensors(join(folder, 'none'))).rejects.toMatchObject({ code: 'MODEL_MISSING' });
});

test.each([
  ['null', 'null'],
  ['a list', '[1]'],
  ['a tensor of no shape', '{"a":{"dtype":"F32","data_offsets":[0,4]}}'],
  ['a tensor that lies nowhere', '{"a":{"dtype":"F32","shape":[1]}}'],
  ['a place before the start', '{"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}'],
  ['metadata that are no text', '{"__metadata__":{"a":1}}'],
])('a header that holds %s is refused', (_, header) => {
  const bytes = new Uint8Array(8 + header.length + 8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true);
  bytes.set(new TextEncoder().encode(header), 8);
  expect(() => parseSafetensors(bytes, 'text')).toThrow(expect.objectContaining({ code: 'MODEL_INVALID' }));
});

test('floats of 16 bits are the nearest ones, and come back as they were stored', () => {
  const exact = [0, -0, 1, -2, 0.5, 65504, 2 ** -14, 2 ** -24, -3 * 2 ** -24, Infinity, -Infinity];
  expect([...fromHalves(toHalves(Float32Array.from(exact)))]).toEqual(exact);
  const near: [number, number][] = [
    [1 + 2 ** -11, 1], // a tie: to even
    [1 + 3 * 2 ** -11, 1 + 2 ** -9],
    [1 + 2 ** -11 + 2 ** -20, 1 + 2 ** -10],
    [2 - 2 ** -12, 2], // into the next power
    [65519, 65504],
    [65520, Infinity],
    [2 ** -25, 0], // a tie: to even
    [1.5 * 2 ** -25, 2 ** -24],
    [2 ** -14 - 2 ** -26, 2 ** -14],
  ];
  expect([...fromHalves(toHalves(Float32Array.from(near, ([value]) => value)))]).toEqual(near.map(([, half]) => half));
  expect(fromHalves(toHalves(Float32Array.of(NaN)))[0]).toBeNaN();
});

test('a file of 16 bits holds half as much, and is widened when it is read', () => {
  const bytes = formatSafetensors(file, 'F16');
  expect(parseSafetensors(bytes, 'half')).toEqual(file);
  expect(formatSafetensors(file).length - bytes.length).toBe(7 * 2);
});
