import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { SampleMemory } from '../../src/published/memory.js';
import { cropPatch, roundEven } from '../../src/published/patch.js';
import { MEMORY, type Rules } from '../../src/published/trackers.js';
import type { Figure } from '../../tools/published/fixture.js';
import { seededFrame } from '../../tools/published/seeded.js';

const fixture = <T>(name: string): T =>
  JSON.parse(readFileSync(new URL(`fixtures/${name}.json`, import.meta.url), 'utf8')) as T;

interface Crop {
  readonly height: number;
  readonly width: number;
  readonly pos: readonly [number, number];
  readonly size: number;
  readonly out: number;
  readonly mode: Rules['border'];
  readonly corners: readonly [number, number, number, number];
  readonly patch: Figure;
}

test('40 crops lie where the original ones do, and have their pixels', () => {
  for (const { height, width, pos, size, out, mode, corners, patch } of fixture<Crop[]>('crops')) {
    const { pixels, from, to } = cropPatch(seededFrame(0, width, height), pos, size, out, mode);
    expect([...from, ...to]).toEqual(corners);
    const planes = patch.shape[0] === 3;
    patch.at.forEach((place, i) => {
      // the fixture has colours last
      const at = planes ? place : (place % 3) * out * out + Math.floor(place / 3);
      expect(Math.abs(pixels[at]! - patch.values[i]!)).toBeLessThan(1e-3);
    });
  }
});

test('halves are rounded to even', () => {
  expect([0.5, 1.5, 2.5, -0.5, -1.5, 2.4, 2.6].map((value) => roundEven(value) + 0)).toEqual([0, 2, 2, 0, -2, 2, 3]);
});

test('100 samples are stored in the same places, with the same weights', () => {
  const rows = fixture<{ rate: number; place: number; weights: number[] }[]>('memory');
  const memory = new SampleMemory(1, MEMORY);
  const sample = { features: new Float32Array(1), box: [0, 0, 1, 1] as const };
  memory.begin(Array.from({ length: 15 }, () => sample));
  for (const { rate, place, weights } of rows) {
    // taken back and done again it is the same
    memory.store(sample.features, sample.box, rate).undo();
    expect(memory.store(sample.features, sample.box, rate).place).toBe(place);
    weights.forEach((weight, i) => expect(Math.abs(memory.weights[i]! - weight)).toBeLessThan(1e-6));
  }
});
