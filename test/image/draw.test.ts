import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { drawBoxes, drawResult, drawResults } from '../../src/image/draw.js';
import type { TrackResult, TrackState } from '../../src/result.js';

const GREY = 100;
const STATES: readonly TrackState[] = ['tracking', 'uncertain', 'lost', 'found'];

const greyFrame = (width: number, height: number) => ({
  data: new Uint8Array(3 * width * height).fill(GREY),
  width,
  height,
});

const result = (over: Partial<TrackResult> = {}): TrackResult => ({
  box: { x: 80, y: 60, w: 100, h: 80 },
  confidence: 0.87,
  state: 'tracking',
  ...over,
});

/** The picture after drawing, by pixel. */
function draw(width: number, height: number, drawn: TrackResult) {
  const data = drawResult(greyFrame(width, height), drawn);
  const pixel = (x: number, y: number): number[] => [...data.subarray(3 * (y * width + x), 3 * (y * width + x) + 3)];
  const changed = (x: number, y: number): boolean => pixel(x, y).some((value) => value !== GREY);
  const all = Array.from({ length: width * height }, (_, i) => ({ x: i % width, y: Math.floor(i / width) }));
  return { data, pixel, changed: all.filter(({ x, y }) => changed(x, y)), isChanged: changed };
}

describe('drawResults', () => {
  it('draws each of them, and an id before the label', () => {
    const frame = greyFrame(320, 240);
    const [left, right] = [
      result({ box: { x: 20, y: 60, w: 60, h: 80 } }),
      result({ box: { x: 200, y: 60, w: 60, h: 80 } }),
    ];
    const changed = (data: Uint8Array, from: number, to: number): number =>
      data.reduce((sum, value, i) => sum + Number(value !== GREY && (i / 3) % 320 >= from && (i / 3) % 320 < to), 0);
    const both = drawResults(frame, [left, right]);
    expect(changed(both, 0, 160)).toBe(changed(drawResult(frame, left), 0, 160));
    expect(changed(both, 180, 320)).toBe(changed(drawResult(frame, right), 180, 320));
    expect(changed(drawResults(frame, [{ ...left, id: 12 }]), 0, 320)).toBeGreaterThan(
      changed(drawResult(frame, left), 0, 320),
    );
  });
});

