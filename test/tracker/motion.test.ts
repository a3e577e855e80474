import { expect, it } from 'vitest';
import { AT_REST, coast, limitBox, moveOn, nextVelocity } from '../../src/tracker/motion.js';

it.each(['x', 'y', 'w', 'h'])('a box whose %s is no number leaves the last one', (side) => {
  const last = { x: 1, y: 2, w: 30, h: 40 };
  const frame = { width: 100, height: 100 };
  for (const value of [Number.NaN, Infinity]) expect(limitBox({ ...last, [side]: value }, last, frame)).toEqual(last);
});

it('a box changes size step by step and keeps its centre in the frame', () => {
  const last = { x: 10, y: 10, w: 20, h: 20 };
  const limited = limitBox({ x: -400, y: 10, w: 200, h: 1 }, last, { width: 100, height: 100 });
  expect(limited.w).toBeCloseTo(20 * Math.exp(0.3), 5);
  expect(limited.h).toBeCloseTo(20 * Math.exp(-0.3), 5);
  expect(limited.x + limited.w / 2).toBe(0);
});

it('what is covered goes on as it went, ever slower, and not out of the frame', () => {
  const frame = { width: 400, height: 300 };
  let box = { x: 20, y: 200, w: 20, h: 10 };
  let velocity = AT_REST;
  for (let i = 0; i < 60; i++) {
    const next = { ...box, x: box.x + 4, y: box.y - 1 };
    velocity = nextVelocity(velocity, box, next);
    box = next;
  }
  expect(velocity.x).toBeCloseTo(4, 1);
  expect(velocity.y).toBeCloseTo(-1, 1);
  const seen = box;
  const steps: number[] = [];
  for (let i = 0; i < 60; i++) {
    const before = box;
    ({ box, velocity } = coast({ box, velocity }, frame));
    steps.push(box.x - before.x);
  }
  expect(box).toMatchObject({ w: 20, h: 10 });
  expect(steps[0]).toBeCloseTo(4, 1);
  expect(steps[30]!).toBeLessThan(0.25 * steps[0]!);
  expect(box.x - seen.x).toBeGreaterThan(40);
  const atEdge = { box: { x: 380, y: 100, w: 20, h: 10 }, velocity: { x: 50, y: 0, unsteady: 1 } };
  const edge = coast(atEdge, frame).box;
  expect(edge.x + edge.w / 2).toBe(400);
  // what turns this way and that stays where it was
  const there = { x: 100, y: 100, w: 20, h: 10 };
  expect(coast({ box: there, velocity: { x: 3, y: 0, unsteady: 2 } }, frame).box).toBe(there);
});

it('velocity comes of boxes that are sure, and no jump counts', () => {
  const velocity = { x: 3, y: 1, unsteady: 0.5 };
  const last = { x: 10, y: 10, w: 20, h: 10 };
  const box = { x: 18, y: 10, w: 20, h: 10 };
  const motion = { box: last, velocity };
  expect(moveOn(motion, box, false, true)).toEqual({ box, velocity: nextVelocity(velocity, last, box) });
  expect(moveOn(motion, box, false, true).velocity.x).toBeGreaterThan(3);
  expect(moveOn(motion, box, false, false)).toEqual({ box, velocity });
  expect(moveOn(motion, box, true, true)).toEqual({ box, velocity: AT_REST });
});
