import { expect, test } from 'vitest';
import { intersectionOverUnion } from '../../src/geometry.js';
import { createRandom } from '../../src/random.js';
import { loosened } from '../../src/training/augment.js';

test('a box that is not the own one of a thing lies in the picture, and holds a part of the thing or more', () => {
  const random = createRandom(5);
  const frame = { width: 200, height: 150 };
  const own = { x: 20, y: 30, w: 80, h: 60 };
  const boxes = Array.from({ length: 500 }, () => loosened(own, frame, random));
  for (const { x, y, w, h } of boxes) {
    expect(Math.min(x, y)).toBeGreaterThanOrEqual(0);
    expect(x + w).toBeLessThanOrEqual(frame.width + 1e-9);
    expect(y + h).toBeLessThanOrEqual(frame.height + 1e-9);
  }
  const overlaps = boxes.map((box) => intersectionOverUnion(box, own));
  expect(Math.min(...overlaps)).toBeGreaterThan(0.1);
  const mean = overlaps.reduce((sum, overlap) => sum + overlap, 0) / overlaps.length;
  expect(mean).toBeGreaterThan(0.5);
  expect(mean).toBeLessThan(0.8);
});
