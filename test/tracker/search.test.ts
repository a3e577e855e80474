import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/node/open.js';
import { createRandom } from '../../src/random.js';
import { onGrid, redetectBox } from '../../src/tracker/search.js';

const config = parseConfig({}).redetect;
const frame = { width: 640, height: 360 };
const box = { x: 500, y: 40, w: 40, h: 30 };
const SIDE = 160;

describe('redetectBox', () => {
  test('the last place alone until it has been lost for a while, and then on every other frame', () => {
    const looks = Array.from({ length: config.after + 2 * config.every }, (_, lostFor) =>
      redetectBox(box, frame, SIDE, lostFor, config),
    );
    expect(looks.slice(0, config.after).every((look) => look === undefined)).toBe(true);
    expect(looks[config.after]).toBeDefined();
    expect(looks[config.after + 1]).toBeUndefined();
    expect(looks[config.after + config.every]).toBeDefined();
  });

  test('every point of the frame is well inside one of the regions within one round, nearest places first', () => {
    const columns = Math.ceil(frame.width / (config.spacing * SIDE));
    const rows = Math.ceil(frame.height / (config.spacing * SIDE));
    const centres = Array.from({ length: columns * rows }, (_, i) => {
      const found = redetectBox(box, frame, SIDE, config.after + i * config.every, config)!;
      expect([found.w, found.h]).toEqual([box.w, box.h]);
      return [found.x + found.w / 2, found.y + found.h / 2] as const;
    });
    for (let x = 0; x <= frame.width; x += 10)
      for (let y = 0; y <= frame.height; y += 10) {
        const near = centres.some(
          ([cx, cy]) => Math.max(Math.abs(cx - x), Math.abs(cy - y)) <= (config.spacing * SIDE) / 2,
        );
        expect(near).toBe(true);
      }
    const distances = centres.map(([cx, cy]) => Math.hypot(cx - 520, cy - 55));
    expect(distances).toEqual(distances.toSorted((a, b) => a - b));
    expect(redetectBox(box, frame, SIDE, config.after + columns * rows * config.every, config)).toEqual(
      redetectBox(box, frame, SIDE, config.after, config),
    );
  });

  test('a region larger than the frame is one place', () => {
    const look = redetectBox(box, frame, 2000, config.after, config)!;
    expect(look.x + look.w / 2).toBe(320);
    expect(look.y + look.h / 2).toBe(180);
  });
});

describe('onGrid', () => {
  const random = createRandom(1);
  const boxes = Array.from({ length: 1000 }, () => {
    const size = 4 * Math.exp(5 * random.uniform());
    const aspect = Math.exp(random.normal() / 2);
    return { x: 1000 * random.uniform(), y: 1000 * random.uniform(), w: size * aspect, h: size / aspect };
  });

  test('a box moves by less than a 500th of its size, and once only', () => {
    for (const given of boxes) {
      const found = onGrid(given);
      const moved = (['x', 'y', 'w', 'h'] as const).map((key) => Math.abs(found[key] - given[key]));
      expect(Math.max(...moved)).toBeLessThanOrEqual(Math.sqrt(given.w * given.h) / 500);
      expect(onGrid(found)).toEqual(found);
    }
  });

  test('boxes that differ by rounding alone nearly always become one', () => {
    const others = boxes.map(({ x, y, w, h }) => {
      const off = 1e-6 * Math.sqrt(w * h);
      return { x: x + off, y: y - off, w: w + off, h: h - off };
    });
    const alike = boxes.filter((given, i) => JSON.stringify(onGrid(given)) === JSON.stringify(onGrid(others[i]!)));
    expect(alike.length).toBeGreaterThan(990);
  });
});
