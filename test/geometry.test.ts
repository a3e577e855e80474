import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  checkFirstBox,
  cropBox,
  cropToFrame,
  frameToCrop,
  fromRelative,
  intersectionOverUnion,
  parseBox,
  searchRegion,
  toRelative,
} from '../src/geometry.js';

const place = fc.double({ min: -2000, max: 2000, noNaN: true });
const side = fc.double({ min: 0.5, max: 2000, noNaN: true });
const boxes = fc.record({ x: place, y: place, w: side, h: side });
const FRAME = { width: 100, height: 80 };
const codeOf = (code: string): object => expect.objectContaining({ code }) as object;

describe('spaces', () => {
  it('frame -> crop -> frame gives the box back', () => {
    fc.assert(
      fc.property(boxes, boxes, (box, about) => {
        const region = searchRegion(about, 5, 288);
        const back = cropToFrame(frameToCrop(box, region), region);
        for (const key of ['x', 'y', 'w', 'h'] as const) expect(back[key]).toBeCloseTo(box[key], 5);
      }),
    );
  });

  it('the box that the region is about lies in the middle of the crop, 1 / factor of it wide', () => {
    const region = searchRegion({ x: 10, y: 20, w: 40, h: 40 }, 5, 288);
    expect(region).toEqual({ cx: 30, cy: 40, side: 200, out: 288 });
    const crop = frameToCrop({ x: 10, y: 20, w: 40, h: 40 }, region);
    expect([crop.cx, crop.cy]).toEqual([144, 144]);
    expect(crop.w).toBeCloseTo(288 / 5, 10);
    expect(crop.h).toBeCloseTo(288 / 5, 10);
  });

  it('crop -> relative -> crop gives the box back, and the base is the origin', () => {
    const base = cropBox(144, 150, 60, 40);
    expect(toRelative(base, base)).toEqual([0, 0, 0, 0]);
    const box = cropBox(120, 170, 90, 30);
    const y = toRelative(box, base);
    expect(y).toEqual([-0.4, 0.5, Math.log(1.5), Math.log(0.75)]);
    const back = fromRelative(y, base);
    expect([back.cx, back.cy]).toEqual([120, 170]);
    expect(back.w).toBeCloseTo(90, 10);
    expect(back.h).toBeCloseTo(30, 10);
  });
});

describe('intersectionOverUnion', () => {
  it.each([
    ['the same box', { x: 0, y: 0, w: 10, h: 10 }, 1],
    ['half of it', { x: 5, y: 0, w: 10, h: 10 }, 1 / 3],
    ['a neighbour that touches', { x: 10, y: 0, w: 10, h: 10 }, 0],
    ['a box far away', { x: 50, y: 50, w: 10, h: 10 }, 0],
    ['a box inside', { x: 2, y: 2, w: 5, h: 5 }, 0.25],
  ])('of %s', (_, other, expected) => {
    expect(intersectionOverUnion({ x: 0, y: 0, w: 10, h: 10 }, other)).toBeCloseTo(expected, 12);
  });
});

describe('checkFirstBox', () => {
  it('leaves a box inside as it is and clips one that reaches out', () => {
    expect(checkFirstBox({ x: 1.5, y: 2, w: 10, h: 20 }, FRAME)).toEqual({ x: 1.5, y: 2, w: 10, h: 20 });
    expect(checkFirstBox({ x: -5, y: 70, w: 20, h: 30 }, FRAME)).toEqual({ x: 0, y: 70, w: 15, h: 10 });
  });

  it.each([
    ['not a number', { x: Number.NaN, y: 0, w: 10, h: 10 }],
    ['endless', { x: 0, y: 0, w: Infinity, h: 10 }],
    ['without width', { x: 0, y: 0, w: 0, h: 10 }],
    ['of negative height', { x: 0, y: 0, w: 10, h: -3 }],
    ['right of the frame', { x: 100, y: 0, w: 10, h: 10 }],
    ['with less than a pixel in sight', { x: -9.5, y: 0, w: 10, h: 10 }],
  ])('refuses a box that is %s', (_, box) => {
    expect(() => checkFirstBox(box, FRAME)).toThrow(codeOf('BOX_INVALID'));
  });
});

describe('parseBox', () => {
  it('reads four numbers, with spaces and signs', () => {
    expect(parseBox('1, -2.5,30,4e1')).toEqual({ x: 1, y: -2.5, w: 30, h: 40 });
  });
  it.each(['', '1,2,3', '1,2,3,4,5', '1,2,3,x', '1,,3,4', '10 20 30 40'])('refuses "%s"', (text) => {
    expect(() => parseBox(text)).toThrow(codeOf('BOX_INVALID'));
  });
});
