import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { boxCorners, hullBox, polygonArea, polygonOverlap } from '../../src/evaluation/polygon.js';
import { intersectionOverUnion } from '../../src/geometry.js';

const coordinate = fc.integer({ min: -4000, max: 4000 }).map((n) => n / 10);
const corners = fc.array(coordinate, { minLength: 8, maxLength: 8 });
const side = fc.integer({ min: 1, max: 4000 }).map((n) => n / 10);
const box = fc.tuple(coordinate, coordinate, side, side);
const size = { width: 300, height: 200 };

/** Corners of a square about the origin, turned. */
function turned(half: number, degrees: number): number[] {
  const angle = (degrees / 180) * Math.PI;
  return [0, 1, 2, 3].flatMap((i) => {
    const at = angle + ((2 * i + 1) / 4) * Math.PI;
    return [Math.SQRT2 * half * Math.cos(at), Math.SQRT2 * half * Math.sin(at)];
  });
}

describe('overlap of polygons', () => {
  it.each([
    // a square of side 2 and the same turned by 45 degrees share a regular octagon of area 8 (sqrt 2 - 1)
    ['turned by 45 degrees', turned(1, 0), turned(1, 45), (8 * (Math.SQRT2 - 1)) / (8 - 8 * (Math.SQRT2 - 1))],
    ['itself', turned(3, 10), turned(3, 10), 1],
    ['the same corners, other way round', [0, 0, 4, 0, 4, 2, 0, 2], [0, 2, 4, 2, 4, 0, 0, 0], 1],
    ['a square and its lower triangle', [0, 0, 2, 0, 2, 2, 0, 2], [0, 0, 2, 2, 0, 2, 0, 2], 0.5],
    ['apart', [0, 0, 1, 0, 1, 1, 0, 1], [2, 0, 3, 0, 3, 1, 2, 1], 0],
    ['sharing a side only', [0, 0, 1, 0, 1, 1, 0, 1], [1, 0, 2, 0, 2, 1, 1, 1], 0],
    // an arrow head: the square of side 2 without the quarter that the dent (1, 1) cuts out
    ['concave', [0, 0, 2, 0, 1, 1, 0, 2], [0, 0, 2, 0, 2, 2, 0, 2], 0.5],
    // a bow tie is two triangles of area 1 each inside a square of area 4
    ['self-crossing', [0, 0, 2, 0, 0, 2, 2, 2], [0, 0, 2, 0, 2, 2, 0, 2], 0.5],
    ['self-crossing, other pair of sides', [0, 0, 2, 2, 2, 0, 0, 2], [0, 0, 2, 0, 2, 2, 0, 2], 0.5],
    ['no area', [1, 1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 1, 1], 0],
    ['three corners in one place', [1, 1, 1, 1, 1, 1, 5, 5], [0, 0, 4, 0, 4, 4, 0, 4], 0],
    ['a line', [0, 0, 4, 4, 2, 2, 1, 1], [0, 0, 2, 0, 2, 2, 0, 2], 0],
    ['not a number', [0, 0, 2, 0, 2, Number.NaN, 0, 2], [0, 0, 2, 0, 2, 2, 0, 2], 0],
    ['a box without height', [0, 0, 4, 0], [0, 0, 4, 4], 0],
    ['a box turned inside out', [4, 4, -4, -4], [0, 0, 4, 4], 0],
  ])('%s', (_, a, b, expected) => {
    expect(polygonOverlap(a, b)).toBeCloseTo(expected, 12);
    expect(polygonOverlap(b, a)).toBeCloseTo(expected, 12);
  });

  it('is taken inside the image', () => {
    const [a, b] = [
      [-10, 0, 20, 10],
      [0, 0, 10, 10],
    ] as const;
    expect(polygonOverlap(a, b)).toBeCloseTo(0.5, 12);
    expect(polygonOverlap(a, b, size)).toBeCloseTo(1, 12);
    expect(polygonOverlap([-10, 0, 5, 10], [-10, 0, 5, 10], size)).toBe(0);
  });

  it('of two boxes equals the overlap of boxes', () => {
    fc.assert(
      fc.property(box, box, (a, b) => {
        const [x, y] = [a, b].map(([left, top, w, h]) => ({ x: left, y: top, w, h }));
        expect(polygonOverlap(boxCorners(a), boxCorners(b))).toBeCloseTo(intersectionOverUnion(x!, y!), 9);
        expect(polygonOverlap(a, b)).toBeCloseTo(intersectionOverUnion(x!, y!), 9);
        expect(polygonOverlap(a, b, size)).toBeCloseTo(polygonOverlap(boxCorners(a), boxCorners(b), size), 9);
        expect(polygonOverlap(a, boxCorners(b), size)).toBeCloseTo(polygonOverlap(a, b, size), 9);
      }),
    );
  });

  it('of any corners is symmetric, in [0, 1], and 1 with itself where there is area', () => {
    fc.assert(
      fc.property(corners, corners, fc.option(fc.constant(size), { nil: undefined }), (a, b, bounds) => {
        const overlap = polygonOverlap(a, b, bounds);
        expect(overlap).toBeGreaterThanOrEqual(0);
        expect(overlap).toBeLessThanOrEqual(1);
        expect(polygonOverlap(b, a, bounds)).toBeCloseTo(overlap, 9);
        if (polygonArea(a, bounds) > 1) expect(polygonOverlap(a, a, bounds)).toBeCloseTo(1, 9);
      }),
    );
  });

  it('does not depend on the corner that comes first, nor on the direction', () => {
    fc.assert(
      fc.property(corners, corners, fc.integer({ min: 1, max: 3 }), (a, b, shift) => {
        const other = [...a.slice(2 * shift), ...a.slice(0, 2 * shift)];
        const back = [0, 3, 2, 1].flatMap((i) => [a[2 * i]!, a[2 * i + 1]!]);
        expect(polygonOverlap(other, b)).toBeCloseTo(polygonOverlap(a, b), 9);
        expect(polygonOverlap(back, b)).toBeCloseTo(polygonOverlap(a, b), 9);
      }),
    );
  });
});

it('the hull of corners is the smallest box about them', () => {
  expect(hullBox([5, 0, 10, 5, 5, 10, 0, 5])).toEqual([0, 0, 10, 10]);
  expect(hullBox([1, 2, 3, 4])).toEqual([1, 2, 3, 4]);
});
