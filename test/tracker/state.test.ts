import { expect, it } from 'vitest';
import { confidenceOf, limitBox, nextState } from '../../src/tracker/state.js';

const MODEL = { bias: 0, weights: [1, 1, 1, 1, 1] };
const SOUND = { response: 1, rival: 0, spread: 0.02, effectiveShare: 0.9, energy: 10 };

it.each(Object.keys(SOUND))('no confidence comes of a %s that is no number', (figure) => {
  expect(confidenceOf({ ...SOUND, [figure]: Number.NaN }, MODEL)).toBe(0);
  expect(nextState('tracking', 0)).toBe('lost');
  expect(confidenceOf(SOUND, MODEL)).toBeGreaterThan(0.5);
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
