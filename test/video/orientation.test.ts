import { describe, expect, it } from 'vitest';
import { orientationOf, turned, uprightFilters } from '../../src/video/orientation.js';

/** As ffprobe prints it. */
const printed = (a: number, b: number, c: number, d: number): string =>
  `\n00000000: ${[a, b, 0].map((value) => String(Math.round(value * 65536)).padStart(11)).join(' ')}` +
  `\n00000001: ${[c, d, 0].map((value) => String(Math.round(value * 65536)).padStart(11)).join(' ')}` +
  '\n00000002:           0           0  1073741824\n';

describe('a display matrix', () => {
  it.each([
    { matrix: [1, 0, 0, 1], rotation: 0, mirrored: false, filters: [] },
    { matrix: [0, 1, -1, 0], rotation: 90, mirrored: false, filters: ['transpose=clock'] },
    { matrix: [-1, 0, 0, -1], rotation: 180, mirrored: false, filters: ['hflip', 'vflip'] },
    { matrix: [0, -1, 1, 0], rotation: 270, mirrored: false, filters: ['transpose=cclock'] },
    { matrix: [-1, 0, 0, 1], rotation: 0, mirrored: true, filters: ['hflip'] },
    { matrix: [1, 0, 0, -1], rotation: 180, mirrored: true, filters: ['vflip'] },
    { matrix: [0, 1, 1, 0], rotation: 90, mirrored: true, filters: ['transpose=cclock_flip'] },
    { matrix: [0, -1, -1, 0], rotation: 270, mirrored: true, filters: ['transpose=clock_flip'] },
    // stretched as well
    { matrix: [0, 1.5, -1, 0], rotation: 90, mirrored: false, filters: ['transpose=clock'] },
    { matrix: [0.8, 0.6, -0.6, 0.8], rotation: 37, mirrored: false, filters: ['rotate=37*PI/180'] },
    // no picture would be left
    { matrix: [0, 0, 0, 0], rotation: 0, mirrored: false, filters: [] },
  ] as const)('$matrix: turned by $rotation, mirrored $mirrored', ({ matrix, rotation, mirrored, filters }) => {
    const [a, b, c, d] = matrix;
    const found = orientationOf({ rotation: 12, displaymatrix: printed(a, b, c, d) });
    expect(found).toEqual({ rotation, mirrored });
    expect(uprightFilters(found)).toEqual(filters);
  });

  it('that is not printed: the angle tells, or the tag of older files', () => {
    expect(orientationOf({ rotation: -90 })).toEqual({ rotation: 90, mirrored: false });
    expect(orientationOf({ rotation: Number.NaN })).toEqual({ rotation: 0, mirrored: false });
    expect(orientationOf(undefined, '270')).toEqual({ rotation: 270, mirrored: false });
    expect(orientationOf(undefined)).toEqual({ rotation: 0, mirrored: false });
  });
});

it('a quarter turn exchanges width and height', () => {
  const size = { width: 64, height: 48 };
  for (const rotation of [90, 270]) expect(turned(size, { rotation })).toEqual({ width: 48, height: 64 });
  for (const rotation of [0, 180, 37]) expect(turned(size, { rotation })).toEqual(size);
});