describe('drawResult', () => {
  it('leaves the frame as it is', () => {
    const frame = greyFrame(320, 240);
    const data = drawResult(frame, result());
    expect(frame.data.every((value) => value === GREY)).toBe(true);
    expect(data).toHaveLength(frame.data.length);
    expect(data.some((value) => value !== GREY)).toBe(true);
  });

  it('puts the line on the edges of the box, and nothing inside it', () => {
    const { isChanged } = draw(320, 240, result());
    for (let x = 80; x < 180; x++) expect(isChanged(x, 60) && isChanged(x, 140)).toBe(true);
    for (let y = 60; y < 140; y++) expect(isChanged(80, y) && isChanged(180, y)).toBe(true);
    for (let x = 82; x < 178; x++) expect(isChanged(x, 100)).toBe(false);
    expect(isChanged(182, 100)).toBe(false);
  });

  it.each([
    ['tracking', 1],
    ['found', 2],
    ['lost', 0],
  ] as const)('gives %s a colour of its own', (state, strongest) => {
    const edge = draw(320, 240, result({ state })).pixel(80, 60);
    expect(edge.indexOf(Math.max(...edge))).toBe(strongest);
  });

  it('makes uncertain amber: red, less green, no blue', () => {
    const [red, green, blue] = draw(320, 240, result({ state: 'uncertain' })).pixel(80, 60);
    expect(red).toBeGreaterThan(green!);
    expect(green).toBeGreaterThan(blue! + 100);
  });

  it('dashes the outline of a lost target only', () => {
    const gaps = (state: TrackState): number => {
      const { isChanged } = draw(320, 240, result({ state }));
      return Array.from({ length: 100 }, (_, i) => isChanged(80 + i, 140)).filter((drawn) => !drawn).length;
    };
    expect(gaps('lost')).toBeGreaterThan(30);
    expect(gaps('lost')).toBeLessThan(70);
    expect(gaps('tracking')).toBe(0);
  });

  it('scales lines and label with the frame', () => {
    const box = { x: 300, y: 300, w: 200, h: 200 };
    const thickness = (width: number, height: number): number => {
      const { isChanged } = draw(width, height, result({ box }));
      return Array.from({ length: 40 }, (_, i) => isChanged(480 + i, 400)).filter(Boolean).length;
    };
    expect(thickness(1280, 720)).toBe(3);
    expect(thickness(640, 480)).toBe(2);
  });

  /** The label's own pixels: plate and text above the box. */
  const label = (over: Partial<TrackResult>): string =>
    draw(320, 240, result(over))
      .changed.filter(({ y }) => y < 59)
      .map(({ x, y }) => `${x},${y}`)
      .join(' ');

  it('puts the label on top of the box, as wide as its text', () => {
    const columns = label({}).split(' ').map(Number.parseFloat);
    expect(Math.min(...columns)).toBe(80);
    expect(Math.max(...columns) - 80 + 1).toBe('tracking 0.87'.length * 6 - 1 + 4);
  });

  it.each([
    ...STATES.map((state) => ({ state })),
    ...[0.01, 0.23, 0.45, 0.67, 0.89].map((confidence) => ({ confidence })),
  ])('writes each character of %o', (over) => {
    const drawn = { ...result(), ...over };
    const { pixel } = draw(320, 240, drawn);
    const shapes = [...`${drawn.state} ${drawn.confidence.toFixed(2)}`].map((character, index) => {
      // the label's seven rows of text end 3 pixels above the box; a dot is brighter than the plate
      const left = 80 + 2 + 6 * index;
      const dots = Array.from(
        { length: 35 },
        (_, i) => Math.max(...pixel(left + (i % 5), 50 + Math.floor(i / 5))) > GREY,
      );
      return [character, dots.map(Number).join('')] as const;
    });
    for (const [character, shape] of shapes) expect(shape.includes('1')).toBe(character !== ' ');
    const alphabet = new Map(shapes);
    expect(new Set(alphabet.values()).size).toBe(alphabet.size);
  });

  it('moves the label into the frame where the box leaves it', () => {
    const right = draw(320, 240, result({ box: { x: 300, y: -20, w: 100, h: 80 } }));
    // the whole plate: darkened or lettered pixels of its full width in one row
    const row = Array.from({ length: 320 }, (_, x) => right.isChanged(x, 1)).filter(Boolean).length;
    expect(row).toBeGreaterThanOrEqual('tracking 0.87'.length * 6 - 1 + 4);
  });

  it('draws the visible edges of a box that is far larger than the frame, at once', () => {
    // of the processor, whatever else the machine does
    const before = process.cpuUsage();
    const { isChanged } = draw(320, 240, result({ box: { x: -1e9, y: 100, w: 2e9, h: 2e9 } }));
    expect(isChanged(0, 100) && isChanged(319, 100)).toBe(true);
    expect(isChanged(160, 200)).toBe(false);
    const { user, system } = process.cpuUsage(before);
    expect(user + system).toBeLessThan(1e6);
  });

  it('draws the label alone for a box that is not finite, and no number for such a confidence', () => {
    const noBox = draw(320, 240, result({ box: { x: Number.NaN, y: 60, w: 100, h: 80 } }));
    expect(noBox.changed.length).toBeGreaterThan(0);
    expect(noBox.changed.every(({ x, y }) => x < 100 && y < 20)).toBe(true);
    const widest = (confidence: number): number =>
      Math.max(...label({ confidence }).split(' ').map(Number.parseFloat)) - 80 + 1;
    expect(widest(Number.NaN)).toBe('tracking'.length * 6 - 1 + 4);
  });

  it('takes any numbers and any frame', () => {
    const number = fc.oneof(fc.double(), fc.double({ min: -500, max: 500 }));
    fc.assert(
      fc.property(
        fc.record({ x: number, y: number, w: number, h: number }),
        fc.double(),
        fc.constantFrom(...STATES),
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 1, max: 60 }),
        (box, confidence, state, width, height) => {
          expect(drawResult(greyFrame(width, height), { box, confidence, state })).toHaveLength(3 * width * height);
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('drawBoxes', () => {
  const [yellow, pink] = [
    [240, 228, 66],
    [255, 90, 160],
  ] as const;
  const box = { x: 20, y: 10, w: 60, h: 30 };

  it('shows both colours where a dashed box lies on another, on a dark ground', () => {
    const image = greyFrame(100, 60);
    drawBoxes(image, [
      { box, colour: pink, dashed: false },
      { box, colour: yellow, dashed: true },
    ]);
    const top = Array.from({ length: 60 }, (_, i) => [...image.data.subarray(3 * (10 * 100 + 20 + i)).subarray(0, 3)]);
    expect(new Set(top.map(String))).toEqual(new Set([String(yellow), String(pink)]));
    expect([...image.data.subarray(3 * (8 * 100 + 50)).subarray(0, 3)]).toEqual([0, 0, 0]);
    expect([...image.data.subarray(3 * (25 * 100 + 50)).subarray(0, 3)]).toEqual([GREY, GREY, GREY]);
  });

  it('leaves out what is not finite and what lies outside', () => {
    const image = greyFrame(100, 60);
    drawBoxes(image, [
      { box: { ...box, w: Number.NaN }, colour: pink, dashed: false },
      { box: { ...box, x: 1e9 }, colour: pink, dashed: true },
    ]);
    expect(image.data).toEqual(greyFrame(100, 60).data);
  });
});
