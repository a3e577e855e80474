import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { formatSafetensors, parseSafetensors } from '../../src/io/safetensors.js';
import { blend, blendHeads } from '../../tools/blend-heads.js';

const weight = (...values: number[]) => ({ shape: [values.length], data: Float32Array.from(values) });

test('a blend is the mean by share; weights and rows that the head before lacks are taken whole', () => {
  const before = { a: weight(0, 4), rows: weight(2, 2) };
  const after = { a: weight(4, 0), rows: weight(4, 4, 9), fresh: weight(7) };
  const { a, rows, fresh } = blend(before, after, 0.25);
  expect([...a!.data]).toEqual([1, 3]);
  expect([...rows!.data]).toEqual([2.5, 2.5, 9]);
  expect([...fresh!.data]).toEqual([7]);
  expect(() => blend(after, before, 0.25)).toThrow(/weight rows: shape \[3\] before, expected \[2\], or fewer rows/);
});

const SHIPPED = 'models/head-default.safetensors';
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'blend-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** The shipped head with its output's bias moved, in a file of its own. */
async function moved(name: string, by: number, metadata: Record<string, string> = {}): Promise<string> {
  const file = parseSafetensors(await readFile(SHIPPED), SHIPPED);
  const bias = file.tensors['energy.output.bias']!;
  const tensors = { ...file.tensors, 'energy.output.bias': { ...bias, data: bias.data.map((value) => value + by) } };
  const path = join(folder, name);
  await writeFile(path, formatSafetensors({ tensors, metadata: { ...file.metadata, ...metadata } }));
  return path;
}

test('every weight is blended, and the file names what it was made from', async () => {
  const out = join(folder, 'blend.safetensors');
  await blendHeads(await moved('after.safetensors', 3), { share: 0.5, out });
  const [found, shipped] = [
    parseSafetensors(await readFile(out), out),
    parseSafetensors(await readFile(SHIPPED), SHIPPED),
  ];
  for (const [name, { shape, data }] of Object.entries(shipped.tensors)) {
    const by = name === 'energy.output.bias' ? 1.5 : 0;
    expect(found.tensors[name]!.shape, name).toEqual(shape);
    expect(
      found.tensors[name]!.data.every((value, i) => Math.abs(value - data[i]! - by) < 1e-5),
      name,
    ).toBe(true);
  }
  expect(JSON.parse(found.metadata['blended']!)).toHaveLength(2);
  expect(found.metadata['command']).toContain('tools/blend-heads.ts after.safetensors --share 0.5');
});

test('a head of another backbone is refused', async () => {
  const other = await moved('other.safetensors', 0, { backbone: 'f'.repeat(64) });
  const out = join(folder, 'none.safetensors');
  await expect(blendHeads(other, { share: 0.5, out })).rejects.toThrow(/other.safetensors: trained on backbone ffff/);
});

test('a blend that would replace its head, by whatever name, is refused', async () => {
  const file = await moved('same.safetensors', 0);
  const before = await readFile(file);
  await symlink('same.safetensors', join(folder, 'link.safetensors'));
  for (const out of [file, join(folder, 'link.safetensors')])
    await expect(blendHeads(file, { share: 0.5, out })).rejects.toMatchObject({ code: 'OPTION_INVALID' });
  expect(before.equals(await readFile(file))).toBe(true);
});
