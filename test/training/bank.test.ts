import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Backbone } from '../../src/features/backbone.js';
import { cropBox } from '../../src/geometry.js';
import { loadManifest } from '../../src/node/open.js';
import { createRandom } from '../../src/random.js';
import { Bank, BankWriter } from '../../src/training/bank.js';

const SIZE = 8;
const UNITS = 12;
const CROPS = 50;

let folder: string;
let backbone: Backbone;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bank-'));
  const { content } = await loadManifest();
  const entry = { ...Object.values(content.backbones)[0]!, name: 'none' };
  // two channels that say how bright the crop is
  const map = (levels: readonly number[], side: number) => ({
    data: Float32Array.from(levels.flatMap((level) => Array<number>(2 * side * side).fill(level))),
    batch: levels.length,
    channels: 2,
    width: side,
    height: side,
    stride: 8,
    offset: 4,
  });
  backbone = {
    entry,
    provider: 'cpu',
    reasons: [],
    async extract({ data, dims }) {
      const size = data.length / dims[0]!;
      const levels = Array.from({ length: dims[0]! }, (_, b) => Math.abs(data[b * size]!) + 1);
      return { fine: map(levels, 4), coarse: map(levels, 2) };
    },
    release: () => Promise.resolve(),
  };
});
afterAll(() => rm(folder, { recursive: true }));

/** Fills units of crops until `stopBefore`; goes on with what is there. @returns the unit it began with */
async function fill(at: string, source: string, stopBefore = UNITS): Promise<number> {
  const bank = await BankWriter.open(at, backbone, SIZE, source);
  const random = createRandom(bank.resumed?.random ?? 3);
  const first = bank.resumed?.done ?? 0;
  for (let unit = first; unit < UNITS; unit++) {
    if (unit >= stopBefore) {
      await bank.close();
      return first;
    }
    for (let i = 0; i < CROPS; i++) {
      const rgb = new Float32Array(3 * SIZE * SIZE).fill(255 * random.uniform());
      const crop = { rgb, box: cropBox(4, 4, 2 + random.uniform(), 2), lastWidth: 2, lastHeight: 2 };
      await bank.add(crop, unit, i, false);
    }
    await bank.save({ done: unit + 1, random: random.state() });
  }
  await bank.finish();
  return first;
}

const files = (at: string) =>
  Promise.all(['bank.json', 'fine.u8', 'coarse.u8'].map((name) => readFile(join(at, name), 'base64')));

test('a bank whose filling was stopped goes on, and ends as one that was not', async () => {
  const [calm, stopped] = [join(folder, 'calm'), join(folder, 'stopped')];
  expect(await fill(calm, 'x')).toBe(0);
  const begun: number[] = [];
  for (const stopBefore of [1, 6, 8, 11, UNITS]) begun.push(await fill(stopped, 'x', stopBefore));
  // saved after 300 crops, and after 600, which is the end
  expect(begun).toEqual([0, 0, 6, 6, 6]);
  expect(await files(stopped)).toEqual(await files(calm));
});

test('a bank of other footage is replaced, and one without a source is taken as it is', async () => {
  const at = join(folder, 'other');
  await fill(at, 'x', 8);
  expect(await Bank.isThere(at, 'x')).toBe(false);
  expect(await fill(at, 'y')).toBe(0);
  expect(await Bank.isThere(at, 'y')).toBe(true);
  expect(await Bank.isThere(at, 'x')).toBe(false);
});
