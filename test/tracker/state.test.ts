import { expect, it } from 'vitest';
import {
  AT_REST,
  coast,
  confidenceInputs,
  confidenceOf,
  filterInputs,
  isLearned,
  limitBox,
  nextState,
  nextVelocity,
  seen,
} from '../../src/tracker/state.js';

const MODEL = { bias: 0, weights: [1, 1, 1, 1, 1, 1] };
const SOUND = { response: 1, rival: 0, spread: 0.02, effectiveShare: 0.9, energy: 1, logZ: 8 };

it.each(Object.keys(SOUND))('no confidence comes of a %s that is no number', (figure) => {
  expect(confidenceOf(confidenceInputs({ ...SOUND, [figure]: Number.NaN }), MODEL)).toBe(0);
  expect(nextState('tracking', 0)).toBe('lost');
  expect(confidenceOf(confidenceInputs(SOUND), MODEL)).toBeGreaterThan(0.5);
});

it('one frame counts half, some decide', () => {
  const model = { bias: 0, weights: [2, -1, -1, 1, 1, 1] };
  const good = confidenceInputs(SOUND);
  const bad = confidenceInputs({ response: 0, rival: 1, spread: 0.12, effectiveShare: 0.1, energy: 0, logZ: -6 });
  let inputs = filterInputs(undefined, good);
  expect(inputs).toEqual(good);
  inputs = filterInputs(inputs, bad);
  inputs.forEach((value, i) => expect(value).toBeCloseTo((good[i]! + bad[i]!) / 2, 12));
  for (let frame = 0; frame < 9; frame++) inputs = filterInputs(inputs, bad);
  expect(confidenceOf(inputs, model)).toBeLessThan(0.25);
});

it.each(['x', 'y', 'w', 'h'])('a box whose %s is no number leaves the last one', (side) => {
  const last = { x: 1, y: 2, w: 30, h: 40 };
  const frame = { width: 100, height: 100 };
  for (const value of [Number.NaN, Infinity]) expect(limitBox({ ...last, [side]: value }, last, frame)).toEqual(last);
});

it('what is lost is found only when it is sure', () => {
  expect(nextState('tracking', 0.2)).toBe('lost');
  expect(nextState('lost', 0.4)).toBe('lost');
  expect(nextState('lost', 0.6)).toBe('found');
  expect(nextState('found', 0.4)).toBe('uncertain');
  expect(nextState('uncertain', 0.9)).toBe('tracking');
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
    ({ box, velocity } = coast(box, velocity, frame));
    steps.push(box.x - before.x);
  }
  expect(box).toMatchObject({ w: 20, h: 10 });
  expect(steps[0]).toBeCloseTo(4, 1);
  expect(steps[30]!).toBeLessThan(0.25 * steps[0]!);
  expect(box.x - seen.x).toBeGreaterThan(40);
  const edge = coast({ x: 380, y: 100, w: 20, h: 10 }, { x: 50, y: 0, unsteady: 1 }, frame).box;
  expect(edge.x + edge.w / 2).toBe(400);
  // what turns this way and that stays where it was
  const there = { x: 100, y: 100, w: 20, h: 10 };
  expect(coast(there, { x: 3, y: 0, unsteady: 2 }, frame).box).toBe(there);
});

it('velocity comes of boxes that are sure, and no jump counts', () => {
  const velocity = { x: 3, y: 1, unsteady: 0.5 };
  const last = { x: 10, y: 10, w: 20, h: 10 };
  const box = { x: 18, y: 10, w: 20, h: 10 };
  const from = (state: 'tracking' | 'uncertain' | 'lost' | 'found') => ({ box: last, velocity, state });
  expect(seen(from('tracking'), box, false, 0.8)).toEqual({ box, velocity: nextVelocity(velocity, last, box) });
  expect(seen(from('found'), box, false, 0.8).velocity.x).toBeGreaterThan(3);
  // of a doubtful box, and of the first after one
  expect(seen(from('tracking'), box, false, 0.4)).toEqual({ box, velocity });
  expect(seen(from('uncertain'), box, false, 0.8)).toEqual({ box, velocity });
  expect(seen(from('lost'), box, false, 0.8)).toEqual({ box, velocity });
  expect(seen(from('lost'), box, true, 0.9)).toEqual({ box, velocity: AT_REST });
});

it('only what is tracked is learned, each sixth frame, where it is like the first', () => {
  const rules = { learnAbove: 0.35, learnEvery: 6 };
  const states = ['tracking', 'found', 'uncertain', 'lost'] as const;
  expect(states.map((state) => isLearned(state, 0.8, 12, rules))).toEqual([true, true, false, false]);
  expect(isLearned('tracking', 0.8, 13, rules)).toBe(false);
  expect(isLearned('tracking', 0.3, 12, rules)).toBe(false);
});
