import { expect, test } from 'vitest';
import { makeTemplate, viewOf, type HeadModel } from '../../src/ebm/head.js';
import { cropBox } from '../../src/geometry.js';
import { createOnnxEngine } from '../../src/node/open.js';
import { createRandom } from '../../src/random.js';
import { initialiseHead, withBranches } from '../../src/training/initialise.js';
import { offBoxes, presentPairs } from '../../src/training/pairs.js';
import { randomMaps, SMALL_GEOMETRY, SMALL_HEAD, smallHead } from '../helpers/head.js';

const boxes = Float32Array.of(64, 64, 30, 40, 60, 70, 36, 20);

async function energies(model: HeadModel, otherView: boolean): Promise<Float32Array> {
  const engine = await createOnnxEngine(model, { threads: 1 });
  const maps = randomMaps(7);
  const embedding = await engine.embed(maps.fine, maps.coarse);
  const template = makeTemplate(model, embedding, cropBox(60, 66, 32, 38));
  const recent = otherView ? viewOf(model, embedding, cropBox(90, 30, 20, 20)) : template.recent;
  const found = await engine.energy(embedding, { ...template, recent }, boxes);
  await engine.release();
  return found;
}

test('a head that gets both branches scores as before until they have learned', async () => {
  const config = { ...SMALL_HEAD, recent: 0, context: 0 };
  const plain = { config, geometry: SMALL_GEOMETRY, weights: initialiseHead(config, createRandom(2)) };
  const grown = { ...plain, ...withBranches(plain, createRandom(3)) };
  expect(grown.config.recent).toBeGreaterThan(0);
  expect(grown.config.context).toBeGreaterThan(0);
  const before = await energies(plain, false);
  for (const otherView of [false, true])
    (await energies(grown, otherView)).forEach((value, i) => expect(value).toBeCloseTo(before[i]!, 5));
});

test('a head that has them stays as it is, and its energy depends on the recent view', async () => {
  const model = smallHead();
  expect(withBranches(model, createRandom(1)).weights).toBe(model.weights);
  const [first, other] = [await energies(model, false), await energies(model, true)];
  first.forEach((value, i) => expect(Math.abs(value - other[i]!)).toBeGreaterThan(1e-4));
});

test('the recent view is the crop of the group that is nearest in time', () => {
  const { searchOf, templateOf, recentOf } = presentPairs([0, 40, 50, 7, 7, 7], 3);
  expect([...searchOf]).toEqual([0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]);
  expect(templateOf.slice(0, 6)).toEqual(Int32Array.of(1, 2, 2, 0, 0, 1));
  expect(recentOf.slice(0, 6)).toEqual(Int32Array.of(1, 1, 2, 2, 1, 1));
  recentOf.slice(6).forEach((recent, p) => expect(recent).not.toBe(searchOf[6 + p]));
});

test('boxes are off by some hundredths of their size, and a quarter of them by three times as much', () => {
  const count = 4000;
  const off = offBoxes(
    Float32Array.from({ length: 4 * count }, (_, i) => (i % 4 < 2 ? 100 : 50)),
    createRandom(1),
  );
  const places = Array.from({ length: count }, (_, n) => (off[4 * n]! - 100) / 50);
  const deviation = Math.sqrt(places.reduce((sum, value) => sum + value * value, 0) / count);
  expect(deviation).toBeCloseTo(0.06 * Math.sqrt(0.75 + 0.25 * 9), 2);
});
