import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { formatSafetensors, parseSafetensors } from '../../src/io/safetensors.js';
import { averageHeads } from '../../tools/average-heads.js';

const SHIPPED = 'models/head-default.safetensors';
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'average-'));
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

test('every weight is the mean, and the file names what it was made from', async () => {
  const out = join(folder, 'mean.safetensors');
  await averageHeads([await moved('a', 0), await moved('b', 3)], out);
  const [mean, shipped] = [
    parseSafetensors(await readFile(out), out),
    parseSafetensors(await readFile(SHIPPED), SHIPPED),
  ];
  for (const [name, { shape, data }] of Object.entries(shipped.tensors)) {
    const by = name === 'energy.output.bias' ? 1.5 : 0;
    expect(mean.tensors[name]!.shape, name).toEqual(shape);
    expect(
      mean.tensors[name]!.data.every((value, i) => Math.abs(value - data[i]! - by) < 1e-5),
      name,
    ).toBe(true);
  }
  expect(JSON.parse(mean.metadata['averaged']!)).toHaveLength(2);
  expect(mean.metadata['command']).toContain('tools/average-heads.ts a b');
});

test('heads of another backbone, and a head alone, are refused', async () => {
  const out = join(folder, 'none.safetensors');
  const [a, other] = [await moved('a', 0), await moved('c', 0, { backbone: 'f'.repeat(64) })];
  await expect(averageHeads([other, a], out)).rejects.toThrow(/c: other widths, geometry or backbone/);
  await expect(averageHeads([a], out)).rejects.toThrow(/found 1 heads, expected two at least/);
});

test('a mean that would replace one of its heads, by whatever name, is refused', async () => {
  const files = [await moved('d', 0), await moved('e', 3)];
  const before = await readFile(files[1]!);
  await symlink('e', join(folder, 'f'));
  for (const out of [files[1]!, join(folder, 'f')])
    await expect(averageHeads(files, out)).rejects.toMatchObject({ code: 'OPTION_INVALID' });
  expect(before.equals(await readFile(files[1]!))).toBe(true);
});
