import { describe, expect, it } from 'vitest';
import { createRandom, type Random } from '../src/random.js';

const draw = (random: Random, count: number): number[] => Array.from({ length: count }, () => random.uniform());
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('createRandom', () => {
  it('gives the same numbers for the same seed and others for another', () => {
    expect(draw(createRandom(3), 5)).toEqual(draw(createRandom(3), 5));
    expect(draw(createRandom(3), 5)).not.toEqual(draw(createRandom(4), 5));
  });

  it('goes on from a saved state', () => {
    const random = createRandom(7);
    draw(random, 10);
    const later = createRandom(random.state());
    expect(draw(later, 5)).toEqual(draw(random, 5));
  });

  it('keeps two generators apart', () => {
    const alone = draw(createRandom(1), 4);
    const first = createRandom(1);
    const second = createRandom(2);
    const mixed = [0, 1, 2, 3].map(() => {
      second.uniform();
      return first.uniform();
    });
    expect(mixed).toEqual(alone);
  });

  // bounds: five standard errors of 20,000 draws
  it('is uniform in [0, 1)', () => {
    const values = draw(createRandom(11), 20_000);
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...values)).toBeLessThan(1);
    expect(Math.abs(mean(values) - 0.5)).toBeLessThan(0.0103);
    expect(Math.abs(mean(values.map((value) => value * value)) - 1 / 3)).toBeLessThan(0.0106);
  });

  it('is normal with mean 0 and deviation 1', () => {
    const random = createRandom(11);
    const values = Array.from({ length: 20_000 }, () => random.normal());
    expect(values.every(Number.isFinite)).toBe(true);
    expect(Math.abs(mean(values))).toBeLessThan(0.036);
    expect(Math.abs(mean(values.map((value) => value ** 2)) - 1)).toBeLessThan(0.05);
    expect(Math.abs(mean(values.map((value) => value ** 4)) - 3)).toBeLessThan(0.35);
  });

  it('draws every integer below n about equally often', () => {
    const random = createRandom(5);
    const counts = Array.from({ length: 7 }, () => 0);
    for (let i = 0; i < 14_000; i++) counts[random.integer(7)]!++;
    for (const count of counts) expect(Math.abs(count - 2000)).toBeLessThan(207);
  });
});
