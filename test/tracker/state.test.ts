import { expect, test } from 'vitest';
import { parseConfig } from '../../src/config.js';
import { nextMotion, nextState, searchFactor } from '../../src/tracker/state.js';

const box = { x: 100, y: 100, w: 20, h: 80 };

test('motion is the step in units of sqrt(w h), and fades', () => {
  const moved = { ...box, x: 120 };
  expect(nextMotion(0, box, moved)).toBeCloseTo(0.5);
  expect(nextMotion(0.5, moved, moved)).toBeCloseTo(0.4);
  // a change of size about the same centre is no motion
  expect(nextMotion(0, box, { x: 105, y: 90, w: 10, h: 100 })).toBe(0);
});

test('the search region is wider for what moves or is not surely seen, within its limit', () => {
  const search = { factor: 3, widest: 4.5, perMotion: 2, unsure: 1.25 };
  expect(searchFactor({ motion: 0, state: 'tracking' }, search)).toBe(3);
  expect(searchFactor({ motion: 0.25, state: 'found' }, search)).toBe(3.5);
  expect(searchFactor({ motion: 0, state: 'uncertain' }, search)).toBe(3.75);
  expect(searchFactor({ motion: 1, state: 'lost' }, search)).toBe(4.5);
  // a factor above the limit was set by somebody who wants it
  expect(searchFactor({ motion: 1, state: 'lost' }, { ...search, factor: 5 })).toBe(5);
  expect(parseConfig({}).search.widest).toBeGreaterThan(parseConfig({}).search.factor);
});

test('what is lost is found only when it is sure', () => {
  expect(nextState('tracking', 0.2)).toBe('lost');
  expect(nextState('lost', 0.4)).toBe('lost');
  expect(nextState('lost', 0.6)).toBe('found');
  expect(nextState('found', 0.4)).toBe('uncertain');
  expect(nextState('uncertain', 0.9)).toBe('tracking');
});
